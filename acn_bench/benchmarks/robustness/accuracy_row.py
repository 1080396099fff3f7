"""One row of a table of accuracies: each arm, and AC less each baseline, over seeds or, of one seed, over images."""

from collections.abc import Callable
from dataclasses import dataclass

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Cell as Values
from acn_bench.analysis.groups import Group, SeedKey
from acn_bench.analysis.image_outcomes import RESAMPLES, paired_interval
from acn_bench.analysis.metric import Measure
from acn_bench.record import Record
from acn_bench.reports import views
from acn_bench.reports.model import Cell

ONE_PAIR = (
    "There is one pair: its intervals are over the test images, which are the same for both arms (paired percentile "
    f"bootstrap, {RESAMPLES:,} resamples). They say nothing about another training, and decide no "
    "verdict. Records of older versions do not hold the outcome of each image."
)


@dataclass(frozen=True)
class Accuracy:
    """An accuracy of a record, and its outcome for each image, 0 … 1; None where the record does not hold them."""

    title: str
    measure: Measure
    outcomes: Callable[[Record], list[float] | None]


def row(comparison: Comparison, group: Group, accuracy: Accuracy) -> tuple[Cell, ...]:
    """The cells below the heading and `views.arm_columns`."""
    return views.row_cells(
        views.QualityRow(
            accuracy.title,
            tuple(_of_arm(group, arm, accuracy.measure) for arm in comparison.arms),
            tuple(_against(group, accuracy, baseline) for baseline in comparison.baselines),
        )
    )


def _of_arm(group: Group, arm: str, measure: Measure) -> str:
    values = group.arms[arm].cell_of(measure) if arm in group.arms else Values({}, 0)
    return views.shown("%", values, views.runs(group))


def _against(group: Group, accuracy: Accuracy, baseline: str) -> tuple[str, str, str]:
    """A paired difference, its interval and how many pairs it is over; of one pair the interval is over images."""
    d = group.difference_of(accuracy.measure, "higher", baseline)
    change, interval, pairs = views.against("%", d)
    if d is not None and d.n == 1:
        (seed,) = d.values
        ac, other = (_outcomes(group, arm, seed, accuracy) for arm in ("ac", baseline))
        if ac is not None and other is not None and len(ac) == len(other):
            interval = wording.bracket("%", d.mean, paired_interval(ac, other))
    return change, interval, pairs


def _outcomes(group: Group, arm: str, seed: SeedKey, accuracy: Accuracy) -> list[float] | None:
    of_arm = group.arms[arm]
    return accuracy.outcomes(of_arm.records[of_arm.seeds.index(seed)])
