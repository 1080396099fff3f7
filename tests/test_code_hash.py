"""The code hash of a run covers the files that this run executes, and no others."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.transfer.spec import TransferSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.execution import code_hash
from acn_bench.families.mixer import MixerSpec
from acn_bench.families.vit import ViTSpec
from acn_bench.run_modules import modules
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.strategies.si import SiSpec

NAIVE = RunConfig(
    benchmark=ContinualSpec(
        name="x", data="digits100", noise={"gaussian": (0.1,), "contrast": (3,)}
    ),
    strategy=NaiveSpec(name="naive"),
    backbone=MixerSpec(wiring="ac"),
    seeds=Seeds(),
    fingerprint="0" * 12,
)
TRANSFER = msgspec.structs.replace(
    NAIVE, benchmark=TransferSpec(name="x", data="digits100", target="digits10"), strategy=None
)

EXECUTED = [
    "backbones/wiring.py",
    "backbones/mixer.py",
    "families/mixer.py",
    "strategies/naive.py",
    "strategies/learner.py",
    "strategies/__init__.py",
    "benchmarks/continual/protocol.py",
    "benchmarks/continual/split.py",
    "evaluation/correctness.py",
    "training/schemes.py",
    "data/batches.py",
    "data/noise.py",
    "data/corruptions/contrast.py",
    "data/corruptions/corruption.py",
    "data/digits.py",
    "spec.py",
]
NOT_EXECUTED = [
    "__init__.py",
    "cli.py",
    "cli_options.py",
    "catalog.py",
    "registry.py",
    "inventory.py",
    "plan.py",
    "record.py",
    "metrics.py",
    "families/names.py",
    "families/vit.py",
    "backbones/vit.py",
    "backbones/bert.py",
    "backbones/early_exit.py",
    "backbones/timm.py",
    "strategies/si.py",
    "strategies/plugins/si.py",
    "strategies/gdumb.py",
    "strategies/metrics/depth.py",
    "data/cifar.py",
    "data/corruptions/brightness.py",
    "data/corruptions/hsv.py",
    "data/corruptions/motion.py",
    "data/streams.py",
    "data/sets/cifar100.py",
    "benchmarks/transfer/protocol.py",
    "benchmarks/transfer/kind.py",
    "benchmarks/continual/kind.py",
    "benchmarks/continual/metrics.py",
    "benchmarks/continual/report.py",
    "reports/html.py",
    "analysis/comparison.py",
    "execution/session.py",
    "execution/estimate.py",
]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, whose files are hashed in place of the real ones."""
    copy = tmp_path / "acn_bench"
    shutil.copytree(code_hash.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_hash, "PACKAGE", copy)
    code_hash._hash.cache_clear()
    yield copy
    code_hash._hash.cache_clear()


def edited(path: Path) -> None:
    """Change the file, and forget the hashes of before."""
    with path.open("a") as f:
        f.write("\n# edited\n")
    code_hash._hash.cache_clear()


def test_the_hash_is_of_the_content_and_not_of_the_place(package, monkeypatch):
    here = code_hash.code(NAIVE)
    assert len(here) == 8
    monkeypatch.undo()
    assert code_hash.code(NAIVE) == here


@pytest.fixture(scope="session")
def hashed():
    """The files behind the hash of the naive run, relative to the package."""
    files = code_hash.closure(frozenset(modules(NAIVE)), code_hash.PACKAGE)
    return {path.relative_to(code_hash.PACKAGE).as_posix() for path in files}


@pytest.mark.parametrize("file", EXECUTED)
def test_a_file_that_the_run_executes_is_in_its_hash(hashed, file):
    assert (code_hash.PACKAGE / file).is_file()
    assert file in hashed


@pytest.mark.parametrize("file", NOT_EXECUTED)
def test_any_other_file_is_not(hashed, file):
    assert (code_hash.PACKAGE / file).is_file()
    assert file not in hashed


@pytest.mark.parametrize(
    ("file", "moved"),
    [
        ("benchmarks/continual/protocol.py", {"naive", "si", "vit"}),
        ("backbones/mixer.py", {"naive", "si", "transfer"}),
        ("data/digits.py", {"naive", "si", "vit", "transfer"}),
        ("cli_options.py", set()),
        ("reports/html.py", set()),
        ("benchmarks/transfer/protocol.py", {"transfer"}),
        ("strategies/plugins/si.py", {"si"}),
        ("backbones/vit.py", {"vit"}),
        ("strategies/learner.py", {"naive", "si", "vit"}),
        ("training/loop.py", {"transfer"}),
        ("data/noise.py", {"naive", "si", "vit"}),
        ("data/corruptions/contrast.py", {"naive", "si", "vit"}),
        ("data/corruptions/fog.py", set()),
        ("metrics.py", {"transfer"}),  # it cuts the network by utilised depth
    ],
)
def test_an_edit_repeats_those_runs_alone_that_execute_the_file(package, file, moved):
    runs = {
        "naive": NAIVE,
        "si": msgspec.structs.replace(NAIVE, strategy=SiSpec(name="si")),
        "vit": msgspec.structs.replace(NAIVE, backbone=ViTSpec(wiring="ac")),
        "transfer": TRANSFER,
    }
    before = {name: code_hash.code(config) for name, config in runs.items()}
    edited(package / file)
    after = {name: code_hash.code(config) for name, config in runs.items()}
    assert {name for name in runs if before[name] != after[name]} == moved


def test_a_run_without_noise_does_not_execute_it(package):
    quiet = msgspec.structs.replace(NAIVE, benchmark=ContinualSpec(name="x", data="digits100"))
    before = code_hash.code(quiet)
    edited(package / "data/noise.py")
    assert code_hash.code(quiet) == before


def test_adding_a_kind_a_strategy_or_a_family_moves_no_run(package):
    before = code_hash.code(NAIVE), code_hash.code(TRANSFER)
    for file in ("benchmarks/toy/kind.py", "strategies/toy.py", "families/toy.py", "data/toy.py"):
        (package / file).parent.mkdir(exist_ok=True)
        (package / file).write_text("# new\n")
    edited(package / "registry.py")  # the line that names it
    assert (code_hash.code(NAIVE), code_hash.code(TRANSFER)) == before


@pytest.mark.parametrize("config", [NAIVE, TRANSFER], ids=["continual", "transfer"])
def test_whatever_python_imports_to_measure_a_run_is_in_the_hash(config):
    """The files are read from the source; here, what Python really loads."""
    names = modules(config)
    script = (
        f"import sys, importlib\nfor name in {names!r}:\n    importlib.import_module(name)\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('acn_bench')), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    hashed = {str(p) for p in code_hash.closure(frozenset(names), code_hash.PACKAGE)}
    loaded = {f for f in done.stdout.splitlines() if "/acn_bench/" in f}
    without_a_say = {
        str(code_hash._file(name, code_hash.PACKAGE) or code_hash.PACKAGE / "__init__.py")
        for name in code_hash.NAMES
    }
    assert loaded - hashed <= without_a_say
