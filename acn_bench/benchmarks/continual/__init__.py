"""Continual learning: classes that arrive in experiences, one after the other."""
