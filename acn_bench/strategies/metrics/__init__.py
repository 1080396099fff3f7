"""What a stock Avalanche pipeline logs: utilised depth, accuracy under noise, and how that is forgotten."""
