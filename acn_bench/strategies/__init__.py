"""A strategy's card -> an Avalanche learner."""
