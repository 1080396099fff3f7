"""The code of the documentation runs, its links exist, and the README's result is that of the published records.

- `docs/pipelines.md`: each Python block is a script of its own. To add one, write it there: it brings its own
  imports and data, needs no network, has five lines beside its imports, and calls its network `model`.
- `docs/python.md` and `README.md`: the Python blocks of a page run one after the other in one namespace.
"""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from acn_bench import records
from acn_bench.analysis import statistics
from acn_bench.analysis.groups import kind_of
from acn_bench.analysis.statistics import t_interval

ROOT = Path(__file__).parent.parent
PIPELINES, MANUAL, README = (
    ROOT / name for name in ("docs/pipelines.md", "docs/python.md", "README.md")
)
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))] + [
    ROOT / folder / "README.md" for folder in ("benchmarks", "strategies", "reports")
]
FULL = {  # blocks -> the folder on CIFAR-100 in full
    5: "2026-11-26-split-cifar100-table3-full",
    15: "2026-11-27-split-cifar100-table3-deep-full",
}
ON_A_PART = "2026-11-24-split-cifar100-table3-subset"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page):
    """The page's Python blocks, each on the lines where it stands, so that an error names them."""
    text = page.read_text(encoding="utf-8")
    return ["\n" * text.count("\n", 0, b.start(1)) + b[1] for b in BLOCK.finditer(text)]


def pipelines():
    """The library that a block is for, the first it imports beside torch and our own -> the block."""
    return {
        re.findall(r"^(?:from|import) (?!torch|acn_bench)(\w+)", b, re.M)[0]: b
        for b in blocks(PIPELINES)
    }


@pytest.fixture
def execute(monkeypatch, tmp_path):
    """Executes a page's blocks in one namespace, in a folder that has nothing but `reports`; gives the names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").symlink_to(ROOT / "reports")

    def executed(page, codes):
        names = {"__name__": "page"}
        with torch.random.fork_rng():
            for code in codes:
                exec(compile(code, str(page), "exec"), names)
        return names

    return executed


# ---------------------------------------------------------------- docs/pipelines.md


@pytest.mark.parametrize("library", pipelines())
def test_a_pipeline_runs_as_it_is_written(execute, library):
    if find_spec(library) is None:  # robustbench cannot be imported by itself
        pytest.skip(f"{library} is no dependency")
    model = execute(PIPELINES, [pipelines()[library]])["model"]
    assert isinstance(model, torch.nn.Module)
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("library", pipelines())
def test_a_pipeline_has_five_lines_beside_its_imports(library):
    assert len(statements(pipelines()[library])) <= 5


def test_avalanche_timm_transformers_robustbench_and_onnx_have_pipelines():
    libraries = {"avalanche", "timm", "transformers", "robustbench", "onnxruntime"}
    assert libraries <= pipelines().keys()
    assert len(pipelines()) == len(blocks(PIPELINES))


# ---------------------------------------------------------------- docs/python.md and the README


def test_the_manuals_blocks_run_one_after_the_other(execute, capsys):
    names = execute(MANUAL, blocks(MANUAL))
    assert torch.allclose(names["small"](names["x"]), names["logits"])
    assert not names["model"].dg_only
    assert names["output"].logits.shape == (64, 10)
    assert names["correct"].shape == (6, 64)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) > 80  # a line for each block of the network, and for each published record


def test_the_readmes_python_runs_and_is_five_lines_beside_its_imports(execute):
    (code,) = blocks(README)
    assert len(statements(code)) == 5
    names = execute(README, [code])
    assert torch.allclose(names["small"](names["x"]), names["depths"][3], atol=1e-5)


def statements(code):
    """Its lines beside imports."""
    lines = [line for line in code.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(("import ", "from "))]


# ---------------------------------------------------------------- links and figures


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(page):
    """The names that a page's headings are linked by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def figures(folder):
    """The published figures; `tests/reports/test_evidence.py` computes the same file from the records."""
    path = ROOT / "tests" / "reports" / "evidence" / f"{folder}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def verdicts(folder):
    names = ["claim", "group", "outcome", "mean", "low", "high", "p", "wins", "adjusted", "holm"]
    return [dict(zip(names, row, strict=True)) for row in figures(folder)["verdicts"]]


