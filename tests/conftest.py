"""One thread, no network, and a folder for what a test writes."""

import gc
import multiprocessing
import os
import shutil
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path

# Before torch is imported: with two threads and a busy neighbour, tiny models slow down a hundredfold.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ.setdefault("ACN_BENCH_OFFLINE", "1")  # empty: tests marked network may run
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with its reason, what a mark says this machine cannot run."""
    for item in items:
        for mark, (here, reason) in {
            "gpu": (_cuda, "no CUDA device"),
            "network": (lambda: not os.environ["ACN_BENCH_OFFLINE"], "ACN_BENCH_OFFLINE is set"),
            "data": (lambda: os.environ.get("ACN_BENCH_DATA"), "ACN_BENCH_DATA is not set"),
            "browser": (lambda: shutil.which("chromium"), "no chromium"),
        }.items():
            if item.get_closest_marker(mark) and not here():
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later collection of garbage, which runs take at their start."""
    gc.collect()
    gc.freeze()


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def _forkserver() -> BaseContext:
    """Starts processes by forking one that has imported what runs need, and has run nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["acn_bench.benchmarks.continual.protocol", "acn_bench.training.trainer", "torch._dynamo"]
    )
    forkserver.ensure_running()  # now: a worker's environment is not that of all others
    return context


@pytest.fixture(scope="module")
def quick_workers(_forkserver: BaseContext) -> Iterator[None]:
    """Worker processes that start at once. tests/test_cli.py stops others, which start as they do for a user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "get_context", lambda *_: _forkserver)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for a run's output."""
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder
