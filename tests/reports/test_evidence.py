"""Every published record gives the same figures as when it was published.

Expectations were written when a folder was published; those of the Split CIFAR-100 folders, by the code before the
package was reshaped (commit 8838d80). A definition that is changed on purpose is the only reason to write them anew:
`python tests/reports/test_evidence.py`.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from acn_bench import catalog, records
from acn_bench.analysis import published
from acn_bench.analysis.comparison import compare
from acn_bench.analysis.groups import kind_of
from acn_bench.reports import views

ROOT = Path(__file__).parent.parent.parent
PUBLISHED = sorted(path.parent for path in (ROOT / "reports").glob("*/records.jsonl"))
EXPECTED = Path(__file__).with_name("evidence")


def figures(folder: Path) -> dict:
    """All that a report computes from a folder's records, by the names of metrics and groups."""
    result = records.load_all([folder])
    comparison = compare(result, catalog.benchmark(result[0].config.benchmark.name))
    names = keys(comparison.groups)
    return {
        "run_ids": sorted(r.config.run_id for r in result),
        "runs": {
            f"{r.run_id} {r.provenance.code}": {
                name: value
                for name, metric in kind_of(r).metrics.items()
                if (value := rounded(metric.value(r))) is not None
            }
            for r in result
        },
        "cells": {
            f"{names[id(group)]} {arm.name} {name}": [
                rounded((cell := group.cell(arm.name, name)).mean), rounded(cell.spread), cell.n
            ]
            for group in comparison.groups
            for arm in group.arms.values()
            for name in comparison.kind.metrics
            if group.cell(arm.name, name).n
        },
        "verdicts": [
            [
                verdict.claim.name, names[id(verdict.group)], verdict.outcome, *difference(verdict.difference),
                rounded(verdict.adjusted), views.after_correction(verdict),
            ]
            for verdict in comparison.verdicts
        ],
        "published": [
            [names[id(entry.group)], row.published.metric, row.published.wiring, row.published.mean,
             rounded(row.measured.mean), entry.same_stream]
            for entry in published.published_comparisons(comparison)
            for row in entry.rows
        ],
    }  # fmt: skip


def keys(groups) -> dict[int, str]:
    """The id of a group -> a name; with its label, too, where sizes and strategy are those of another."""
    short = {id(g): f"{g.strategy} {g.family} {g.variant} {g.depth}" for g in groups}
    count = Counter(short.values())
    return {
        id(g): short[id(g)] if count[short[id(g)]] == 1 else f"{short[id(g)]}: {g.label}"
        for g in groups
    }


def difference(result) -> list:
    if result is None:
        return [None] * 5
    ends = result.interval or (None, None)
    return [rounded(result.mean), *map(rounded, ends), rounded(result.p), result.wins]


def rounded(value):
    """Nine significant digits: what a table shows has four at most."""
    return None if value is None else float(f"{value:.9g}")


def test_there_is_evidence():
    assert len(PUBLISHED) >= 2


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda path: path.name)
def test_published_records_give_the_figures_that_they_were_published_with(folder):
    expected = json.loads((EXPECTED / f"{folder.name}.json").read_text(encoding="utf-8"))
    result = json.loads(json.dumps(figures(folder)))
    for part in expected:
        assert result[part] == expected[part], part


if __name__ == "__main__":
    for folder in PUBLISHED:
        text = json.dumps(figures(folder), separators=(",", ":"))
        (EXPECTED / f"{folder.name}.json").write_text(text + "\n", encoding="utf-8")
