"""Comparison -> three views of what is fair: at equal epochs, at equal images seen, at equal seconds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acn_bench import wording
from acn_bench.analysis import labels
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.analysis.metric import Metric
from acn_bench.reports import views

SHOWN = ("average_accuracy", "forgetting")
VIEWS = {
    "equal epochs": "every experience is trained on for the same epochs, and what a memory replays comes on top",
    "equal images": "an experience ends when as many images were trained on as its epochs hold, replayed "
    "ones among them",
    "equal seconds": "an experience is trained on for the same time on one machine, whatever a step takes; "
    "such a run cannot be repeated exactly",
}
_ASKED = {"equal epochs": "epochs", "equal images": "images", "equal seconds": "20s"}


@dataclass(frozen=True)
class View:
    """One way of being fair to the arms of a group."""

    title: str
    images: tuple[str, ...]  # trained on: of AC and residual, once where they are the same
    seconds: tuple[str, ...]  # in training
    measures: tuple[tuple[str, str, str, str], ...]  # AC, residual, difference, interval


@dataclass(frozen=True)
class Views:
    """The views of what is otherwise the same comparison."""

    label: str
    n: int
    views: tuple[View, ...]
    missing: tuple[str, ...]  # of the three, those that these runs lack


def fairness(comparison: Comparison) -> list[Views]:
    """One entry for each set of groups that differ in their budgets alone; empty for fewer than two views."""
    groups = [g for g in comparison.groups if _budget(g)]
    if len({_kind(g) for g in groups}) < 2:
        return []
    parted: dict[bytes, list[Group]] = {}
    for group in groups:
        parted.setdefault(group.but_budget, []).append(group)
    return [_views(sorted(members, key=_place)) for members in parted.values()]


def shown(comparison: Comparison) -> list[Metric]:
    """The metrics of the table."""
    return [comparison.kind.metric(name) for name in SHOWN]


def views_run(comparison: Comparison) -> str:
    """Which views were run, and how to run the others; empty for a benchmark that has none."""
    kinds = {_kind(g) for g in comparison.groups if _budget(g)}
    run = [v for v in VIEWS if v in kinds]
    if not run:
        return ""
    missing = [v for v in VIEWS if v not in kinds]
    asked = ",".join(_ASKED[v] for v in missing)
    other = f"; not run: {wording.listed(missing)} (--set budget={asked})" if missing else ""
    return f"{wording.listed(run)}{other}"


def definitions(entries: Sequence[Views]) -> Iterator[tuple[str, str]]:
    """(view, what is equal) of those that any entry has."""
    titles = [view.title for entry in entries for view in entry.views]
    yield from ((v, words) for v, words in VIEWS.items() if any(t.startswith(v) for t in titles))


def _views(groups: Sequence[Group]) -> Views:
    own = {_title(g) for g in groups}
    first = [word for word in groups[0].label.split(" · ") if word not in own]
    return Views(
        " · ".join(first),
        max(views.runs(g) for g in groups),
        tuple(_view(g) for g in groups),
        tuple(v for v in VIEWS if v not in {_kind(g) for g in groups}),
    )


def _view(group: Group) -> View:
    return View(
        _title(group),
        _both(group, "images_seen"),
        _both(group, "seconds"),
        tuple(_measure(group, group.kind.metric(name)) for name in SHOWN),
    )


def _both(group: Group, name: str) -> tuple[str, ...]:
    cells = [group.cell(arm, name) for arm in ("ac", "residual")]
    shown = [wording.shown(group.kind.metric(name).unit, cell.mean) for cell in cells]
    return tuple(dict.fromkeys(shown))


def _measure(group: Group, metric: Metric) -> tuple[str, str, str, str]:
    ac, residual = (
        views.cell(metric, group.cell(arm, metric.name), views.runs(group))
        for arm in ("ac", "residual")
    )
    difference, unit = group.difference(metric.name), metric.unit
    interval = (
        wording.bracket(unit, difference.mean, difference.interval) if difference else wording.NONE
    )
    return ac, residual, views.change(unit, difference), interval


def _budget(group: Group) -> str:
    return str(getattr(group.config.benchmark, "budget", ""))


def _title(group: Group) -> str:
    return labels.fair(_budget(group))


def _kind(group: Group) -> str:
    return " ".join(_title(group).split()[:2])


def _place(group: Group) -> tuple[int, float]:
    protocol = group.config.benchmark
    return list(VIEWS).index(_kind(group)), protocol.seconds or 0.0
