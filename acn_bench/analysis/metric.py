"""One number of a record: its title, its definition, the definition's source, and the function that computes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from acn_bench.record import Record

Measure = Callable[[Record], float | None]


@dataclass(frozen=True)
class Metric:
    """One number of a record."""

    name: str
    title: str
    unit: str  # a key of wording.UNITS
    better: Literal["lower", "higher"]
    definition: str
    source: str
    of: Measure
    missing: str | Callable[[Record], str] = "not measured"  # why a record may have no value
    chance: Measure | None = None  # the chance level of an accuracy
    printed_by: str = ""  # the libraries that print it, with their names for it
    # where it needs joint training of the same network, seeds and settings, (record, joint) in place of `of`
    against_joint: Callable[[Record, Record], float | None] | None = None

    @property
    def origin(self) -> str:
        """Where the definition is stated, and which libraries print it."""
        printed = f"; printed by {self.printed_by}" if self.printed_by else ""
        return f"{self.source}{printed}"

    def value(self, record: Record, joint: Record | None = None) -> float | None:
        """The number; None where the record, or the joint training that it needs, has no value for it."""
        if self.against_joint is None:
            return self.of(record)
        return None if joint is None else self.against_joint(record, joint)

    def why_not(self, record: Record) -> str:
        """Why this record has no value."""
        return self.missing if isinstance(self.missing, str) else self.missing(record)
