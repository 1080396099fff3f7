"""One row of a table of accuracies: each arm, and AC less each baseline, over seeds or, of one seed, over images."""

from collections.abc import Callable
from dataclasses import dataclass

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Cell as Values
from acn_bench.analysis.groups import Group
from acn_bench.analysis.image_outcomes import ByImage
from acn_bench.analysis.metric import Measure
from acn_bench.analysis.one_pair import interval_over_images
from acn_bench.record import Record
from acn_bench.reports import views
from acn_bench.reports.model import Cell


@dataclass(frozen=True)
class Accuracy:
    """An accuracy of a record, and its outcome for each image, 0 … 1; None where the record does not hold them."""

    title: str
    measure: Measure
    outcomes: Callable[[Record], list[float] | None]

    def by_image(self, record: Record) -> ByImage | None:
        """The accuracy as a mean over images."""
        outcomes = self.outcomes(record)
        return None if outcomes is None else ByImage((outcomes,))


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
    return views.against("%", d, interval_over_images(group, accuracy.by_image, baseline))
