"""What changed between the records of two versions."""

from msgspec.structs import replace

from acn_bench import reports
from acn_bench.analysis.changes import changes
from acn_bench.analysis.comparison import compare
from acn_bench.reports.sections import changes as section


def again(record, shift=0.0, versions=None, code=None):
    """The record of the same run by another version, which ends `shift` higher."""
    R = [[a if a is None else a + shift for a in row] for row in record.result.accuracy]
    made_by = record.provenance
    made_by = replace(made_by, versions=made_by.versions | (versions or {}), code=code or made_by.code)  # fmt: skip
    return replace(record, result=replace(record.result, accuracy=R), provenance=made_by)


def test_records_beside_themselves_have_not_changed(records):
    whole = compare(records())
    found = changes(whole, whole)

    assert found.runs == len(whole.records)
    assert (found.only_before, found.only_after, found.made_by, found.moved) == (0, 0, (), [])
    words = [block.text for block in section.build(found).blocks]
    assert f"All {len(found.figures)} figures are the same in every run." in words


def test_a_figure_moves_where_every_run_moves_and_not_where_runs_scatter(records):
    old = records(("naive",), seeds=range(6))
    shifts = {"ac": lambda seed: 0.05 + 0.001 * seed, "residual": lambda seed: 0.05 * (-1) ** seed}
    new = [again(r, shifts[r.config.backbone.arm](r.config.seeds.order)) for r in old]
    found = changes(compare(old), compare(new))

    moved = {(c.arm.name, c.metric.name): c for c in found.moved}
    assert ("ac", "average_accuracy") in moved
    assert not [arm for arm, _ in moved if arm == "residual"]
    change = moved["ac", "average_accuracy"]
    assert abs(change.mean - 0.0525) < 1e-9
    assert change.n == 6
    assert change.p <= change.adjusted


def test_the_versions_and_the_code_that_differ_are_named_and_no_others(records):
    old = records(("naive",))
    new = [again(r, versions={"torch": "99.0"}, code="f" * 64) for r in old]
    found = changes(compare(old), compare(new))

    assert [word for word, _, _ in found.made_by] == ["Code", "torch"]
    assert [now for _, _, now in found.made_by] == ["ffffffff", "99.0"]


def test_runs_of_one_side_are_counted_and_not_compared(records):
    old, new = records(("naive",), seeds=(0, 1)), records(("naive",), seeds=(1, 2, 3))
    found = changes(compare(old), compare(new))

    assert (found.runs, found.only_before, found.only_after) == (2, 2, 4)
    assert "2 runs in both; 2 before alone; 4 now alone." in section.build(found).blocks[1].text
    nothing = changes(compare(old), compare(records(("naive",), seeds=(7,))))
    assert (nothing.runs, nothing.figures) == (0, ())
    assert section.build(nothing).blocks[1].text.startswith("0 runs in both")


def test_one_run_has_no_noise_to_move_beyond(records):
    old = records(("naive",), seeds=(0,))
    found = changes(compare(old), compare([again(r, 0.1) for r in old]))

    assert found.moved == []
    assert "whose noise is not known" in section.build(found).blocks[-1].text


def test_every_format_says_what_changed_below_the_answers(records, card, tmp_path):
    old = records(("naive",))
    new = [again(r, 0.05 + 0.01 * r.config.seeds.order, {"torch": "99.0"}) for r in old]
    formats = ("html", "md", "latex", "csv")
    reports.write_several([(new, card)], tmp_path, formats, before=old)

    for name in ("report.html", "report.md", "report.tex", "report_tables.csv"):
        assert "99.0" in (tmp_path / name).read_text(), name
    page = (tmp_path / "report.html").read_text()
    assert page.index('id="changes"') < page.index('id="setting"')
    assert "Figures that moved" in page
