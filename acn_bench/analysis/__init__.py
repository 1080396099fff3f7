"""Torch-free science: records -> groups, comparisons, statistics, caveats."""