PAIRED = {  # the words of a table -> the metric
    "forgetting": "forgetting",
    "accuracy at the end": "average_accuracy",
    "accuracy just after learning": "learning_accuracy",
}
CLAIMS = {  # the words of the README -> the claim in the card
    "forgets less, points": "forgets_less",
    "is more accurate at the end of the stream, points": "ends_higher",
    "keeps more of its accuracy under noise, %": "resists_noise",
    "uses fewer of its layers, blocks": "needs_fewer_layers",
}


@pytest.mark.parametrize("words", CLAIMS)
def test_the_readmes_result_is_that_of_the_published_records(words):
    scale = 1 if words.endswith("blocks") else 100
    found = {
        v["group"]: v
        for folder in FULL.values()
        for v in verdicts(folder)
        if v["claim"] == CLAIMS[words]
    }
    groups = [
        found[f"{strategy} mixer released {depth}"]
        for strategy in ("naive", "si")
        for depth in FULL
    ]
    cells = [words] + [f"{effect(v, scale)}, {outcome(v)}" for v in groups]
    assert f"| {' | '.join(cells)} |" in README.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("depth", FULL)
def test_eight_verdicts_of_each_depth_are_corrected_together(depth):
    decided = [v for v in verdicts(FULL[depth]) if v["outcome"] != "no verdict"]
    assert f"over the {len(decided)} verdicts of each depth" in README.read_text(encoding="utf-8")


def test_over_both_depths_the_correction_leaves_the_same_verdicts():
    judged = [v for f in FULL.values() for v in verdicts(f) if v["outcome"] != "no verdict"]
    adjusted = statistics.holm([v["p"] for v in judged])
    left = [v for v, p in zip(judged, adjusted, strict=True) if p < 0.05]
    assert left == [v for v in judged if v["holm"] == "survives Holm"]
    assert f"over all {len(judged)}, too" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", PAIRED)
def test_what_changes_with_depth_is_that_of_the_records(words):
    cells = [words]
    for strategy in ("naive", "si"):
        less, more = (
            paired(folder, words)[strategy, "released", depth] for depth, folder in FULL.items()
        )
        cells.append(mean_and_interval([b - a for a, b in zip(less, more, strict=True)]))
    page = ROOT / "reports" / FULL[15] / "README.md"
    assert f"| {' | '.join(cells)} |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("network", ["residual", "ac"])
def test_the_readmes_accuracies_at_the_end_are_those_of_the_records(network):
    five, fifteen = (
        f"{100 * figures(folder)['cells'][f'si mixer released {depth} {network} average_accuracy'][0]:.1f}"
        for depth, folder in FULL.items()
    )
    sentence = {
        "residual": f"Residual falls\n  from {five} to {fifteen} %",
        "ac": f"AC does not ({five}, {fifteen} %)",
    }
    assert sentence[network] in README.read_text(encoding="utf-8")


def test_the_readmes_learning_and_forgetting_are_those_of_the_records():
    text = " ".join(README.read_text(encoding="utf-8").split())
    cells = {depth: figures(folder)["cells"] for depth, folder in FULL.items()}

    def mean(strategy, depth, arm, metric):
        return 100 * cells[depth][f"{strategy} mixer released {depth} {arm} {metric}"][0]

    (a, b), (c, d) = (
        [
            signed(
                mean(strategy, depth, "ac", "learning_accuracy")
                - mean(strategy, depth, "residual", "learning_accuracy"),
                1,
            )
            for depth in FULL
        ]
        for strategy in ("naive", "si")
    )
    assert f"AC − residual is {a} and {b} points under naive, {c} and {d} under SI" in text
    forgotten = [
        mean("si", depth, arm, "forgetting") for depth in FULL for arm in ("ac", "residual")
    ]
    assert f"({min(forgotten):.1f} to {max(forgotten):.1f} points; the paper" in text


def test_what_the_readme_says_of_the_groups_on_a_part_is_so():
    claimed = [v for v in verdicts(ON_A_PART) if v["claim"] == "forgets_less"]
    naive = [v for v in claimed if v["group"].startswith("naive")]
    (held, n, left), few = counts(claimed), counts(naive)
    sentence = (
        f"*forgets less* holds in {held} of {n} groups, in {left} after correction "
        f"({few[0]} of {few[1]} and {few[2]} under naive)"
    )
    assert sentence in README.read_text(encoding="utf-8")


