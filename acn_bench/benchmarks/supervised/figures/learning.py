"""Comparison -> accuracy over the epochs, where it was measured while the networks were trained."""

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.supervised.record import SupervisedRecord
from acn_bench.reports.figures import panels
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE
from acn_bench.reports.model import Figure

_CAPTION = (
    "Test accuracy at full depth after epochs of the training; the thin line is that of held-out rows. Nothing is "
    f"selected by either: the network of the last epoch is the result. {SHADE} Dotted: chance level."
)


def draw(comparison: Comparison) -> Figure | None:
    """One panel a group whose networks were measured after two epochs or more."""
    groups = [g for g in comparison.groups if all(len(r.result.curve) > 1 for r in g.records)]
    return panels.draw(groups, "learning", "Accuracy by epoch", _CAPTION, _panel, _top, "accuracy, %")  # fmt: skip


def _panel(ax: Axes, group: Group) -> None:
    epochs = [point.epoch for point in group.records[0].result.curve]
    for arm in group.arms.values():
        held_out = [[p.validation / r.result.rows.validation for p in r.result.curve] for r in arm.records]  # fmt: skip
        panels.line(ax, epochs, held_out, arm.name, marker=False, shade=False, width=0.6)
        panels.line(ax, epochs, [_test(r) for r in arm.records], arm.name, marker=False)
    ax.x.label, ax.x.most, ax.x.whole = "epochs", 8, True


def _test(record: SupervisedRecord) -> list[float]:
    return [point.test / record.result.rows.test for point in record.result.curve]


def _top(group: Group) -> float:
    return max(max(_test(r)) for r in group.records)
