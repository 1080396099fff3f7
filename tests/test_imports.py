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
def test_what_only_reads_answers_without_torch_or_avalanche(words):
    assert _run(*words) == (0, [])


@pytest.mark.parametrize(
    "module", ["spec", "catalog", "plan", "records", "metrics", "reports", "cli", "strategies"]
)
def test_importing_what_decides_keeps_and_reads_loads_neither_torch_nor_avalanche(module):
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
