"""What is in one format is in all, and each escapes what it takes as its own."""

import csv
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO

import pytest

from acn_bench import catalog, registry, reports
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.robustness.example import example_record as robustness_record
from acn_bench.registry import KINDS
from acn_bench.reports import csv as csv_report
from acn_bench.reports import html, latex, markdown, tables
from acn_bench.reports.figures import pairs
from acn_bench.reports.model import Bullets, Cell, Column, Note, Report, Rows, Section, Table, Terms
from acn_bench.result import Guard

TEXT_FORMATS = {
    "md": markdown.escaped,
    "latex": latex.escaped,
    "csv": csv_report.escaped,
}


class Words(HTMLParser):
    """The visible words of a page, and its tags."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = set(), []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(params=["continual", "transfer", "robustness"])
def comparison(request, records, transfer_record):
    """Records of each kind with all that a report can show."""
    if request.param == "robustness":
        made = [robustness_record(w, n) for w in ("ac", "residual") for n in (0, 1)]
        return compare(made, catalog.benchmark("noise_cifar10"))
    if request.param == "transfer":
        arms = [("ac", "plain"), ("residual", "plain"), ("residual", "aligned")]
        made = [transfer_record(w, s, n, depth=16, canonical=True) for w, s in arms for n in (0, 1)]
        return compare(made, catalog.benchmark("transfer_cifar"))
    made = [
        record
        for budget in ("epochs", "images")
        for record in records(
            ("naive", "joint"), seeds=(0, 1), experiences=20, canonical=True,
            benchmark={"budget": budget},
        )
    ]  # fmt: skip
    return compare(made, catalog.benchmark("split_cifar100"))


def words_of(report):
    """Every title, heading, cell, note and sentence of a report's sections."""
    for section in report.sections:
        yield section.title
        for block in section.blocks:
            yield from words_in(block)


def words_in(block):
    match block:
        case Table():
            yield from words_in_table(block)
        case Terms():
            yield from (word for entry in block.entries for word in entry)
        case Bullets():
            yield from (block.title, *block.items)
        case Note():
            yield block.text


def words_in_table(table):
    yield from (table.title, table.aside, *(note.text for note in table.notes))
    columns = [column for column in table.columns if column.kind != "strip"]
    yield from (word for column in columns for word in (column.title, column.group))
    for part in table.parts:
        yield from (part.title, part.detail, *part.lines, *part.notes)
    yield from (word for _, row in table.rows for cell in row for word in (cell.text, cell.detail))


def test_every_title_and_every_cell_of_every_table_is_in_every_format(comparison):
    report = reports.report(comparison, drawings=False)
    text = {name: reports.render(comparison, name) for name in TEXT_FORMATS}
    page = Words(html.render(report)).text

    published = {"published"} if comparison.card.published else set()
    assert {"verdicts", "cost", "provenance", "metrics", "runs"} | published <= {
        section.name for section in report.sections
    }
    for section in report.sections:
        for table in section.tables:
            cells = {word for _, row in table.rows for c in row for word in (c.text, c.detail)}
            for word in {table.title or section.title, *cells} - {""}:
                assert " ".join(word.split()) in page
                for name, escaped in TEXT_FORMATS.items():
                    assert escaped(word) in text[name], (name, word)


def test_every_sentence_of_a_report_is_in_every_text_and_on_the_page(comparison):
    report = reports.report(comparison, drawings=False)
    page = Words(html.render(report)).text

    for name, escaped in (("md", markdown.escaped), ("latex", latex.escaped)):
        text = reports.render(comparison, name)
        assert [w for w in words_of(report) if escaped(w) not in text] == []
    assert [w for w in words_of(report) if " ".join(w.split()) not in page] == []


@pytest.mark.parametrize("name", list(KINDS))
def test_no_two_sections_share_a_name_or_a_place(name):
    sections = registry.load(KINDS.load(name).sections)

    assert len({s.name for s in sections}) == len(sections)
    assert len({s.order for s in sections}) == len(sections)


def test_sections_stand_in_their_order(comparison):
    order = {s.name: s.order for s in registry.load(comparison.kind.sections)}
    shown = [s.name for s in reports.report(comparison, drawings=False).sections]

    assert shown == sorted(shown, key=order.__getitem__)


def test_only_sections_that_a_kind_lists_are_in_its_report(comparison):
    listed = {s.name for s in registry.load(comparison.kind.sections)}
    shown = {s.name for s in reports.report(comparison, drawings=False).sections}

    assert shown <= listed
    assert (
        ("fairness" in listed) == ("definitions" in listed) == (comparison.kind.name == "continual")
    )


# ---------------------------------------------------------------- escaping

HOSTILE = '<b>a|b</b> [x](y) `c` *d* _e_ 100 % & #1 $2 {f} ~g ^h \\end{i} "j" &lt;'


