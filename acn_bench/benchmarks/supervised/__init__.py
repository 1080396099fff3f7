"""Train one network on images by a recipe, and measure accuracy at every depth, under noise and with early exit."""
