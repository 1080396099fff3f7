"""Data sets: the facts of each that a plan needs, and the function that reads it. Never torch."""