def hostile(text):
    table = Table(
        (Column(text), Column(text, group=text), Column(text, "text")),
        (Rows(((Cell(text), Cell(text, text), Cell(text)),), text, text, (text,), (text,)),),
        text, text, text, (Note(text),),
    )  # fmt: skip
    blocks = (Note(text, "warning"), Terms(((text, text),)), Bullets((text,), text, text), table)
    return Report(text, text, (Section("s", text, blocks),))


def test_html_has_the_words_and_no_tag_of_theirs():
    text = html.render(hostile(HOSTILE))

    assert "<b>" not in text
    assert HOSTILE in Words(text).text


def test_a_style_sheet_ends_at_no_benchmarks_name():
    text = html.render(replace(hostile("words"), benchmark='"; } </style><b>'))

    assert "</style><b>" not in text
    assert text.count("</style>") == 1


def test_markdown_has_one_row_a_line_and_no_markup_of_the_words():
    lines = markdown.render(hostile(f"{HOSTILE}\nnext | line")).splitlines()

    (row,) = [line for line in lines if line.startswith("|")][2:]
    assert row.replace(r"\|", "").count("|") == 5  # four cells
    for mark in ("<", "`", "[", "*d"):
        bare = "".join(lines).replace(f"\\{mark}", "")
        assert mark not in bare


def test_latex_escapes_each_of_its_characters():
    lines = latex.render(hostile(f"{HOSTILE}\nnext")).splitlines()[1:]

    for mark in "%&#$_":
        bare = "".join(lines).replace(f"\\{mark}", "").replace(" & ", "")
        assert mark not in bare
    assert r"\end{i}" not in "".join(lines)
    assert r"\textbackslash{}end\{i\}" in "".join(lines)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_of_csv_is_a_formula(start):
    rows = list(csv.DictReader(StringIO(csv_report.render(hostile(f"{start}cmd|' /C calc'!A0")))))

    assert rows
    assert not any(
        (value or "").startswith(("=", "+", "-", "@", "\t")) for r in rows for value in r.values()
    )
    assert any(r["value"] == f"'{start}cmd|' /C calc'!A0" for r in rows)


@pytest.mark.parametrize("number", ["-1.5", "+2.4", "1,234", "1e-9", "-3"])
def test_numbers_of_csv_stay_numbers(number):
    assert csv_report.escaped(number) == number


def test_a_group_named_like_a_formula_is_text_in_the_csv_of_runs(record):
    import msgspec

    from acn_bench.spec import FactorySpec

    made = record()
    config = msgspec.structs.replace(made.config, backbone=FactorySpec(factory="=a.b:c"))
    made = msgspec.structs.replace(made, config=config, run_id=config.run_id)
    rows = list(csv.DictReader(StringIO(csv_report.runs(compare([made])))))

    assert {row["wiring"] for row in rows} == {"'=a.b:c"}
    assert {row["seed_order"] for row in rows} == {"0"}


# ---------------------------------------------------------------- control characters, and marks of each format

