import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from acn_bench import reports, two_processes
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual.figures import noise


class Reader(HTMLParser):
    """Every attribute and every visible word of a page."""

    def __init__(self):
        super().__init__()
        self.attributes = []
        self.words = []
        self.hidden = 0

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.hidden += tag in ("style", "script")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script")

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.fixture(scope="module")
def html():
    from pathlib import Path
    from runpy import run_path

    from acn_bench import catalog

    made = run_path(str(Path(__file__).with_name("conftest.py")))["make_records"]()
    return reports.render(compare(made, catalog.benchmark("split_cifar100")), "html")


def test_the_page_asks_for_nothing_outside_itself(html):
    reader = read(html)

    links = [v for _, name, v in reader.attributes if name in ("src", "href", "xlink:href", "data")]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert all(target.startswith(("#", '"#')) for target in re.findall(r"url\(([^)]*)", html))
    assert "@import" not in html
    assert not {tag for tag, _, _ in reader.attributes} & {"link", "iframe", "object"}


def test_the_policy_of_the_page_lets_its_own_script_run_and_no_other(html):
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert html.count("<script") == 1
    assert f"script-src 'sha256-{digest}'; style-src" in html
    assert not re.search(r"\bon\w+=", html.replace(script, ""))


def test_the_same_records_give_the_same_bytes(html, records, card):
    assert reports.render(compare(records()[::-1], card), "html") == html


def test_two_processes_make_the_same_bytes(html, records, card, monkeypatch):
    monkeypatch.setattr(two_processes, "_may_fork", lambda: True)
    monkeypatch.setattr(reports, "MANY", 2)
    assert reports.render(compare(records(), card), "html") == html


def test_ids_are_unique_and_links_inside_the_page_lead_somewhere(html):
    reader = read(html)
    ids = [value for _, name, value in reader.attributes if name == "id"]

    assert len(ids) == len(set(ids))
    targets = {value[1:] for tag, name, value in reader.attributes if name == "href"}
    targets |= set(re.findall(r"url\(#([^)]*)\)", html))
    assert targets <= set(ids)


def test_nothing_on_the_page_is_not_a_number(html):
    assert not re.search(r"\b(nan|NaN|None|inf|undefined)\b", html)


def test_every_figure_is_told_in_words(html):
    reader = read(html)
    labels = [v for _, name, v in reader.attributes if name == "aria-label"]
    tables, contents = html.count('role="group"'), 1

    assert html.count('role="img"') == len(labels) - tables - contents
    assert all(labels)


def test_the_page_speaks_in_its_order(html, card):
    text = read(html).text
    order = [
        card.intent,
        "AC is an auto-compressing network",
        "Forgetting, seed by seed",
        "What was run Data",
        "Verdicts",
        "Caveats",
        "AC compared with residual Mean ±",
        "Published and measured figures",
        "Cost Mean ±",
        "Metrics T experiences",
        "Provenance Runs",
        "Every run Seeds",
    ]
    places = [text.rindex(words) if k else text.index(words) for k, words in enumerate(order)]

    assert places == sorted(places)


def test_reasons_against_comparing_stand_at_the_top(html):
    text = read(html).text

    assert text.index("No run is comparable with published figures") < text.index(
        "Verdicts A claim"
    )


def test_one_seed_and_one_arm_still_make_a_page(records, card):
    text = read(reports.render(compare(records(("naive",), ("ac",), (0,)), card), "html")).text

    assert "residual not run" in text
    assert "nan" not in text.lower().split()


def test_a_page_needs_no_card(records):
    text = read(reports.render(compare(records(("joint",), seeds=(0,)), None), "html")).text

    assert "AC compared with residual on split_cifar100" in text
    assert "Verdicts" not in text


def test_somebodys_own_network_stands_in_a_group_of_its_own(record):
    import msgspec

    from acn_bench.spec import FactorySpec

    own = record(result={"depth_accuracy": None, "parameters": [], "flops": [], "noise": []})
    config = msgspec.structs.replace(own.config, backbone=FactorySpec(factory="my.nets:small"))
    result = msgspec.structs.replace(
        own.result, validation=msgspec.structs.replace(own.result.validation, depth_accuracy=[])
    )
    own = msgspec.structs.replace(own, config=config, result=result, run_id=config.run_id)
    comparison = compare([own, record()])

    assert [g.label for g in comparison.groups] == ["naive · mixer plain", "naive · my.nets:small"]
    assert "my.nets:small" in read(reports.render(comparison, "html")).text


def test_the_page_escapes_what_records_say(record):
    hostile = record(provenance={"device": "<script>alert(1)</script>"})

    assert "<script>alert" not in reports.render(compare([hostile], None), "html")


def test_figures_scale_with_the_page(html):
    drawings = re.findall(r'<div role="img".*?<svg ([^>]*)>', html, re.DOTALL)

    assert drawings
    assert all(re.search(r'style="width: \d+%;', d) and "viewBox" in d for d in drawings)
    assert not any(re.search(r'\b(width|height)="', d) for d in drawings)


def test_the_groups_of_a_figure_share_their_scale(records, card):
    drawing = noise.accuracy(compare(records(("naive", "joint")), card))

    scales = [re.findall(r">(\d+)</text>", part.svg) for part in drawing.parts]
    assert len(scales) == 2
    assert scales[0] == scales[1]


def test_one_seed_has_one_dash_where_interval_and_p_would_stand(records, card):
    html = reports.render(compare(records(("naive",), seeds=(0,)), card), "html")

    assert '<td class="number">–</td><td class="middle"' in html
    assert "–<br>" not in html
