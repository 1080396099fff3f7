"""The page in a browser: Chromium opens it as a file, without a network."""

from pathlib import Path
from runpy import run_path

import pytest

from acn_bench import catalog, reports
from acn_bench.analysis.comparison import compare

pytestmark = pytest.mark.browser

HOSTILE = "<script>document.title='changed'</script>{{7*7}} $\\input{x}$ =cmd"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """The report of two strategies with three seeds."""
    made = run_path(str(Path(__file__).with_name("conftest.py")))["make_records"]()
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(reports.render(compare(made, catalog.benchmark("split_cifar100")), "html"))
    return path


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        # the system's; --no-sandbox: CI runs as root
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, page_file):
    """Opens the page; every message, error and request but the page's own is in `page.complaints`."""
    contexts = []

    def opened(width=1280, scheme="light", path=page_file, script=True):
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            offline=True,
            java_script_enabled=script,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url))
        page.goto(path.as_uri())
        assert page.complaints.pop(0) == path.as_uri()
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_every_figure_is_visible_and_nothing_is_requested(open_page, width):
    page = open_page(width)
    drawn = [drawing.bounding_box() for drawing in page.locator("figure svg").all()]
    boxes = [scroll.bounding_box() for scroll in page.locator("figure .scroll").all()]

    assert len(boxes) == len(drawn) > 5
    assert all(box["width"] >= 600 and box["height"] > 40 for box in drawn)  # words stay readable
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    # only tables and figures scroll
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.complaints == []


def test_a_metric_is_chosen_for_all_groups_and_a_definition_for_its_table(open_page):
    page = open_page()
    rows = page.locator("#quality tbody tr:visible")
    whole = rows.count()
    page.locator("#quality").get_by_label("Metric").select_option("Forgetting, points ↓")
    assert rows.count() == 2 < whole  # one a group
    assert all(row.inner_text().startswith("Forgetting") for row in rows.all())
    page.locator("#quality").get_by_label("Metric").select_option("all")
    assert rows.count() == whole

    bodies = page.locator("#definitions tbody:visible")
    whole = bodies.count()
    page.get_by_role("combobox", name="Definition").select_option(index=1)
    assert bodies.count() == 1 < whole
    assert page.complaints == []


def test_the_lead_figure_shows_the_metric_that_is_chosen(open_page):
    page = open_page()
    lead = page.locator("header figure")
    choice, title = lead.get_by_label("Metric"), lead.get_by_role("heading")
    names = choice.locator("option").all_inner_texts()
    before = {name: page.locator("figure", has_text=name).count() for name in names}
    first = lead.locator("[role=img]").get_attribute("aria-label")

    assert title.inner_text() == names[0]
    for name in [*names[1:], names[0]]:
        choice.select_option(name)
        assert title.inner_text() == name
        metric = name.removesuffix(", seed by seed")
        assert lead.locator("[role=img]").get_attribute("aria-label").startswith(metric)
    assert lead.locator("[role=img]").get_attribute("aria-label") == first
    assert {name: page.locator("figure", has_text=name).count() for name in names} == before
    assert page.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(open_page(width, scheme)).response
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
    assert {"color-contrast", "heading-order", "label"} <= {v["id"] for v in found["passes"]}


def test_a_heading_sorts_its_column_by_keyboard_and_says_so(open_page):
    page = open_page()
    table = page.locator("#runs table")
    heading = table.locator("thead th").nth(2)
    column = "rows => rows.map(r => parseFloat(r.cells[2].innerText.replace('−', '-')))"
    values = table.locator("tbody tr")
    before = values.evaluate_all(column)

    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert values.evaluate_all(column) == sorted(before) != before
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert values.evaluate_all(column) == sorted(before, reverse=True)

    table.locator("thead th").nth(0).get_by_role("button").click()
    assert heading.get_attribute("aria-sort") is None


