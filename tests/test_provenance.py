"""What a record says of the code that made it."""

import ast
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from acn_bench.data import images
from acn_bench.execution import provenance
from acn_bench.records import Guard
from acn_bench.spec import ContinualSpec, MixerSpec, NaiveSpec, RunConfig, Seeds

KIND = "continual"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, and its code hash as it is now."""
    copy = tmp_path / "acn_bench"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    return copy, provenance.code.__wrapped__


def test_the_hash_is_of_the_content_and_not_of_the_place(package):
    _, code = package
    assert code(KIND) == provenance.code(KIND)
    assert len(code(KIND)) == 8


@pytest.mark.parametrize(
    "file",
    [
        "backbones/wiring.py",
        "backbones/mixer.py",
        "strategies/si.py",
        "benchmarks/continual.py",
        "benchmarks/evaluation.py",
        "data/batches.py",
        "data/noise.py",
        "data/digits.py",
        "spec.py",
    ],
)
def test_a_file_that_training_or_evaluation_imports_is_part_of_the_code(package, file):
    copy, code = package
    before = code(KIND)
    with (copy / file).open("a") as f:
        f.write("\n# edited\n")
    assert code(KIND) != before


@pytest.mark.parametrize(
    "file",
    ["README.md", "cli.py", "session.py", "metrics.py", "reports/page.py", "estimate.py", "new.py"],
)
def test_what_neither_imports_is_not(package, file):
    copy, code = package
    before = code(KIND)
    with (copy / file).open("a") as f:
        f.write("\n# edited\n")
    assert code(KIND) == before


def test_whatever_is_imported_when_a_run_is_measured_is_in_the_hash():
    """The files are read from the source; here, what Python really loads."""
    script = (
        "import sys, acn_bench.benchmarks.continual.protocol\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('acn_bench')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    hashed = {str(p) for p in provenance._imported((provenance.PROTOCOLS[KIND],))}
    loaded = {f for f in done.stdout.split() if "/acn_bench/" in f}
    empty = {f for f in loaded - hashed if f.endswith("__init__.py")}
    assert loaded - hashed - empty == set()
    for path in empty:  # packages that are only passed through: these load nothing of ours
        for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
            assert not isinstance(node, ast.Import), path
            assert not isinstance(node, ast.ImportFrom) or node.module == "typing", path


@pytest.fixture
def config():
    return RunConfig(
        benchmark=ContinualSpec(name="x", experiences=20, classes_per_experience=5),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(wiring="ac"),
        seeds=Seeds(),
        fingerprint="0" * 12,
    )


def test_only_the_full_original_data_compares_with_published_figures(config):
    data = images.load("digits100")
    (reason,) = provenance._not_comparable(config, [data], [])
    assert "digits100 is not the full original data: 12,000 training and 4,000 test" in reason
    assert provenance._not_comparable(config, [replace(data, canonical=True)], []) == []


def test_a_failed_check_or_a_shortened_protocol_is_a_reason_too(config):
    data = replace(images.load("digits100"), canonical=True)
    guards = [Guard(name="a", passed=True, detail=""), Guard(name="b", passed=False, detail="why")]
    quick = msgspec.structs.replace(config, quick=True)
    assert provenance._not_comparable(quick, [data], guards) == [
        "--quick: a shortened protocol",
        "check failed: b (why)",
    ]
