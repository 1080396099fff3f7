"""Comparison -> a terminal's table: the verdicts, then the metrics of each group."""

from collections.abc import Iterator, Sequence

from acn_bench.analysis.comparison import Comparison, Verdict
from acn_bench.analysis.groups import arm_title
from acn_bench.printable import one_line
from acn_bench.reports import views


def plain(comparison: Comparison) -> str:
    """For a terminal: the verdicts, then one aligned table a group."""
    lines = []
    for claim, verdicts in _claims(comparison):
        lines.append(f"{claim}:")
        lines += [f"  {v.group.label}: {views.sentence(v)}" for v in verdicts]
    arms = [arm_title(arm) for arm in comparison.arms]
    header = ["Metric", *arms, *views.differences(comparison)]
    for group in comparison.groups:
        quality = views.quality(comparison, group)
        rows = [[row.metric, *row.cells, *views.different(row.against)] for row in quality]
        lines += ["", f"{group.label} (n = {views.runs(group)})", *_aligned([header, *rows])]
        if any(row.over_images for row in quality):
            lines.append("one pair: the intervals are over the test images, and decide no verdict")
    return "\n".join(map(one_line, lines)).strip() + "\n"


def _claims(comparison: Comparison) -> Iterator[tuple[str, list[Verdict]]]:
    for claim in comparison.claims:
        yield claim.statement, comparison.of_claim(claim.name)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width, the first to the left and the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