def test_the_search_leaves_the_rows_that_hold_all_words(open_page):
    page = open_page()
    shown = page.locator("#runs tbody tr:visible")
    whole = shown.count()

    page.get_by_label("Search all tables").fill("NAIVE residual")
    assert 0 < shown.count() < whole
    assert all("naive-residual" in row.inner_text() for row in shown.all())
    assert "rows" in page.locator("search output").inner_text()
    page.get_by_label("Search all tables").fill("")
    assert shown.count() == whole


def test_a_link_leads_to_its_row_when_the_page_is_opened_again(open_page):
    page = open_page()
    link = page.locator("#runs tbody tr").nth(3).get_by_role("link")
    run = page.locator("#runs tbody tr").nth(3).locator("code").inner_text()
    address = link.evaluate("a => a.href")

    page.goto(address)
    assert run in page.locator("tr:target").inner_text()
    assert page.locator("tr:target").bounding_box()["y"] < 900


def test_a_table_is_copied_as_it_is_shown(open_page):
    page = open_page()
    page.get_by_label("Search all tables").fill("naive residual")
    tools = page.locator("#runs .tools")

    tools.get_by_role("button", name="CSV").click()
    page.locator("output", has_text="rows as CSV").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0].startswith('"Run","seeds",')
    assert len(lines) == 1 + page.locator("#runs tbody tr:visible").count()
    assert all(line.startswith('"naive-residual') for line in lines[1:])

    tools.get_by_role("button", name="LaTeX").click()
    page.locator("output", has_text="rows as LaTeX").wait_for()
    latex = page.evaluate("navigator.clipboard.readText()")
    assert latex.startswith("\\begin{tabular}{lr")
    assert "naive-residual\\_mixer" in latex
    assert latex.count("\\\\\n") == len(lines)


def test_values_of_a_figure_are_shown_by_arrow_keys_and_by_the_pointer(open_page):
    page = open_page()
    page.locator("#seen [role=img]").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".tip").inner_text().count(",") >= 2  # panel, arm: x, y
    page.keyboard.press("Escape")
    assert page.locator(".tip").is_hidden()

    page.locator("figure [role=img]").first.evaluate(
        """drawing => {
            const d = drawing.querySelector("[data-m]").getBoundingClientRect();
            const at = {clientX: d.left + 3, clientY: d.top + 3, bubbles: true};
            drawing.dispatchEvent(new PointerEvent("pointermove", at));
        }"""
    )
    assert page.locator(".tip").inner_text().startswith(("AC: ", "residual: "))


def test_a_value_that_is_shown_is_that_of_the_records(open_page):
    page = open_page()
    page.locator("#average_accuracy-pairs [role=img], figure [role=img]").first.focus()
    cells = set()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        cells.add(page.locator(".tip").inner_text())
    runs = page.locator("#runs tbody").inner_text().replace("\xa0", " ")
    values = [c.split(": ")[1] for c in cells if c.startswith("AC: ")]
    assert values
    assert any(f"{float(v.replace('−', '-')):.1f}" in runs for v in values)


def test_the_page_is_whole_without_its_script(open_page):
    page = open_page(script=False)
    assert page.locator("figure svg").count() > 5
    assert page.locator("#runs tbody tr").count() > 3
    assert page.get_by_role("button").count() == page.get_by_role("searchbox").count() == 0


def test_hostile_words_are_words(chromium, open_page, tmp_path, page_file):
    from acn_bench.reports import html
    from acn_bench.reports.model import Cell, Column, Note, Report, Rows, Section, Table

    rows = Rows(tuple((Cell(HOSTILE), Cell(HOSTILE + "x" * 200)) for _ in range(2)), HOSTILE)
    table = Table((Column("a"), Column(HOSTILE, "text")), (rows,), title=HOSTILE)
    report = Report(HOSTILE, HOSTILE, (Section("s", HOSTILE, (Note(HOSTILE), table)),))
    path = tmp_path / "hostile.html"
    path.write_text(html.render(report))

    page = open_page(390, path=path)
    page.get_by_role("button", name="CSV").click()
    page.locator("output", has_text="rows as CSV").wait_for()
    assert page.title().startswith("<script>")
    assert page.complaints == []
    assert page.locator("script").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390
