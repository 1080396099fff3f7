"""Comparison of a transfer -> accuracy by depth on source and target, and over the epochs of the source."""

from collections.abc import Callable, Iterator, Sequence

from matplotlib.ticker import MaxNLocator

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_order, arm_title
from acn_bench.record import Record
from acn_bench.reports.figures import pairs, panels, style, sweeps
from acn_bench.reports.figures.panels import SHADE
from acn_bench.reports.figures.style import QUIET, WIDTH
from acn_bench.reports.model import Drawing, Figure

Read = Callable[[Record], Sequence[float]]

# (title of a panel, what it shows after 0 … L blocks, its classes)
_DEPTHS: tuple[tuple[str, Read, Callable[[Record], int]], ...] = (
    ("source, before", lambda r: r.result.source.accuracy.test, lambda r: r.result.source_classes),
    ("target, probes before", lambda r: r.result.probed.accuracy.test, lambda r: r.result.target_classes),
    ("target, fine-tuned", lambda r: r.result.finetuned.accuracy.test, lambda r: r.result.target_classes),
)  # fmt: skip


LEAD = ("finetuned_accuracy",)  # metrics of the first figure, in order of preference


def draw(comparison: Comparison) -> Iterator[Figure | None]:
    """All figures but the first; None where the records have no measurements for one."""
    yield sweeps.draw(comparison, "finetuned_accuracy")
    yield pairs.draw(comparison, "finetuned_cut_accuracy")
    yield pairs.draw(comparison, "probe_accuracy")
    yield pairs.draw(comparison, "source_accuracy")
    yield epochs(comparison)
    yield depths(comparison)
    yield pairs.draw(comparison, "cut_depth")


def depths(comparison: Comparison) -> Figure | None:
    """Test accuracy by depth: of the source's network on the source and probed on the target, and fine-tuned."""
    groups = [
        g
        for g in comparison.groups
        if all(len(r.result.source.accuracy.test) > 1 for r in g.records)
    ]
    parts = tuple(_depths(group, f"transfer-depth-{k}") for k, group in enumerate(groups))
    caption = (
        "Test accuracy with the head reading after 0, 1, … blocks. Left: the network as the source left it, through "
        "the head that was trained there. Middle: the same network on the target, each depth through a linear probe "
        "of its own. Right: the whole network after fine-tuning on the target, each depth through its one head; "
        f"nothing is trained again. {SHADE} Dotted: chance level."
    )
    return (
        Figure("transfer-depth", "Accuracy by depth, before and after", caption, parts)
        if parts
        else None
    )


def _depths(group: Group, name: str) -> Drawing:
    with style.canvas(WIDTH, 2.4) as figure:
        axes = style.panels(figure, len(_DEPTHS), len(_DEPTHS), sharey=False)
        for ax, (title, read, classes) in zip(axes, _DEPTHS, strict=True):
            curves = {a: [read(r) for r in arm.records] for a, arm in group.arms.items()}
            for arm, rows in curves.items():
                panels.line(ax, range(len(rows[0])), rows, arm)
            top = max(v for rows in curves.values() for row in rows for v in row)
            style.accuracy_axis(ax, top, 1 / classes(group.records[0]))
            ax.set_title(title)
            ax.set_xlabel("blocks that the head reads")
            ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes[0].set_ylabel("accuracy, %")
        style.legend(figure, sorted(group.arms, key=arm_order))
        return Drawing(
            group.label,
            style.svg(figure, name),
            f"Accuracy by depth, {group.label}: {_ends(group)}.",
        )


def _ends(group: Group) -> str:
    said = []
    for name, arm in group.arms.items():
        values = [r.result.finetuned.accuracy.test[-1] for r in arm.records]
        said.append(f"{arm_title(name)} ends at {100 * sum(values) / len(values):.1f} % fine-tuned")
    return ", ".join(said)


def epochs(comparison: Comparison) -> Figure | None:
    """Held-out accuracy after each epoch: on the source until the arm stopped, and of the fine-tuning."""
    parts = tuple(_epochs(g, f"transfer-epochs-{k}") for k, g in enumerate(comparison.groups))
    caption = (
        "Accuracy on held-out rows at full depth over the epochs, one line a seed. Left: on the source; a line ends "
        "where its arm stopped, and what it ends with was transferred. The level line is the accuracy at which an "
        "arm stops; one that ends below it never reached it. Right: on the target while the whole network is "
        "fine-tuned; its last epoch counts, nothing is selected."
    )
    return Figure("transfer-epochs", "How the arms were matched", caption, parts) if parts else None


def _epochs(group: Group, name: str) -> Drawing:
    wanted = group.config.benchmark.source_accuracy
    with style.canvas(WIDTH, 2.3) as figure:
        left, right = style.panels(figure, 2, 2, sharey=False)
        for arm in group.arms.values():
            for record in arm.records:
                result, look = record.result, style.look(arm.name)
                checks = record.config.benchmark.checks_per_epoch
                both = (left, result.source.held_out, checks), (right, result.finetuned.held_out, 1)
                for ax, held_out, checks in both:
                    xs = [(k + 1) / checks for k in range(len(held_out))]
                    ax.plot(
                        xs,
                        [100 * v for v in held_out],
                        color=look.colour,
                        linestyle=look.dash,
                        lw=1.1,
                    )
                    ax.plot(xs[-1], 100 * held_out[-1], look.marker, color=look.colour, ms=4.5)
        if wanted is not None:
            left.axhline(100 * wanted, color=QUIET, lw=0.8, zorder=0)
        for ax, title in ((left, "source"), (right, "target, fine-tuning")):
            ax.set_title(title)
            ax.set_ylim(bottom=0)
            ax.set_xlabel("epochs")
            ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        left.set_ylabel("held-out accuracy, %")
        style.legend(figure, sorted(group.arms, key=arm_order))
        return Drawing(
            group.label,
            style.svg(figure, name),
            f"Held-out accuracy over epochs, {group.label}: {_stops(group)}.",
        )


def _stops(group: Group) -> str:
    said = []
    for name, arm in group.arms.items():
        ends = [f"{v:.3g}" for v in arm.cell("source_epochs").values.values()]
        said.append(f"{arm_title(name)} stopped after {', '.join(ends)} epochs")
    return "; ".join(said)
