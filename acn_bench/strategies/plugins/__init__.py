"""Plug-ins of strategies: corrections of Avalanche's, and their state for checkpoints."""
