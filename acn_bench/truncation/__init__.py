"""A run's weights and its record -> a smaller network in one file, and a note about the cut."""

from acn_bench.truncation.choice import Choice
from acn_bench.truncation.note import Cut, rows
from acn_bench.truncation.truncate_file import truncate

__all__ = ["Choice", "Cut", "rows", "truncate"]
