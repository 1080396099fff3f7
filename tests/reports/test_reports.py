import shutil
import subprocess
import sys

import pypdf
import pytest

from acn_bench import reports
from acn_bench.registry import KINDS
from acn_bench.reports import pdf


@pytest.fixture
def no_pango(tmp_path_factory, monkeypatch):
    """WeasyPrint as it is where the system library is missing: importing it raises OSError."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "weasyprint.py").write_text("raise OSError('cannot load library libpango-1.0-0')")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)


def test_every_format_is_written_whole(records, card, tmp_path):
    written = reports.write(records(("naive",), seeds=(0, 1)), card, tmp_path, reports.FORMATS)

    assert [p.name for p in written.paths] == [
        "report.html",
        "report.pdf",
        "report.md",
        "report.tex",
        "report.csv",
        "report_tables.csv",
    ]
    assert sorted(tmp_path.iterdir()) == sorted(written.paths)  # and no part of a file is left
    made = pypdf.PdfReader(tmp_path / "report.pdf")
    text = " ".join(" ".join(page.extract_text() for page in made.pages).split())
    assert len(made.pages) > 3
    assert "AC forgets less than residual" in text
    assert f"1 / {len(made.pages)}" in text


def test_an_unknown_format_suggests_the_nearest(records, card, tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'html'"):
        reports.write(records(), card, tmp_path, ["htm"])

    assert list(tmp_path.iterdir()) == []


def test_without_any_renderer_the_pdf_is_a_sentence(records, card, tmp_path, monkeypatch, no_pango):
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    written = reports.write(records(("naive",), seeds=(0,)), card, tmp_path, ["pdf"])

    assert written.paths == []
    (note,) = written.notes
    assert note.startswith("report.pdf was not made")
    assert "chromium" in note


def test_a_renderer_that_fails_leaves_an_older_pdf_alone(tmp_path, monkeypatch, no_pango):
    (tmp_path / "report.pdf").write_text("older")
    monkeypatch.setattr(pdf.shutil, "which", lambda _: "/bin/false")

    note = pdf.write("<p>new</p>", tmp_path / "report.pdf")

    assert note
    assert (tmp_path / "report.pdf").read_text() == "older"


def test_a_pdf_is_the_same_each_time(tmp_path):
    for name in ("a.pdf", "b.pdf"):
        assert pdf.write("<!DOCTYPE html><title>t</title><p>Words.</p>", tmp_path / name) is None

    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


@pytest.mark.skipif(not any(map(shutil.which, pdf._CHROMIUM)), reason="needs Chromium")
def test_chromium_prints_the_page_where_pango_is_missing(tmp_path, no_pango):
    note = pdf.write("<!DOCTYPE html><title>t</title><p>Words.</p>", tmp_path / "a.pdf")

    assert note is None
    assert "Words." in pypdf.PdfReader(tmp_path / "a.pdf").pages[0].extract_text()


def test_dates_are_taken_out_of_a_chromium_pdf():
    made = b"/CreationDate (D:20260102030405+00'00') /ModDate (D:20260102030405Z)"

    assert b"2026" not in pdf._without_clock(made)
    assert len(pdf._without_clock(made)) == len(made)


TEXT = ["acn_bench.reports.markdown", "acn_bench.reports.latex", "acn_bench.reports.csv"]
SECTIONS = [KINDS.load(name).sections.partition(":")[0] for name in KINDS]


@pytest.mark.parametrize(
    "module",
    ["acn_bench.reports", "acn_bench.reports.html", "acn_bench.reports.tables", *TEXT, *SECTIONS],
)
def test_reports_never_load_torch(module):
    code = (
        f"import sys, {module}; "
        "assert not {'torch', 'avalanche', 'torchvision'} & set(sys.modules), 'torch was loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_comparisons_and_tables_need_no_drawing_library():
    modules = ["acn_bench.analysis.comparison", "acn_bench.reports.tables", *TEXT, *SECTIONS]
    code = (
        f"import sys, {', '.join(modules)}; "
        "heavy = {'matplotlib', 'weasyprint', 'jinja2', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
