"""A section of a report as an object that a kind of benchmark lists."""

from collections.abc import Callable
from dataclasses import dataclass

from acn_bench.analysis.comparison import Comparison
from acn_bench.reports.model import Section


@dataclass(frozen=True)
class ReportSection:
    """Builds one section of a report; a kind lists those that its reports have."""

    name: str
    order: int  # sections stand in ascending order
    build: Callable[[Comparison], Section | None]  # None where these records have nothing for it
    draws: bool = False  # whether it is figures: left out of formats that show none
