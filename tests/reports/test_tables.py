import csv
from io import StringIO
from pathlib import Path

from acn_bench import reports
from acn_bench.analysis.comparison import compare
from acn_bench.reports import csv as csv_report
from acn_bench.reports import tables

GOLDEN = Path(__file__).with_name("golden.md")


def test_golden_records_give_the_golden_tables(records, card):
    """To accept a change: write `reports.render(…, "md")` of these records to golden.md, and read the diff."""
    made = records(("naive", "joint"), experiences=4) + records(("si",), seeds=(0,), experiences=4)

    assert reports.render(compare(made, card), "md") == GOLDEN.read_text(encoding="utf-8")


def test_the_terminals_table_is_aligned(records, card):
    lines = tables.plain(compare(records(("naive",)), card)).splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("Metric"))

    assert len({len(line) for line in lines[start:]}) == 1
    assert lines[0] == "AC forgets less than residual:"


def test_latex_leaves_no_character_that_latex_reads_as_its_own(records, card):
    text = reports.render(compare(records(variants=("plain", "released")), card), "latex")
    body = [line for line in text.splitlines() if not line.startswith("%")]

    assert all("%" not in line.replace(r"\%", "") for line in body)
    assert all(character.isascii() or character.isalpha() for line in body for character in line)
    for table in text.split(r"\toprule")[1:]:
        lines = table.partition(r"\bottomrule")[0].splitlines()
        columns = {
            line.count(" & ") for line in lines if " & " in line and "multicolumn" not in line
        }
        assert len(columns) == 1


def test_csv_keeps_every_value_of_every_run(records, card):
    made = records()
    rows = list(csv.DictReader(StringIO(csv_report.runs(compare(made, card)))))

    assert {row["run_id"] for row in rows} == {r.run_id for r in made}
    one = next(
        row for row in rows if row["metric"] == "seconds" and row["run_id"] == made[0].run_id
    )
    assert float(one["value"]) == made[0].result.seconds.train
    assert one["comparable"] == "false"
