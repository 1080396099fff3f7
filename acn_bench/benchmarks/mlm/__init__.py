"""Pre-train a text network on masked tokens, and measure its loss and accuracy at every depth."""
