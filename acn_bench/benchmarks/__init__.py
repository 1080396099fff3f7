"""How a card is measured: one protocol per kind."""
