"""Small networks and trainings, and handwritten digits to train on."""

import socket
from collections.abc import Callable
from importlib import import_module
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from acn_bench.backbones import Backbone, build
from acn_bench.data import images

SIZES: dict[str, dict[str, Any]] = {
    "mixer": {"patch_size": 8, "width": 24, "token_width": 12, "channel_width": 32},
    "vit": {"patch_size": 8, "width": 24, "heads": 3},
    "bert": {"vocab_size": 50, "max_length": 16, "width": 24, "heads": 3},
}


@pytest.fixture
def small() -> Callable[..., Backbone]:
    """Makes a small network of a seed: `small("ac_mixer", depth=3)`."""

    def make(name: str, *, seed: int = 0, num_classes: int = 7, **sizes: Any) -> Backbone:
        torch.manual_seed(seed)
        family = name.rpartition("_")[2]
        return build(name, num_classes, **{"depth": 3} | SIZES[family] | sizes)

    return make


@pytest.fixture(scope="session")
def digits() -> images.ImageData:
    """digits10."""
    return images.load("digits10")


@pytest.fixture
def small_training(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module small_training."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return import_module("small_training")


@pytest.fixture
def in_processes(_forkserver: BaseContext) -> Callable[..., list[int | None]]:
    """Runs a program in processes that have imported torch, each with its `rank`; returns their exit codes.

    The names of small_training are there, and those that are given.
    """
    source = (Path(__file__).parent / "small_training.py").read_text(encoding="utf-8")

    def run(program: str, count: int = 1, **names: Any) -> list[int | None]:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            names["port"] = s.getsockname()[1]
        code = f"import torch\ntorch.set_num_threads(1)\n{source}\n{program}"
        started = [
            _forkserver.Process(target=exec, args=(code, {"__name__": "x", "rank": rank, **names}))  # type: ignore[attr-defined]
            for rank in range(count)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join(timeout=240)
        ended = [process.exitcode for process in started]
        for process in started:
            process.kill()
        return ended

    return run
