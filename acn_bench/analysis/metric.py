"""One number of a record: its title, its definition, the definition's source, and the function that computes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from acn_bench.analysis.image_outcomes import ByImage
from acn_bench.record import Record

Measure = Callable[[Record], float | None]
Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Metric:
    """One number of a record."""

    name: str
    title: str
    unit: str  # a key of wording.UNITS
    better: Better
    definition: str
    source: str
    of: Measure
    missing: str | Callable[[Record], str] = "not measured"  # why a record may have no value
    chance: Measure | None = None  # the chance level of an accuracy
    printed_by: str = ""  # the libraries that print it, with their names for it
    # where it needs another run of the same seeds and settings, (record, that run) in place of `of`: joint training
    # of the same network, or the residual arm
    against: Callable[[Record, Record], float | None] | None = None
    reference: Literal["joint", "residual"] = "joint"
    # what the number is made of, so that one pair has an interval over images; None where a record does not hold it
    by_image: Callable[[Record], ByImage | None] | None = None

    @property
    def origin(self) -> str:
        """Where the definition is stated, and which libraries print it."""
        printed = f"; printed by {self.printed_by}" if self.printed_by else ""
        return f"{self.source}{printed}"

    def value(self, record: Record, reference: Record | None = None) -> float | None:
        """The number; None where the record, or the run of reference that it needs, has no value for it."""
        if self.against is None:
            return self.of(record)
        return None if reference is None else self.against(record, reference)

    def why_not(self, record: Record) -> str:
        """Why this record has no value."""
        return self.missing if isinstance(self.missing, str) else self.missing(record)
