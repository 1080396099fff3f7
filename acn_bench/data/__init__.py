"""Data sets, their splits, corruptions and batches."""
