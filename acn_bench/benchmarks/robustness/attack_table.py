"""Accuracy under an attack in Linf, step by step and on the same images at utilised depth, arm by arm."""

from collections.abc import Iterator

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.depth_metrics import utilised_depth
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.robustness import attack_metrics
from acn_bench.benchmarks.robustness.accuracy_row import Accuracy, row
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.reports import views
from acn_bench.reports.model import Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "Accuracy in %, mean ± standard deviation over seeds; the difference is paired by seed, with its 95 % t-interval. "
    "Each step attacks the images that those before it left correct. Gradient masking is looked for: a failed guard "
    "says that an attack without gradients broke images that the others left correct, and then a robust accuracy is no "
    "evidence."
)
_CUT = (
    "The adversarial images were made at full depth: at utilised depth they are a transferred attack, and their accuracy "
    "is an upper bound."
)


def build(comparison: Comparison) -> Section | None:
    """One table a group with an attack; None where there is none."""
    tables = tuple(
        _table(comparison, group)
        for group in comparison.groups
        if group.config.benchmark.linf is not None
    )
    if not tables:
        return None
    return Section("attack", "Accuracy under attack", (Note(_HOW, "how"), *tables), "Under attack")


def _table(comparison: Comparison, group: Group) -> Table:
    columns = (Column("Attacked images"), *views.arm_columns(comparison))
    accuracies = _accuracies(group.config.benchmark)
    rows = tuple(row(comparison, group, accuracy) for accuracy in accuracies)
    notes = (Note(_CUT), *((Note(views.ONE_PAIR),) if len(group.pairs) == 1 else ()))
    aside = f"n = {views.runs(group)}"
    return Table(columns, (Rows(rows),), group.label, aside, notes=notes, look="quality")


def _accuracies(spec: RobustnessSpec) -> Iterator[Accuracy]:
    """Without an attack, after each step, and on the adversarial images at utilised depth."""
    assert spec.linf is not None
    yield Accuracy(
        "without an attack",
        attack_metrics.unattacked,
        attack_metrics.outcomes,
    )
    for k, step in enumerate(spec.linf.steps):
        yield _after(k, step)
    yield Accuracy("adversarial images at utilised depth", _at_utilised_depth, lambda _: None)


def _after(k: int, step: str) -> Accuracy:
    return Accuracy(
        f"after {step.upper()}",
        lambda record: record.result.attack.steps[k].correct / record.result.attack.images,
        lambda record: attack_metrics.outcomes(record, k),
    )


def _at_utilised_depth(record: RobustnessRecord) -> float | None:
    k, attack = utilised_depth(record), record.result.attack
    return None if k is None or attack is None else attack.accuracy[k]


ATTACK_TABLE = ReportSection("attack", 46, build)