QUOTED = [  # folder, claim -> words of reports/README.md: groups that hold, all, after correction
    (ON_A_PART, "forgets_less", "forgetting holds in {} of {} groups ({} after correction)"),
    ("2026-11-23-split-cifar100-subset", "forgets_less", "with three seeds, in {} of {} ({})"),
    (ON_A_PART, "resists_noise", "in {} of {} at the paper's sizes ({}), in"),
    (ON_A_PART, "needs_fewer_layers", "in {} of {} groups at the paper's sizes ({} after"),
    ("2026-11-27-split-cifar100-table3-small", "resists_noise", "in {} of {} groups of small Mixers ({} after correction, reversed in 1)"),
    ("2026-11-27-split-cifar100-table3-small", "needs_fewer_layers", "in {} of {} of small Mixers ({})"),
    ("2026-11-27-split-cifar100-class-small", "resists_noise", "in {} of {} class-incremental ones ({}) |"),
    ("2026-11-27-split-cifar100-class-small", "needs_fewer_layers", "in {} of {} class-incremental ones ({});"),
    ("2026-11-26-cifar10-depth-subset", "needs_fewer_layers", "in {} of {} ({}), fewer in all 12 pairs"),
]  # fmt: skip


@pytest.mark.parametrize(("folder", "claim", "words"), QUOTED)
def test_how_often_a_claim_holds_is_that_of_the_records(folder, claim, words):
    text = (ROOT / "reports" / "README.md").read_text(encoding="utf-8")
    assert words.format(*counts([v for v in verdicts(folder) if v["claim"] == claim])) in text


SMALL = "2026-11-27-split-cifar100-table3-small"
STRATEGIES = {  # the card -> the words of the table
    "naive": "naive",
    "si": "SI, no bound",
    "si_limited": "SI at Avalanche's bound",
    "joint": "joint",
}


@pytest.mark.parametrize("claim", ["forgets_less", "ends_higher"])
def test_the_table_of_small_mixers_is_that_of_the_records(claim):
    lines = (ROOT / "reports" / SMALL / "README.md").read_text(encoding="utf-8").splitlines()
    judged = [v for v in verdicts(SMALL) if v["claim"] == claim and v["outcome"] != "no verdict"]
    assert len(judged) == (18 if claim == "forgets_less" else 24)
    for v in judged:
        strategy, _, variant, depth = v["group"].split()
        start = f"| {variant} · {STRATEGIES[strategy]} · {depth} |"
        (row, _) = (line for line in lines if line.startswith(start))  # the other has the means
        assert f"| {effect(v, 100)}, {outcome(v)} |" in row


def test_the_readme_quotes_the_small_mixers_as_they_are():
    found = {v["group"]: v for v in verdicts(SMALL) if v["claim"] == "ends_higher"}
    text = " ".join(README.read_text(encoding="utf-8").split())
    ten, fifteen = (found[f"si mixer released {depth}"] for depth in (10, 15))
    assert (ten["holm"], fifteen["holm"]) == ("survives Holm", "not after Holm")
    assert f"AC ends {effect(ten, 100)[1:]} (10 blocks" in text
    assert f"and {effect(fifteen, 100)[1:]} points higher (15 blocks, not after it)" in text
    plain = [found[f"si mixer plain {depth}"] for depth in (5, 10, 15)]
    low, high = (f"{-100 * f(v['mean'] for v in plain):.1f}" for f in (max, min))
    assert (
        f"plain block {low} to {high} points lower (reversed at each depth, not after it)" in text
    )
    assert {(v["outcome"], v["holm"]) for v in plain} == {("reversed", "not after Holm")}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_the_kind_of_block_changes_is_that_of_the_records(strategy):
    differences, cells = paired(SMALL, "accuracy at the end"), [STRATEGIES[strategy]]
    for depth in (5, 10, 15):
        released, plain = (differences[strategy, block, depth] for block in ("released", "plain"))
        cells.append(mean_and_interval([a - b for a, b in zip(released, plain, strict=True)]))
    page = ROOT / "reports" / SMALL / "README.md"
    assert f"| {' | '.join(cells)} |" in page.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("words", PAIRED)
def test_what_a_selected_strength_changes_is_that_of_the_records(words):
    selected, values = "2026-11-27-si-strength-small", {}
    for folder in (SMALL, selected):
        for r, value in measured(folder, words):
            if (r.strategy.name, r.backbone.variant, r.backbone.depth) == ("si", "released", 15):
                values[folder, r.backbone.wiring, r.seeds.init] = value
    changes = [
        mean_and_interval([values[selected, arm, k] - values[SMALL, arm, k] for k in range(5)])
        for arm in ("ac", "residual")
    ]
    page = ROOT / "reports" / selected / "README.md"
    assert f"| {' | '.join([words, *changes])} |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("bound", [None, 0.01, 0.1, 0.3, 1.0, 3.0])
