import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest


def _build(kind: str, source: Path, folder: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "-o", folder, source],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    return _build("wheel", root, tmp_path_factory.mktemp("wheel") / "dist")


@pytest.fixture(scope="module")
def sdist(root, tmp_path_factory) -> Path:
    return _build("sdist", root, tmp_path_factory.mktemp("sdist") / "dist")


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def _cards(root: Path) -> set[str]:
    return {f"{p.parent.name}/{p.name}" for kind in ("benchmarks", "strategies") for p in (root / kind).glob("*.toml")}  # fmt: skip


def test_the_wheels_one_top_level_name_is_acn_bench(wheel):
    tops = {name.split("/")[0] for name in _names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"acn_bench"}


def test_the_wheel_carries_every_card_and_the_marker_of_its_types(root, wheel):
    names = _names(wheel)
    assert {f"acn_bench/cards/{card}" for card in _cards(root)} <= names
    assert "acn_bench/py.typed" in names


def test_the_wheel_carries_every_file_of_the_package(root, wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "acn_bench"], cwd=root, capture_output=True, text=True, check=True
    )
    assert set(filter(None, tracked.stdout.split("\0"))) <= _names(wheel)


def test_the_wheel_finds_its_cards_without_the_repository(root, wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    script = (
        "import json; from acn_bench import catalog; print(json.dumps([catalog.__file__,"
        "catalog.names('benchmarks'), catalog.names('strategies'), catalog.benchmark('split_cifar100').name]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    file, benchmarks, strategies, name = json.loads(done.stdout)
    assert Path(file).is_relative_to(tmp_path / "site")
    assert {f"benchmarks/{b}.toml" for b in benchmarks} | {f"strategies/{s}.toml" for s in strategies} == _cards(root)  # fmt: skip
    assert name == "split_cifar100"


def test_the_wheel_says_how_it_is_called_and_licensed(wheel):
    (metadata,) = (n for n in _names(wheel) if n.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(metadata).decode()
        scripts = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    assert "\nLicense-Expression: Apache-2.0\n" in text
    assert "quadprog" not in "".join(
        line
        for line in text.splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    )
    assert "acn-bench = acn_bench.__main__:main" in scripts


def test_the_source_distribution_builds_the_same_wheel(wheel, sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert _names(_build("wheel", source, tmp_path / "dist")) == _names(wheel)
