"""Texts -> token ids: WordPiece vocabularies, encoded and packed sequences, masking, and a cache on disk."""
