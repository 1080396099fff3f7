"""Kinds of benchmark, a folder each; `kind.py` says what a kind is."""