def test_the_table_of_bounds_is_that_of_the_records(bound):
    folder = "2026-11-27-si-bound-small"
    end = "naive mixer released 15" if bound is None else f"importance max {bound}"
    forgets, ends = (
        v
        for claim in ("forgets_less", "ends_higher")
        for v in verdicts(folder)
        if v["claim"] == claim and v["group"].endswith(end)
    )
    values = {}
    for r, value in measured(folder, "forgetting"):
        limit = None if r.strategy.name == "naive" else r.strategy.importance_max
        values.setdefault((limit, r.backbone.wiring), []).append(value)
    shares = [
        f"{100 * sum(values[bound, arm]) / sum(values[None, arm]):.0f}"
        for arm in ("ac", "residual")
    ]
    cells = [
        "naive" if bound is None else f"SI, bound {bound:g}",
        *(f"{effect(v, 100)}, {outcome(v)}" for v in (forgets, ends)),
        ", ".join(shares),
    ]
    page = (ROOT / "reports" / folder / "README.md").read_text(encoding="utf-8")
    assert f"| {' | '.join(cells)} |" in page


SIDES = {  # a folder -> what tells its two sides apart, and the values: the first less the second
    "2026-11-27-bf16-cifar100-subset": (lambda config: config.precision, "bf16", "fp32"),
    "2026-11-27-si-path-small": (lambda config: config.strategy.path, "loss", "penalised"),
}


@pytest.mark.parametrize("words", PAIRED)
@pytest.mark.parametrize("name", SIDES)
def test_differences_paired_by_seed_are_those_of_the_records(name, words):
    side, one, other = SIDES[name]
    values = {
        (r.backbone.wiring, side(r), r.seeds.init): value for r, value in measured(name, words)
    }
    cells = [words]
    for arm in ("ac", "residual"):
        seeds = [seed for wiring, value, seed in values if (wiring, value) == (arm, one)]
        cells.append(
            mean_and_interval([values[arm, one, seed] - values[arm, other, seed] for seed in seeds])
        )
    rows = (ROOT / "reports" / name / "README.md").read_text(encoding="utf-8").splitlines()
    assert f"| {' | '.join(cells)} |" in rows


def counts(groups):
    """Of a claim's groups: those in which it holds, those with a verdict, those that the correction leaves."""
    judged = [v for v in groups if v["outcome"] != "no verdict"]
    left = [v for v in judged if v["holm"] == "survives Holm"]
    return sum(v["outcome"] == "holds" for v in judged), len(judged), len(left)


def measured(folder, words):
    """The config of each published run, and its value of the metric of a table's words."""
    for r in records.load_all([ROOT / "reports" / folder]):
        yield r.config, kind_of(r).metrics[PAIRED[words]].value(r)


def paired(folder, words):
    """AC − residual of the five seeds in order, by strategy, variant and depth."""
    values = {}
    for r, value in measured(folder, words):
        group = values.setdefault((r.strategy.name, r.backbone.variant, r.backbone.depth), {})
        group[r.backbone.wiring, r.seeds.init] = value
    return {
        key: [group["ac", k] - group["residual", k] for k in range(5)]
        for key, group in values.items()
        if len(group) == 10
    }


def outcome(verdict):
    """Bold where Holm's correction leaves it."""
    bold = "**" if verdict["holm"] == "survives Holm" else ""
    return f"{bold}{verdict['outcome']}{bold}"


def mean_and_interval(differences):
    """Of paired differences of shares, in points."""
    low, high = t_interval(differences)
    mean = sum(differences) / len(differences)
    return effect({"mean": mean, "low": low, "high": high}, 100)


def effect(verdict, scale):
    """A group's mean difference and its interval, as reports show them."""
    mean, low, high = (scale * verdict[name] for name in ("mean", "low", "high"))
    places = 0 if (high - low) / 2 >= 10 else 1
    hidden = any(end and not round(end, places) for end in (low, high))  # its side of zero
    low, high = (signed(end, places + hidden) for end in (low, high))
    return f"{signed(mean, places)} [{low}, {high}]"


def signed(value, places):
    rounded = round(value, places) + 0.0  # -0.0 + 0.0 is 0.0
    return f"{rounded:{'+' if rounded else ''}.{places}f}".replace("-", "−")
