"""One report of several benchmarks: claims by benchmark first, then a part for each."""

import importlib.util
import re
import sys

import pytest
from msgspec.structs import replace

from acn_bench import catalog, reports
from acn_bench.benchmarks.robustness import example
from acn_bench.catalog import Claim

CLAIM = "AC forgets less than residual"


@pytest.fixture
def benchmarks(records, card):
    """Two benchmarks of unlike kinds."""
    other = [example.example_record(w, s) for w in ("ac", "residual") for s in range(3)]
    return [(records(("naive",)), card), (other, _card(other))]


def _card(made):
    card, spec = catalog.benchmark("noise_cifar10"), made[0].config.benchmark
    return replace(card, name=spec.name, protocol=spec, claim=card.claim[:2])


def test_one_page_has_a_summary_and_a_part_for_each_benchmark(benchmarks, tmp_path):
    written = reports.write_several(benchmarks, tmp_path, ["html", "md", "latex", "csv"])

    assert sorted(p.name for p in written.paths) == [
        *("report.csv", "report.html", "report.md", "report.tex", "report_tables.csv"),
    ]
    page = (tmp_path / "report.html").read_text()
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)
    for records, card in benchmarks:
        assert card.name in ids
        assert f"{card.name}-runs" in ids
        assert f"{card.name}-figures" in ids
        assert all(r.run_id in page for r in records)
    runs = (tmp_path / "report.csv").read_text().splitlines()
    assert {line.split(",")[0] for line in runs[1:]} == {card.name for _, card in benchmarks}


def test_the_contents_of_a_combined_page_name_each_part_and_its_sections(benchmarks, tmp_path):
    reports.write_several(benchmarks, tmp_path, ["html"])
    page = (tmp_path / "report.html").read_text()
    contents = page[page.index('<nav aria-label="Contents">') : page.index("</nav>")]

    for _, card in benchmarks:
        assert f'<a href="#{card.name}">' in contents
        assert f'<a href="#{card.name}-verdicts">Verdicts</a>' in contents
        assert f'<a href="#{card.name}-figures">Figures</a>' in contents


def test_the_summary_has_each_claim_once_and_a_verdict_where_a_benchmark_makes_it(benchmarks):
    (mine, card), (other, other_card) = benchmarks
    shared = Claim(
        name="shared",
        statement=CLAIM,
        metric=other_card.claim[0].metric,
        direction="higher",
        source="s",
    )
    cards = (card, replace(other_card, claim=(*other_card.claim, shared)))
    comparisons = [reports.compare(r, c) for r, c in zip((mine, other), cards, strict=True)]
    parts = [reports.Part(c.benchmark, c) for c in comparisons]
    (table,) = reports.combined(parts, lambda c: reports.report(c, False)).sections[0].tables

    rows = {row[0].text: row[1:] for _, row in table.rows}
    assert len(rows) == table.count == len(card.claim) + len(other_card.claim)
    assert all(cell.text for cell in rows[CLAIM])
    assert [bool(cell.text) for cell in rows[card.claim[1].statement]] == [True, False]


def test_many_benchmarks_stand_in_rows_below_each_claim(benchmarks, monkeypatch):
    monkeypatch.setattr(sys.modules["acn_bench.reports.combined"], "WIDE", 1)
    comparisons = [reports.compare(*benchmark) for benchmark in benchmarks]
    parts = [reports.Part(c.benchmark, c) for c in comparisons]
    summary = reports.combined(parts, lambda c: reports.report(c, False)).sections[0]
    (table,) = summary.tables

    claims = [claim for c in comparisons for claim in c.card.claim]
    assert [part.title for part in table.parts] == [claim.statement for claim in claims]
    for part, row in table.rows:
        (verdict,) = {c.benchmark: c for c in comparisons}[row[0].text].of_claim(
            next(claim.name for claim in claims if claim.statement == part.title)
        )
        assert row[1].text == verdict.outcome
    assert summary.blocks[0].text.startswith(f"Of {len(claims)} claims, ")
    assert "Holm's correction in their benchmark" in summary.blocks[0].text


def test_the_index_of_published_records_is_that_of_the_records(root):
    """To accept a change: `make index`, and read the diff."""
    spec = importlib.util.spec_from_file_location("make_index", root / "tools" / "make_index.py")
    make_index = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_index)
    page = make_index.page(root / "reports")

    assert page == (root / "reports" / "index.html").read_text(encoding="utf-8")
    in_full = [make_index._in_full(part.comparison) for part in make_index.parts(root / "reports")]
    assert in_full == sorted(in_full, reverse=True)
    links = re.findall(r'<a href="([^"#]+)"', page)
    assert links
    assert all((root / "reports" / link).is_file() for link in links)
