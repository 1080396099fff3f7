"""A section of a report as an object that a kind of benchmark lists."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from acn_bench.analysis.comparison import Comparison
from acn_bench.reports.model import Section

BuildPart = Callable[[], Section | None]  # None where these records have nothing for it


@dataclass(frozen=True)
class ReportSection:
    """Builds one section of a report; a kind lists those that its reports have."""

    name: str
    order: int  # sections stand in ascending order
    build: Callable[[Comparison], Section | None]  # None where these records have nothing for it
    draws: bool = False  # whether it is figures: left out of formats that show none
    # what `build` joins, where parts of a section can be built at the same time
    split: Callable[[Comparison], Iterable[BuildPart]] | None = None

    def parts(self, comparison: Comparison) -> Sequence[BuildPart]:
        """What `joined` makes the section of: `build` alone, or the parts that it joins."""
        return [*self.split(comparison)] if self.split else [partial(self.build, comparison)]


def joined(parts: Iterable[Section | None]) -> Section | None:
    """One section with the blocks of all that are there; None where none is."""
    there = [part for part in parts if part is not None]
    blocks = tuple(block for part in there for block in part.blocks)
    return replace(there[0], blocks=blocks) if there else None
