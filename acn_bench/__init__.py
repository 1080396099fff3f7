"""Do auto-compressing networks forget less, resist noise better and need fewer layers? acn_bench measures it."""

__version__ = "0.1.0"
