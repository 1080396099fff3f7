"""How many blocks a truncated network keeps: chosen by hand, or by accuracy on held-out rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acn_bench import noninferiority
from acn_bench.analysis import depth_metrics
from acn_bench.analysis.final_model import final_model
from acn_bench.record import Record

Rule = Literal["by hand", "by test", "by tolerance"]


@dataclass(frozen=True)
class Choice:
    """`depth` by hand; otherwise within `tolerance`, by the mean or by a non-inferiority test."""

    tolerance: float | None = None  # a loss in accuracy, in [0, 1); None: TOLERANCE
    by_test: bool = False
    depth: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a tolerance outside [0, 1), or for two choices at once."""
        if not 0 <= self.allowed < 1:
            raise ValueError(
                "--tolerance is a loss in accuracy from 0 to below 1 (0.01 is one point), not "
                f"{self.allowed:g}"
            )
        if self.depth is not None and (self.by_test or self.tolerance is not None):
            other = "--test by a test" if self.by_test else "--tolerance by held-out rows"
            raise ValueError(f"--depth chooses by hand and {other}: use only one of them")
        if self.by_test and self.tolerance == 0:
            raise ValueError(
                "--test needs a --tolerance above 0: no test can show a loss of exactly 0"
            )

    @property
    def allowed(self) -> float:
        """The loss in accuracy that a choice by held-out rows allows."""
        return depth_metrics.TOLERANCE if self.tolerance is None else self.tolerance

    @property
    def rule(self) -> Rule:
        """For the note."""
        if self.depth is not None:
            return "by hand"
        return "by test" if self.by_test else "by tolerance"


def chosen_depth(choice: Choice, record: Record | None, path: Path) -> int:
    """The number of blocks to keep; `path` is where the record is, or should be, for messages.

    Raises LookupError without a record, ValueError where its held-out rows cannot decide.
    """
    if choice.depth is not None:
        return choice.depth
    by_hand = "use --depth K to choose by hand"
    if record is None:
        raise LookupError(f"there is no run's record at {path} to choose a depth by; {by_hand}")
    if depth_metrics.depth_curve(record, "validation") is None:
        raise ValueError(f"{path} has no accuracy by depth to choose by; {by_hand}")
    if depth_metrics.utilised_depth(record) is None:
        raise ValueError(
            f"{record.run_id} is not above chance level even at full depth, so no depth can be chosen; {by_hand}"
        )
    select = depth_metrics.sufficient_depth if choice.by_test else depth_metrics.utilised_depth
    depth = select(record, choice.allowed)
    if depth is None:  # only with --test: the reasons of the other rule are above
        raise ValueError(_why_no_test(choice, record, path))
    return depth


def _why_no_test(choice: Choice, record: Record, path: Path) -> str:
    count = final_model(record).held_out
    if noninferiority.shown(0, 0, count, choice.allowed):  # enough examples, so counts are missing
        return (
            f"{path} was made before acn_bench recorded the counts that --test needs; remove --test"
        )
    return (
        f"{count} held-out examples are too few to show that less than {choice.allowed:g} is lost; "
        "use a larger --tolerance, or remove --test"
    )
