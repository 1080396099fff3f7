"""A batch, a network and a rule -> a loss: supervised training, as plain torch."""
