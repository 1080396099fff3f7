"""What holds for every kind of benchmark: one suite over all that are registered."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import acn_bench
from acn_bench import catalog, records
from acn_bench.cli import app
from acn_bench.plan import Choices, unresolved
from acn_bench.record import decode, encode
from acn_bench.registry import FAMILIES, KINDS, STRATEGIES

PACKAGE = Path(acn_bench.__file__).parent
FILES = {
    "__init__.py",
    "cost.py",
    "example.py",
    "kind.py",
    "metrics.py",
    "protocol.py",
    "record.py",
    "report.py",
    "report_sections.py",
    "result.py",
    "spec.py",
}


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request):
    """Each kind in turn."""
    return KINDS.load(request.param)


@pytest.fixture(scope="module")
def example(kind):
    """Its smallest card, and a record that no run made."""
    return importlib.import_module(kind.example)


@pytest.fixture
def card(example, tmp_path):
    """The smallest card, as a file."""
    path = tmp_path / "smallest.toml"
    path.write_text(example.SMALLEST_CARD)
    return path


# ---------------------------------------------------------------- the folder


def test_it_is_registered_by_its_tag(kind):
    assert KINDS.load(kind.name) is kind
    assert kind.spec.__struct_config__.tag == kind.result.__struct_config__.tag


def test_its_folder_holds_the_files_that_every_kind_has(kind):
    folder = PACKAGE / "benchmarks" / kind.name
    assert {path.name for path in folder.glob("*.py")} >= FILES


def test_its_metrics_are_named_once_and_its_tables_are_of_them(kind):
    for metric in kind.metrics.values():
        assert kind.metric(metric.name) is metric
        assert metric.title
        assert metric.definition
        assert metric.source
    with pytest.raises(LookupError, match="unknown metric 'nothing'"):
        kind.metric("nothing")


# ---------------------------------------------------------------- from card to report


def test_its_smallest_card_goes_to_a_plan(card):
    made = catalog.benchmark(str(card))
    runs = unresolved(made, Choices()).runs
    assert len(runs) == 2
    assert {c.backbone.wiring for c in runs} == {"ac", "residual"}


@pytest.mark.usefixtures("quick_workers")
def test_its_card_runs_from_the_command_to_a_report_and_is_not_run_again(kind, card, tmp_path):
    command = ["run", str(card), "--out", str(tmp_path / "runs"), "--jobs", "1"]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    (folder,) = (tmp_path / "runs").iterdir()
    made = records.load_all([folder])
    assert len(made) == 2
    for record in made:
        assert isinstance(record.result, kind.result)
        assert all(guard.passed for guard in record.provenance.guards)
        name = records.stem(record.run_id, record.provenance.code)
        assert (folder / "weights" / f"{name}.safetensors").is_file()
        assert kind.summary(record)
        assert kind.outcome(record)
    assert "<html" in (folder / "report.html").read_text()
    again = CliRunner().invoke(app, [*command, "--no-report"])
    assert again.exit_code == 0, again.output
    assert records.load_all([folder]) == made


def test_its_example_record_comes_back_from_json(example):
    for wiring in ("ac", "residual"):
        record = example.example_record(wiring, seed=1)
        assert decode(encode(record), "here") == record


def test_a_result_of_another_kind_is_refused_by_its_place(kind, example):
    record = example.example_record()
    other = next(name for name in KINDS if name != kind.name)
    raw = encode(record).decode().replace(f'"kind":"{kind.name}"', f'"kind":"{other}"')
    with pytest.raises(ValueError, match="is not a record that can be read"):
        decode(raw.encode(), "here")


REPORT = """
import importlib, sys
from pathlib import Path
from acn_bench import reports, catalog
from acn_bench.registry import KINDS
example = importlib.import_module(KINDS.load(sys.argv[1]).example)
made = [example.example_record(w, seed=s) for w in ("ac", "residual") for s in (0, 1, 2)]
card = catalog.benchmark(sys.argv[2])
written = reports.write(made, card, Path(sys.argv[3]), ("html", "md", "latex", "csv"))
print(*sorted(p.name for p in written.paths))
print([name for name in ("torch", "avalanche") if name in sys.modules])
"""


def test_its_records_make_every_report_in_a_process_without_torch(kind, card, tmp_path):
    out = tmp_path / "report"
    done = subprocess.run(
        [sys.executable, "-c", REPORT, kind.name, str(card), str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names, heavy = done.stdout.splitlines()
    assert {"report.csv", "report.html", "report.md", "report.tex"} <= set(names.split())
    assert heavy == "[]"
    for name in ("report.html", "report.md", "report.tex"):
        assert "residual" in (out / name).read_text(encoding="utf-8")


# ---------------------------------------------------------------- what importing it loads

LOADED = """
import importlib, json, sys
loaded = {}
for stage, modules in json.loads(sys.argv[1]).items():
    for module in modules:
        importlib.import_module(module)
    loaded[stage] = [name for name in ("torch", "avalanche") if name in sys.modules]
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded(kind):
    """Which heavy packages a fresh process has after it imported what names the kind, then its plan, then its protocol."""
    folder = f"acn_bench.benchmarks.{kind.name}"
    stages = {
        "named": [f"{folder}.kind", f"{folder}.report", f"{folder}.example", kind.example],
        "planned": [kind.planning],
        "run": [kind.protocol],
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(stages)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_naming_it_and_reading_its_records_loads_neither_torch_nor_avalanche(loaded):
    assert loaded["named"] == []


def test_planning_it_never_loads_avalanche(loaded):
    assert "avalanche" not in loaded["planned"]


def test_only_continual_learning_loads_avalanche(loaded, kind):
    assert ("avalanche" in loaded["run"]) == (kind.name in ("continual", "glue_stream"))


# ---------------------------------------------------------------- nobody else asks which kind it is


def structs() -> dict[str, str]:
    """Class of a spec or a result -> the folder that may ask for it by name."""
    owners = {}
    for name in KINDS:
        made = KINDS.load(name)
        owners |= dict.fromkeys((made.spec.__name__, made.result.__name__), f"benchmarks/{name}/")
    for name in STRATEGIES:
        owners[STRATEGIES.load(name).__name__] = "strategies/"
    for name in FAMILIES:
        owners[FAMILIES.load(name).__name__] = "backbones/"
    return owners


def asked(tree: ast.AST):
    """(line, class) of each isinstance, type comparison and match case."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
            "isinstance",
            "issubclass",
        ):
            inside = node.args[1]
        elif isinstance(node, ast.MatchClass):
            inside = node.cls
        elif isinstance(node, ast.Compare) and any(
            "type(" in ast.unparse(side) for side in (node.left, *node.comparators)
        ):
            inside = node
        else:
            continue
        for part in ast.walk(inside):
            if isinstance(part, ast.Name | ast.Attribute):
                yield node.lineno, getattr(part, "id", getattr(part, "attr", ""))


def executed(tree: ast.Module) -> ast.Module:
    """The code without what only a type checker imports."""
    tree.body = [
        n
        for n in tree.body
        if not (isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    ]
    return tree


def sources():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield path.relative_to(PACKAGE).as_posix(), executed(tree)


def test_no_isinstance_of_a_spec_or_a_result_stands_outside_its_folder():
    owners = structs()
    values = [
        f"{file}:{line}: {name}"
        for file, tree in sources()
        for line, name in asked(tree)
        if name in owners and not file.startswith(owners[name])
    ]
    assert values == []


def names_of_kinds(test: ast.AST) -> bool:
    """Whether a condition compares with the name of a kind."""
    kinds = set(KINDS)
    return any(isinstance(n, ast.Constant) and n.value in kinds for n in ast.walk(test))


def test_no_else_takes_an_unknown_kind_for_a_known_one():
    result = []
    for file, tree in sources():
        if file.startswith("benchmarks/") and file.count("/") > 1:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.If | ast.IfExp) and names_of_kinds(node.test):
                result.append(f"{file}:{node.lineno}: {ast.unparse(node.test)}")
            if isinstance(node, ast.Match) and any(
                names_of_kinds(case.pattern) for case in node.cases
            ):
                result.append(f"{file}:{node.lineno}: match")
    assert result == []


STANDS_ON = {"continual": ("benchmarks/glue_stream/",)}  # a kind -> folders that may import it


def test_kinds_are_named_in_the_registry_alone():
    """A kind is one folder and one line: no other module of the package imports or names one."""
    result = []
    for file, tree in sources():
        for node in ast.walk(tree):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            for name in KINDS:
                inside = f"acn_bench.benchmarks.{name}"
                owners = (f"benchmarks/{name}/", *STANDS_ON.get(name, ()))
                own = file.startswith(owners)
                if module and (module == inside or module.startswith(f"{inside}.")) and not own:
                    result.append(f"{file}:{node.lineno}: {module}")
    assert result == []
