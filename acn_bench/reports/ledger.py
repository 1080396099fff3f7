"""Comparison -> the ledger: every definition of accuracy, forgetting and transfer, from the same matrices."""

from dataclasses import dataclass

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.metric import Metric
from acn_bench.reports import views
from acn_bench.reports.views import QualityRow


@dataclass(frozen=True)
class Entry:
    """One definition, and what each group has by it."""

    metric: Metric
    rows: tuple[tuple[str, QualityRow], ...]  # (group, its row); groups without a value left out
    undefined: tuple[str, ...]  # why which groups are left out

    @property
    def title(self) -> str:
        """With its unit, and which way is better."""
        return views.metric_title(self.metric)


def ledger(comparison: Comparison) -> list[Entry]:
    """One entry a definition; empty where the kind of benchmark has none that compete."""
    return [_entry(comparison, metric) for metric in comparison.kind.table("definitions")]


def _entry(comparison: Comparison, metric: Metric) -> Entry:
    rows: list[tuple[str, QualityRow]] = []
    reasons: dict[str, list[str]] = {}
    for group in comparison.groups:
        row = views.row(comparison, group, metric)
        if row is None:
            reasons.setdefault(metric.why_not(group.records[0]), []).append(group.label)
        else:
            rows.append((group.label, row))
    everywhere = not rows and len(reasons) == 1
    return Entry(
        metric,
        tuple(rows),
        tuple(
            f"not defined here: {why}"
            if everywhere
            else f"not defined for {wording.listed(labels)}: {why}"
            for why, labels in reasons.items()
        ),
    )
