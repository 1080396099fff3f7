import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "avalanche")
SCRIPT = """
import json, runpy, sys
sys.argv = ["acn-bench", *json.loads(sys.argv[1])]
try:
    runpy.run_module("acn_bench", run_name="__main__")
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
heavy = [name for name in json.loads(sys.stdin.read()) if name in sys.modules]
print("\\nheavy:", json.dumps([code, heavy]))
"""


def _run(*words: str) -> tuple[int, list[str]]:
    """The exit code of a command line, and which heavy packages it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(words)],
        input=json.dumps(HEAVY),
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.rsplit("\nheavy: ", 1)
    assert len(last) == 2, done.stdout + done.stderr
    code, heavy = json.loads(last[1])
    return code, heavy


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("run", "--help"),
        ("report", "--help"),
        ("list",),
        ("list", "benchmarks"),
        ("list", "strategies", "--json"),
        ("list", "backbones"),
        ("list", "metrics"),
    ],
    ids=" ".join,
)
def test_commands_that_train_nothing_load_neither_torch_nor_avalanche(words):
    assert _run(*words) == (0, [])


def test_a_report_loads_neither_torch_nor_avalanche(root, tmp_path):
    published = root / "reports" / "2026-11-23-split-cifar100-subset"
    words = ("report", str(published), "--format", "md", "--out", str(tmp_path))
    assert _run(*words) == (0, [])


def test_a_dry_run_of_a_transfer_loads_torch_and_never_avalanche():
    words = ("run", "transfer_cifar", "--data", "digits100", "--quick", "--seeds", "0", "--dry-run")
    code, heavy = _run(*words)
    assert code == 0
    assert "torch" in heavy
    assert "avalanche" not in heavy


@pytest.mark.parametrize(
    "module", ["spec", "catalog", "plan", "records", "metrics", "reports", "cli", "strategies"]
)
def test_modules_of_cards_plans_records_and_reports_load_neither_torch_nor_avalanche(module):
    script = f"import sys, acn_bench.{module}; print([n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_backbones_load_torch_and_never_avalanche():
    script = (
        "import sys, acn_bench.backbones; print('torch' in sys.modules, 'avalanche' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True False"
