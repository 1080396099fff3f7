"""Comparison -> a metric against the number of blocks, or another number, where a sweep over it was run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import log10
from typing import Any

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_order
from acn_bench.analysis.metric import Metric
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.model import Drawing, Figure

Sweep = Sequence[Group]  # in the order of the setting's values; None last
Value = float | None  # None: no limit, or no such number
Positions = dict[Value, float]  # where a value stands on the horizontal axis

PANELS = 12  # of a drawing: what fits on one page
_WIDE = 10  # largest ÷ smallest: from here on the scale is logarithmic
_CAPTION = (
    "One dot a seed, one line an arm through the means; every value is a network of its own, trained from its own "
    "initial weights, and the arms of a seed share the data."
)


@dataclass(frozen=True)
class Setting:
    """A number that the groups of a panel differ in."""

    word: str  # the last one of its name: "depth" of `backbone.mixer.depth`
    label: str  # of the horizontal axis
    value: Callable[[Group], Value]


def setting(word: str) -> Setting:
    """The setting as the configs have it."""
    return Setting(word, wording.key(word), lambda group: _named(group, word)[0])


_DEPTH = Setting("depth", "blocks", lambda group: group.depth)


def figures(
    comparison: Comparison, *metrics: str, but: tuple[str, ...] = ()
) -> Iterator[Callable[[], Figure | None]]:
    """What draws each metric by depth, then by every other number that was swept, except `but`."""
    for each in (_DEPTH, *(setting(word) for word in _swept(comparison) if word not in but)):
        for metric in metrics:
            yield partial(draw, comparison, metric, each)


def draw(comparison: Comparison, metric_name: str, setting: Setting) -> Figure | None:
    """One panel for all groups that differ in the setting alone; None where it was not swept."""
    metric = comparison.kind.metric(metric_name)
    shown = [g for g in comparison.groups if any(g.cell(a, metric.name).n for a in g.arms)]
    sweeps = _sweeps(shown, setting)
    if not sweeps:
        return None
    title = f"{metric.title} by {'depth' if setting is _DEPTH else setting.label}"
    name = f"{metric.name}-{'sweep' if setting is _DEPTH else setting.word}"
    return Figure(name, title, _CAPTION, tuple(_drawings(metric, setting, sweeps, title)))


# ---------------------------------------------------------------- what was swept


def _swept(comparison: Comparison) -> list[str]:
    """The words of the settings with several numbers among groups that are alike in all else; depth aside."""
    values: dict[str, set[Any]] = {}
    for group in comparison.groups:
        for name, value in group.settings.items():
            values.setdefault(_word(name), set()).add(value)
    varied = [word for word, distinct in values.items() if len(distinct) > 1]
    return [w for w in varied if w != _DEPTH.word and _sweeps(comparison.groups, setting(w))]


def _sweeps(groups: Sequence[Group], setting: Setting) -> list[Sweep]:
    parted: dict[tuple[tuple[str, Any], ...], list[Group]] = {}
    for group in groups:
        if len(values := _named(group, setting.word)) == 1 and _is_number(values[0]):
            shared = tuple(
                pair for pair in group.settings.items() if _word(pair[0]) != setting.word
            )
            parted.setdefault(shared, []).append(group)
    sweeps = [sorted(s, key=lambda g: _order(setting.value(g))) for s in parted.values()]
    return [s for s in sweeps if len({setting.value(g) for g in s}) > 1]


def _named(group: Group, word: str) -> list[Any]:
    return [value for name, value in group.settings.items() if _word(name) == word]


def _word(name: str) -> str:
    return name.rpartition(".")[2]


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _order(value: Value) -> tuple[bool, float]:
    return (value is None, value or 0.0)


# ---------------------------------------------------------------- the drawing


def _drawings(
    metric: Metric, setting: Setting, sweeps: Sequence[Sweep], title: str
) -> Iterator[Drawing]:
    """A panel for each sweep, its groups in the order of the setting; all panels on one scale."""
    values = [setting.value(group) for sweep in sweeps for group in sweep]
    at, label = positions(values), setting.label
    if logarithmic(values):
        label += " (logarithmic)"
    axes = [_panel(metric, setting, sweep, at) for sweep in sweeps]
    grid.share_scales(axes)
    for ax in axes:
        ax.x.label = label
        ax.y.low = min(0.0, ax.y.limits[0])
    for start in range(0, len(sweeps), PANELS):
        end = start + PANELS
        shown, panels = sweeps[start:end], axes[start:end]
        columns = style.columns_for(len(shown))
        arms = sorted({a for s in shown for g in s for a in g.arms}, key=arm_order)
        svg = grid.grid(
            panels,
            82 if columns == 3 else 106,
            columns=columns,
            legend=grid.arm_entries(arms),
            ylabel=f"{metric.title.lower()}, {wording.UNITS[metric.unit].word}",
        )
        yield Drawing("", svg, f"{title}: {'; '.join(_title(s) for s in shown)}.")


def positions(values: Sequence[Value]) -> Positions:
    """Where values stand: by their size, or by its logarithm where they span a factor of ten or more.

    A zero among logarithms stands one step before the others, and None one step behind.
    """
    numbers = sorted({v for v in values if v is not None})
    positive = [v for v in numbers if v > 0]
    wide = logarithmic(numbers)
    at: Positions = {v: log10(v) for v in positive} if wide else {v: v for v in numbers}
    ends = (min(at.values(), default=0.0), max(at.values(), default=0.0))
    step = (ends[1] - ends[0]) / (len(at) - 1) if len(at) > 1 else 1.0
    if wide and len(positive) < len(numbers):
        at[0] = ends[0] - step
    if None in values:
        at[None] = ends[1] + step
    return at


def logarithmic(values: Sequence[Value]) -> bool:
    """Whether values of zero or more span a factor of ten or more."""
    numbers = [v for v in values if v is not None]
    positive = [v for v in numbers if v > 0]
    return len(positive) > 1 and min(numbers) >= 0 and max(positive) >= _WIDE * min(positive)


def _panel(metric: Metric, setting: Setting, sweep: Sweep, at: Positions) -> Axes:
    scale, ax = wording.UNITS[metric.unit].scale, Axes(_title(sweep))
    for arm in sorted({a for g in sweep for a in g.arms}, key=arm_order):
        look = style.look(arm)
        cells = [(at[setting.value(g)], g.cell(arm, metric.name)) for g in sweep]
        means = [(x, c.mean * scale) for x, c in cells if c.mean is not None]
        ax.line([x for x, _ in means], [m for _, m in means], look.colour, 1.6, look.dash)
        seeds = [(x, v * scale) for x, c in cells for v in c.values.values()]
        ax.markers([x for x, _ in seeds], [v for _, v in seeds], look.marker, look.colour, 4, opacity=0.75)  # fmt: skip
    values = [setting.value(g) for g in sweep]
    ax.x.margin = 0.12
    ax.x.ticks = [(at[v], wording.setting(v)) for v in values]
    return ax


def _title(sweep: Sweep) -> str:
    """The words that the labels of its groups share."""
    words = [_words(group) for group in sweep]
    return " · ".join(word for word in words[0] if all(word in others for others in words))


def _words(group: Group) -> list[str]:
    """Of its label, with the settings that the label's letter stands for."""
    words = group.label.split(" · ")
    return [*words[:-1], *group.setting.split(", ")] if group.setting else words
