"""Time and size of a report grow with its groups, by counts that no busy machine moves."""

import gc
from collections import Counter
from dataclasses import replace as with_fields

import msgspec
import pytest
from msgspec.structs import replace

from acn_bench import catalog, reports
from acn_bench import records as record_files
from acn_bench.analysis import labels
from acn_bench.analysis.comparison import compare
from acn_bench.analysis.final_model import final_model
from acn_bench.analysis.metric import Metric
from acn_bench.reports import pdf
from acn_bench.reports.model import (
    Cell,
    Column,
    Drawing,
    Figure,
    Report,
    Rows,
    Section,
    Table,
)  # fmt: skip
from acn_bench.reports.printed import printed


@pytest.fixture
def groups(records):
    """So many groups of two arms and a seed; they differ in their learning rate."""

    def make(count):
        rates = [1e-3 * (k + 1) for k in range(count)]
        return [r for rate in rates for r in records(("naive",), seeds=(0,), benchmark={"learning_rate": rate})]  # fmt: skip

    return make


def test_every_group_adds_as_many_bytes_to_a_page(groups, card):
    sizes = [len(reports.render(compare(groups(n), card), "html")) for n in (3, 6, 12)]

    assert sizes[2] - sizes[1] < 1.1 * 2 * (sizes[1] - sizes[0])


def test_a_page_holds_a_thousand_runs_in_ten_megabytes(root):
    folder = root / "reports" / "2026-11-24-split-cifar100-table3-subset"
    made = [r for r in record_files.load_all([folder]) if r.config.seeds.order < 3]
    half = [r for r in made if r.config.strategy.name == "naive"]
    comparisons = [compare(runs, catalog.benchmark("split_cifar100")) for runs in (half, made)]
    small, large = (len(reports.render(comparison, "html").encode()) for comparison in comparisons)
    assert (
        len(made) == 2 * len(half) == 6 * len(comparisons[1].groups)
    )  # more runs a group: fewer bytes a run

    def size(runs):
        return small + (large - small) * (runs / len(half) - 1)

    assert size(100) < 3e6
    assert size(1000) < 10e6


def test_a_report_computes_each_metric_of_a_run_once(groups, card, monkeypatch):
    computed = Counter()
    value = Metric.value

    def counted(metric, record, joint=None):
        computed[metric.name, record.run_id] += 1
        return value(metric, record, joint)

    monkeypatch.setattr(Metric, "value", counted)
    reports.render(compare(groups(4), card), "html")

    assert len(computed) > 100
    assert set(computed.values()) == {1}


def test_the_final_model_of_a_record_is_made_once_and_is_no_part_of_it(records):
    first, other = records(("naive",), seeds=(0,))

    assert final_model(first) is final_model(first)
    assert final_model(first) is not final_model(other)
    assert "final_model" not in msgspec.to_builtins(first)
    assert replace(first) == first


def test_grouping_flattens_each_record_a_fixed_number_of_times(groups, monkeypatch):
    flattened, settings = [], labels.settings
    monkeypatch.setattr(labels, "settings", lambda r: flattened.append(r.run_id) or settings(r))

    counts = []
    for number in (4, 8):
        flattened.clear()
        compare(groups(number))
        counts.append(len(flattened))
    assert counts[1] == 2 * counts[0] <= 2 * 2 * 8


def test_progress_names_each_section_and_each_page(records, card, tmp_path):
    seen = []
    reports.write(records(("naive",), seeds=(0,)), card, tmp_path, ["html"], seen.append)
    pdf.write("<!DOCTYPE html><title>t</title><p>Words.</p>", tmp_path / "a.pdf", seen.append)

    assert seen[0] == "comparing 2 records"
    assert {"report: verdicts", "report: figures", "html", "pdf: page 1"} <= set(seen)


def test_loading_leaves_the_garbage_collector_as_it_was(tmp_path):
    (tmp_path / "broken.json").write_text("{")

    assert gc.isenabled()
    with pytest.raises(ValueError, match="broken"):
        record_files.load_all([tmp_path])
    assert gc.isenabled()


def test_a_pdf_of_many_groups_holds_the_first_and_says_how_many_the_page_has():
    def table(rows):
        cells = tuple((Cell(str(k)), Cell("1")) for k in range(rows))
        return Table((Column("Group"), Column("x")), (Rows(cells, "a"), Rows(cells[:2], "b")))

    figure = Figure("f", "F", "", tuple(Drawing("", f"<svg>{k}</svg>", "") for k in range(30)))
    small = (table(5), *(table(1) for _ in range(60)))
    long = Report("b", "t", (Section("s", "S", (figure, table(500))), Section("t", "T", small)))

    first, second = printed(long).sections
    kept, said, rows = first.blocks
    assert kept == with_fields(figure, parts=figure.parts[:12])
    assert said.text == "Printed are 12 of 30 drawings; the HTML page has all."
    assert "62 of 502 rows" in rows.notes[0].text
    assert {part.title for part in rows.parts} == {"a", "b"}
    assert "40 of 61 tables" in second.blocks[-1].text


def test_a_short_report_is_printed_whole(groups, card):
    whole = reports.report(compare(groups(4), card))
    assert printed(whole) == whole
