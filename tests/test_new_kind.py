"""The worked example of CONTRIBUTING.md: a kind is one folder and one line, from card to every report format."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import acn_bench

ROOT = Path(__file__).parent.parent
HEADING = "\n## To add a kind of benchmark\n"
BLOCK = re.compile(
    r"`(?:acn_bench/benchmarks/plain_training/)?(\w+\.py)`[^\n]*:\n\n```python\n(.*?)```", re.DOTALL
)


def section() -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    start = text.index(HEADING)
    return text[start : text.index("\n## ", start + len(HEADING))]


def files() -> dict[str, str]:
    """The files of the folder, as the page has them."""
    return dict(BLOCK.findall(section()))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package with the example's folder, and its one line in the registry."""
    root = tmp_path_factory.mktemp("copy")
    copy = root / "acn_bench"
    shutil.copytree(
        Path(acn_bench.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("benchmarks", "strategies"):  # cards, as a wheel has them
        shutil.copytree(ROOT / name, copy / "cards" / name, dirs_exist_ok=True)
    folder = copy / "benchmarks" / "plain_training"
    folder.mkdir()
    for name, code in files().items():
        (folder / name).write_text(code, encoding="utf-8")
    (line,) = re.findall(r'```python\n( +"plain_training": Entry.*\n)```', section())
    registry = copy / "registry.py"
    text = registry.read_text(encoding="utf-8")
    place = '        "transfer": Entry("acn_bench.benchmarks.transfer.kind:KIND"),\n'
    assert place in text
    registry.write_text(text.replace(place, place + line), encoding="utf-8")
    (card,) = re.findall(r"```toml\n(.*?)```", section(), re.DOTALL)
    (root / "digits.toml").write_text(card, encoding="utf-8")
    return root


DRIVER = """
import json, sys
from typer.testing import CliRunner
from acn_bench.cli import app
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, words)
    print(json.dumps([done.exit_code, done.output]), flush=True)
"""


def commands(root: Path, *words: str) -> Iterator[str]:
    """Give one process of the copy these commands, in order; yield the output of each, which ends with 0."""
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, json.dumps([w.split() for w in words])],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with driver:
        for line in driver.stdout:
            code, output = json.loads(line)
            assert code == 0, output
            yield output


def test_the_example_is_one_folder_and_one_line():
    assert set(files()) == {"__init__.py", "kind.py", "protocol.py", "result.py", "spec.py"}


def test_the_example_goes_from_its_card_to_every_report_format(package):
    run, _, again = commands(
        package,
        "run digits.toml --jobs 1",
        "report runs --format md,latex,csv --out r",
        "run digits.toml --no-report",
    )
    assert "digits10 for 2 epochs, batch 64" in run
    assert "AC learns digits better than residual" in run
    assert "4 runs: 0 finished, 4 to do" in run
    assert "4 runs: 4 finished, 0 to do" in again
    assert len(list((package / "runs/digits/records").glob("*.json"))) == 4
    assert (package / "runs/digits/report.pdf").read_bytes().startswith(b"%PDF")
    for name in ("runs/digits/report.html", "r/report.md", "r/report.tex", "r/report.csv"):
        text = (package / name).read_text(encoding="utf-8")
        assert "utilised" in text.lower(), name
        assert "residual" in text, name


def test_the_example_loads_avalanche_nowhere_and_changes_no_other_code_hash(package):
    script = (
        (
            "import sys\n"
            "from acn_bench import catalog\n"
            "from acn_bench.execution import code_hash\n"
            "from acn_bench.plan import Choices, unresolved\n"
            "card = catalog.benchmark('split_cifar100')\n"
            "plan = unresolved(card, Choices(data='digits100', seeds=(0,)))\n"
            "resolved = plan.resolve('0' * 12, {'auto': 'fp32'}, {})\n"
            "print(code_hash.code(resolved[0]))\n"
            "import acn_bench.benchmarks.plain_training.protocol\n"
            "print('avalanche' in sys.modules)\n"
        )
        if (package / "acn_bench/benchmarks/plain_training").is_dir()
        else ""
    )
    here, there = (
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for folder, code in (
            (ROOT, script.replace("import acn_bench.benchmarks.plain_training.protocol\n", "")),
            (package, script),
        )
    )
    assert there == [here[0], "False"]
