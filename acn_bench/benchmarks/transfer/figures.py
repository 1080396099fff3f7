"""Comparison of a transfer -> accuracy by depth on source and target, and over the epochs of the source."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_order, arm_title
from acn_bench.record import Record
from acn_bench.reports.figures import fronts, grid, pairs, panels, style, sweeps
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE
from acn_bench.reports.figures.style import QUIET
from acn_bench.reports.model import Drawing, Figure
from acn_bench.reports.sections.figures import DrawFigure

Read = Callable[[Record], Sequence[float]]

# (title of a panel, what it shows after 0 … L blocks, its classes)
_DEPTHS: tuple[tuple[str, Read, Callable[[Record], int]], ...] = (
    ("source, before", lambda r: r.result.source.accuracy.test, lambda r: r.result.source_classes),
    ("target, probes before", lambda r: r.result.probed.accuracy.test, lambda r: r.result.target_classes),
    ("target, fine-tuned", lambda r: r.result.finetuned.accuracy.test, lambda r: r.result.target_classes),
)  # fmt: skip


LEAD = ("finetuned_accuracy",)  # metrics of the first figure, in order of preference


def figures(comparison: Comparison) -> Iterator[DrawFigure]:
    """All figures but the first."""
    yield from sweeps.figures(comparison, "finetuned_accuracy")
    yield partial(pairs.draw, comparison, "finetuned_cut_accuracy")
    yield partial(pairs.draw, comparison, "probe_accuracy")
    yield partial(pairs.draw, comparison, "source_accuracy")
    yield partial(epochs, comparison)
    yield partial(depths, comparison)
    yield partial(pairs.draw, comparison, "cut_depth")
    yield partial(fronts.draw, comparison, "finetuned_accuracy", "truncated_accuracy")


def depths(comparison: Comparison) -> Figure | None:
    """Test accuracy by depth: of the source's network on the source and probed on the target, and fine-tuned."""
    groups = [
        g
        for g in comparison.groups
        if all(len(r.result.source.accuracy.test) > 1 for r in g.records)
    ]
    parts = tuple(_depths(group) for group in groups)
    caption = (
        "Test accuracy with the head after 0, 1, … blocks. Left: the network as the source left it, through "
        "its own head. Middle: the same network on the target, each depth through a linear probe "
        "of its own. Right: the whole network after fine-tuning on the target, each depth through its one head; "
        f"nothing is trained again. {SHADE} Dotted: chance level."
    )
    return (
        Figure("transfer-depth", "Accuracy by depth, before and after", caption, parts)
        if parts
        else None
    )


def _depths(group: Group) -> Drawing:
    axes = []
    for title, read, classes in _DEPTHS:
        ax = Axes(title)
        curves = {a: [read(r) for r in arm.records] for a, arm in group.arms.items()}
        for arm, rows in curves.items():
            panels.line(ax, range(len(rows[0])), rows, arm)
        top = max(v for rows in curves.values() for row in rows for v in row)
        panels.accuracy_axis(ax, top, 1 / classes(group.records[0]))
        panels.blocks_axis(ax)
        axes.append(ax)
    return _drawing(
        group, axes, "accuracy, %", f"Accuracy by depth, {group.label}: {_ends(group)}."
    )


def _drawing(group: Group, axes: Sequence[Axes], ylabel: str, alt: str) -> Drawing:
    """Panels side by side, each with a scale of its own."""
    legend = grid.arm_entries(sorted(group.arms, key=arm_order))
    svg = grid.grid(axes, 110, columns=len(axes), legend=legend, ylabel=ylabel, share=False)
    return Drawing(group.label, svg, alt)


def _ends(group: Group) -> str:
    sentences = []
    for name, arm in group.arms.items():
        values = [r.result.finetuned.accuracy.test[-1] for r in arm.records]
        sentences.append(
            f"{arm_title(name)} ends at {100 * sum(values) / len(values):.1f} % fine-tuned"
        )
    return ", ".join(sentences)


def epochs(comparison: Comparison) -> Figure | None:
    """Held-out accuracy after each epoch: on the source until the arm stopped, and of the fine-tuning."""
    parts = tuple(_epochs(g) for g in comparison.groups)
    caption = (
        "Accuracy on held-out rows at full depth over the epochs, one line a seed. Left: on the source; a line ends "
        "where its arm stopped, and what it ends with was transferred. The level line is the accuracy at which an "
        "arm stops; one that ends below it never reached it. Right: on the target while the whole network is "
        "fine-tuned; its last epoch counts, nothing is selected."
    )
    return Figure("transfer-epochs", "How the arms were matched", caption, parts) if parts else None


def _epochs(group: Group) -> Drawing:
    source, target = Axes("source"), Axes("target, fine-tuning")
    if (wanted := group.config.benchmark.source_accuracy) is not None:
        source.level(100 * wanted, QUIET, 0.8, seen=True)
    for arm in group.arms.values():
        for record in arm.records:
            checks = record.config.benchmark.checks_per_epoch
            _held_out(source, arm.name, record.result.source.held_out, checks)
            _held_out(target, arm.name, record.result.finetuned.held_out, 1)
    for ax in (source, target):
        ax.y.low = 0.0
        ax.x.label, ax.x.most, ax.x.whole = "epochs", 8, True
    alt = f"Held-out accuracy over epochs, {group.label}: {_stops(group)}."
    return _drawing(group, (source, target), "held-out accuracy, %", alt)


def _held_out(ax: Axes, arm: str, accuracies: Sequence[float], checks: int) -> None:
    """The line of one seed, with a marker at its end."""
    look, xs = style.look(arm), [(k + 1) / checks for k in range(len(accuracies))]
    ys = [100 * v for v in accuracies]
    ax.line(xs, ys, look.colour, 1.1, look.dash)
    ax.markers(xs[-1:], ys[-1:], look.marker, look.colour, 4.5)


def _stops(group: Group) -> str:
    sentences = []
    for name, arm in group.arms.items():
        ends = [f"{v:.3g}" for v in arm.cell("source_epochs").values.values()]
        sentences.append(f"{arm_title(name)} stopped after {', '.join(ends)} epochs")
    return "; ".join(sentences)
