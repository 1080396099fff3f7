"""Three views of fairness: at equal epochs, at equal images seen, at equal seconds."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis import labels
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.analysis.metric import Metric
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

SHOWN = ("average_accuracy", "forgetting")  # the metrics of the table
VIEWS = {
    "equal epochs": "every experience is trained on for the same epochs, and what a memory replays comes on top",
    "equal images": "an experience ends when as many images were trained on as its epochs hold, replayed "
    "ones among them",
    "equal seconds": "an experience is trained on for the same time on one machine, whatever a step takes; "
    "such a run cannot be repeated exactly",
}
_BUDGETS = {"equal epochs": "epochs", "equal images": "images", "equal seconds": "20s"}


def build(comparison: Comparison) -> Section | None:
    """One part for each set of groups that differ in their budgets alone; None for fewer than two views."""
    parts = fairness(comparison)
    if not parts:
        return None
    table = Table(tuple(_columns(comparison)), tuple(parts), look="narrow")
    how = Note(_how(comparison), "how")
    return Section("fairness", "Three views of fairness", (how, table), "Fairness")


def fairness(comparison: Comparison) -> list[Rows]:
    """The views of each comparison, one row a view."""
    if len({_view(group) for group in comparison.groups}) < 2:
        return []
    parted: dict[bytes, list[Group]] = {}
    for group in comparison.groups:
        parted.setdefault(group.but_budget, []).append(group)
    return [_part(sorted(members, key=_place)) for members in parted.values()]


def views_run(comparison: Comparison) -> str:
    """Which views were run, and how to run the others."""
    views_of_groups = {_view(group) for group in comparison.groups}
    run = [view for view in VIEWS if view in views_of_groups]
    missing = [view for view in VIEWS if view not in views_of_groups]
    budgets = ",".join(_BUDGETS[view] for view in missing)
    other = f"; not run: {wording.listed(missing)} (--set budget={budgets})" if missing else ""
    return f"{wording.listed(run)}{other}"


def _how(comparison: Comparison) -> str:
    run = {_view(group) for group in comparison.groups}
    definitions = " ".join(
        f"{view.capitalize()}: {words}." for view, words in VIEWS.items() if view in run
    )
    return (
        f"{definitions} Means over n seeds, ± standard deviation; the difference AC − residual is paired by seed, its "
        "95 % t-interval below it. Where the arms differ, images and seconds are those of AC above those of residual. "
        f"Run here: {views_run(comparison)}."
    )


def _columns(comparison: Comparison) -> Iterator[Column]:
    yield from (Column("Equal", "label"), Column("Images\nseen"), Column("Training,\ns"))
    for name in SHOWN:
        title = views.metric_title(comparison.kind.metric(name))
        yield Column("AC", style="ac", group=title)
        yield Column("residual", style="residual", group=title)
        yield Column("AC − residual", group=title)


def _part(groups: Sequence[Group]) -> Rows:
    titles = {_title(group) for group in groups}
    label = " · ".join(word for word in groups[0].label.split(" · ") if word not in titles)
    missing = [view for view in VIEWS if view not in {_view(group) for group in groups}]
    return Rows(
        tuple(_row(group) for group in groups),
        label,
        f"n = {max(views.runs(group) for group in groups)}",
        notes=(f"not run: {', '.join(missing)}",) if missing else (),
    )


def _row(group: Group) -> tuple[Cell, ...]:
    measures = (cell for name in SHOWN for cell in _measure(group, group.kind.metric(name)))
    spent = (_of_both_arms(group, name) for name in ("images_seen", "seconds"))
    return (Cell(_title(group).removeprefix("equal ")), *spent, *measures)


def _of_both_arms(group: Group, name: str) -> Cell:
    """A cost of AC and residual, once where they are the same."""
    cells = [group.cell(arm, name) for arm in ("ac", "residual")]
    shown = [wording.shown(group.kind.metric(name).unit, cell.mean) for cell in cells]
    return Cell(" /\n".join(dict.fromkeys(shown)))


def _measure(group: Group, metric: Metric) -> Iterator[Cell]:
    """AC, residual, and their difference with its interval."""
    for arm in ("ac", "residual"):
        yield Cell(views.cell(metric, group.cell(arm, metric.name), views.runs(group)))
    difference, unit = group.difference(metric.name), metric.unit
    interval = wording.bracket(unit, difference.mean, difference.interval) if difference else ""
    yield Cell(views.change(unit, difference), interval)


def _title(group: Group) -> str:
    return labels.equal(group.config.benchmark.budget)


def _view(group: Group) -> str:
    """The view that a group belongs to: "equal seconds", whatever their number."""
    return " ".join(_title(group).split()[:2])


def _place(group: Group) -> tuple[int, float]:
    return list(VIEWS).index(_view(group)), group.config.benchmark.seconds or 0.0


FAIRNESS = ReportSection("fairness", 50, build)
