"""Comparison -> the training loss over the epochs, and the test loss at the end."""

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.reports.figures import panels, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE
from acn_bench.reports.model import Figure

_CAPTION = (
    "Training loss of each epoch, with augmented images and mixed and smoothed labels; the marker at the right is the "
    f"test loss of the final network, of clean images and plain labels, mean over seeds. {SHADE}"
)


def draw(comparison: Comparison) -> Figure | None:
    """One panel a group that was trained for two epochs or more."""
    groups = [g for g in comparison.groups if all(len(r.result.train_loss) > 1 for r in g.records)]
    return panels.draw(groups, "losses", "Training loss", _CAPTION, _panel, None, "loss, nats")


def _panel(ax: Axes, group: Group) -> None:
    for arm in group.arms.values():
        rows = [r.result.train_loss for r in arm.records]
        epochs = range(1, len(rows[0]) + 1)
        panels.line(ax, epochs, rows, arm.name, marker=False, scale=1.0)
        test, look = arm.cell("test_loss").mean, style.look(arm.name)
        if test is not None:
            ax.markers([epochs[-1]], [test], look.marker, look.colour, 6)
    ax.x.label, ax.x.most, ax.x.whole = "epochs", 8, True