CONTROLS = ["\x00", "\x1b[2J", "\x07", "\x0c", "\x7f", "\x85", "\x9b31m", "\u2028", "\u202e", "\u2066", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
@pytest.mark.parametrize("name", ["html", "md", "latex", "csv"])
def test_control_characters_are_shown_as_escapes(name, control):
    render = {"html": html, "md": markdown, "latex": latex, "csv": csv_report}[name].render

    text = render(hostile(f"a{control}b"))

    assert control[0] not in text
    assert "a" + ascii(control[0])[1:-1] in text.replace(r"\textbackslash{}", "\\").replace("\\\\", "\\")  # fmt: skip


def test_a_line_break_in_a_note_begins_no_line_of_latex():
    for end in ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1e", "\x85", "\u2028"):
        text = latex.render(hostile(f"note{end}\\input{{/etc/passwd}}"))

        assert r"\input" not in text
        assert not [line for line in text.splitlines() if line.startswith("\\textbackslash")]


@pytest.mark.parametrize(
    ("words", "escaped"),
    [
        ("# heading", r"\# heading"),
        ("   # heading", r"\# heading"),
        ("> quotation", r"\> quotation"),
        ("- item", r"\- item"),
        ("---", r"\---"),
        ("===", r"\==="),
        ("+", r"\+"),
        ("123. item", r"123\. item"),
        ("7)", r"7\)"),
        ("$\\frac{$", r"\$\\frac{\$"),
        ("<img src=x>", r"\<img src=x>"),
        ("![x](y)", r"!\[x](y)"),
        ("-1.5 and 2.5", "-1.5 and 2.5"),
        ("a_b", "a_b"),
    ],
)
def test_markdown_takes_no_words_as_its_own(words, escaped):
    assert markdown.escaped(words) == escaped


@pytest.mark.parametrize("text", [" =1+1", "\n=1+1", "\r\n@A1", "＝1+1", "-1.5 points", "  +cmd"])
def test_what_a_spreadsheet_would_trim_hides_no_formula(text):
    assert csv_report.escaped(text).startswith("'")


# ---------------------------------------------------------------- foreign words in every field of a record


WORD = "<img src=x>|$\\frac{$\n\\input{a}\x1b[2J\u202e=[x](y)`"


@pytest.fixture
def foreign(records):
    """A comparison of records whose foreign text is `WORD`, and a card with it."""
    import msgspec

    from acn_bench.spec import FactorySpec
    from acn_bench.strategies.builder import BuilderSpec

    def marked(made):
        provenance = msgspec.structs.replace(
            made.provenance,
            code=WORD, commit=WORD, device=WORD, versions={WORD: WORD, "torch": WORD}, why_not=[WORD], comparable=False,
            data=msgspec.structs.replace(made.provenance.data, name=WORD, fingerprint=WORD, canonical=False),
            guards=[Guard(name=f"{WORD}{ok}", passed=ok, detail=WORD) for ok in (True, False)],
        )  # fmt: skip
        config = msgspec.structs.replace(
            made.config,
            benchmark=msgspec.structs.replace(made.config.benchmark, data=WORD),
            strategy=BuilderSpec(name="mine", builder=WORD, values={WORD: WORD}, source=WORD),
            fingerprint=WORD, preset=WORD,
        )  # fmt: skip
        return msgspec.structs.replace(
            made, config=config, provenance=provenance, run_id=config.run_id
        )

    def own(made):
        config = msgspec.structs.replace(
            made.config, backbone=FactorySpec(factory=f"_{WORD}:make", source=WORD)
        )
        held_out = msgspec.structs.replace(
            made.result.validation, depth_accuracy=None, changes=None
        )
        result = msgspec.structs.replace(
            made.result, depth_accuracy=None, parameters=[1], flops=[1], validation=held_out
        )
        return msgspec.structs.replace(made, config=config, result=result, run_id=config.run_id)

    made = [marked(r) for r in records(("naive",), seeds=(0, 1))]
    made += [own(r) for r in made if r.config.backbone.wiring == "ac"]
    card = catalog.benchmark("split_cifar100")
    claim = msgspec.structs.replace(card.claim[0], statement=WORD, source=WORD)
    preset = catalog.Preset(source=WORD, values={}, published={WORD: WORD})
    card = msgspec.structs.replace(
        card, intent=WORD, citation=WORD, claim=(claim, *card.claim[1:]), preset={WORD: preset},
        published=tuple(msgspec.structs.replace(p, source=WORD) for p in card.published),
    )  # fmt: skip
    return compare(made, card)


def test_foreign_words_of_records_and_cards_are_words_in_every_format(foreign):
    text = {name: reports.render(foreign, name) for name in ("md", "latex", "csv")}
    text["runs"] = csv_report.runs(foreign)
    text["terminal"] = tables.plain(foreign)

    for name, made in text.items():
        assert not {"\x1b", "\u202e"} & set(made), name
    assert "<img" not in text["md"].replace(r"\<img", "")
    assert "$" not in text["md"].replace(r"\$", "")
    assert r"\input" not in text["latex"]
    assert r"\frac" not in text["latex"]
    for name in ("csv", "runs"):
        cells = [cell for row in csv.reader(StringIO(text[name])) for cell in row]
        assert not [c for c in cells if c.startswith(("=", "@"))]
        assert len({len(row) for row in csv.reader(StringIO(text[name]))}) == 1
    assert not [line for line in text["terminal"].splitlines() if line.startswith("\\input")]


def test_foreign_words_of_records_and_cards_are_words_on_the_page(foreign):
    page = html.render(reports.report(foreign, drawings=False))

    assert "img" not in Words(page).tags
    assert page.count("<script") == 1  # its own
    assert not {"\x1b", "\u202e"} & set(page)


def test_foreign_words_are_words_in_figures_and_their_legends(foreign):
    figure = pairs.draw(foreign, "forgetting")

    (text,) = [part.svg for part in figure.parts]
    assert Words(text).tags.isdisjoint({"img", "script"})
    assert "\x1b" not in text
    assert (
        "|$\\frac{$" in Words(text).text
    )  # the name of an arm begins with "_": a legend has it, too
    assert Words(text).text.count("_<img src=x>") == 2


def test_a_long_name_leaves_a_figure_its_size(records):
    import msgspec

    from acn_bench.spec import FactorySpec

    def named(made, name):
        config = msgspec.structs.replace(made.config, backbone=FactorySpec(factory=name))
        return msgspec.structs.replace(made, config=config, run_id=config.run_id)

    made = records(("naive",), ("ac",), seeds=(0, 1))
    long = [named(r, f"nets.{'a_long_name_' * n}:make") for r in made for n in (10, 11)]
    figure = pairs.draw(compare([*made, *long]), "forgetting")

    lines = re.findall(r"<text[^>]*>([^<]*)</text>", figure.parts[0].svg)
    assert max(map(len, lines)) <= 58
