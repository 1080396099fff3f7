"""Measure speed side by side: this line against stock Avalanche, on the same rows and network.

Each measure alternates its arms in one run, each on one thread, and takes medians; ratios are of
medians. Every side has a process of its own: this line with the environment that `run` gives its
workers, stock Avalanche with the one that a script has. The figures are printed and kept as JSON.

    python tools/bench.py [--repetitions 7] [--out reports/<date>-speed]
"""

import argparse
import json
import multiprocessing
import statistics
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.models import as_multitask
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from msgspec.structs import replace
from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms

from acn_bench import catalog, device, provenance, workers
from acn_bench.backbones import build
from acn_bench.benchmarks import evaluation
from acn_bench.benchmarks.continual import ContinualRun
from acn_bench.data import images
from acn_bench.spec import (
    ContinualSpec,
    MixerSpec,
    NaiveSpec,
    Precision,
    RunConfig,
    Seeds,
)

BATCH = 64
EXPERIENCES = 5
# SplitCIFAR100's own, as Avalanche 0.6 has them.
NORMALISE = transforms.Normalize((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
TRAIN = transforms.Compose(
    [
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        NORMALISE,
    ]
)
EVALUATE = transforms.Compose([transforms.ToTensor(), NORMALISE])

Timed = Callable[[], int]  # does some work; returns how many images it was


class PilImages(Dataset[tuple[Any, int]]):
    """The rows as PIL images, which is what torchvision's CIFAR classes give Avalanche."""

    def __init__(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        self.images = [Image.fromarray(p.permute(1, 2, 0).numpy()) for p in pixels]
        self.targets = labels.tolist()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.images[index], self.targets[index]


def ours(precision: Precision) -> dict[str, Timed]:
    """This line: train an epoch of the first experience; evaluate all, also at every depth."""
    card = catalog.benchmark("split_cifar100")
    config = RunConfig(
        benchmark=_protocol(card.protocol),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(wiring="ac"),
        seeds=Seeds(),
        fingerprint=DATA.fingerprint,
        precision=precision,
    )
    run = ContinualRun(config, DATA, torch.device("cpu"))
    experience = run._stream().train_stream[0]

    def train() -> int:
        run._train(experience)
        return len(experience.dataset)

    def evaluate(depths: bool) -> int:
        with evaluation.evaluating(run.model):
            for j, tests in enumerate(run.split.test):
                images = run.rows.plain(tests + len(DATA.train_labels))
                read = evaluation.features(run.model.backbone, images, depths=depths)
                labels = run.split.label(DATA.test_labels[tests], own_heads=True)
                evaluation.shares(evaluation.correct(run.model.head[j], read, labels))
        return sum(map(len, run.split.test))

    return {
        f"train {precision}": train,
        f"evaluate {precision}": lambda: evaluate(False),
        f"evaluate {precision}, every depth": lambda: evaluate(True),
    }


def stock() -> dict[str, Timed]:
    """Stock Avalanche: Naive, fp32, PIL images and SplitCIFAR100's transforms, the same rows and network."""
    config = RunConfig(
        benchmark=_protocol(catalog.benchmark("split_cifar100").protocol),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(wiring="ac"),
        seeds=Seeds(),
        fingerprint=DATA.fingerprint,
    )
    split = ContinualRun(config, DATA, torch.device("cpu")).split
    rows, tests = torch.cat(split.train), torch.cat(split.test)
    stream = nc_benchmark(
        PilImages(DATA.train_images[rows], split.position[DATA.train_labels[rows]]),
        PilImages(DATA.test_images[tests], split.position[DATA.test_labels[tests]]),
        n_experiences=EXPERIENCES,
        task_labels=True,
        shuffle=False,
        class_ids_from_zero_in_each_exp=True,
        train_transform=TRAIN,
        eval_transform=EVALUATE,
    )
    model = as_multitask(build("ac_mixer", num_classes=5, mean=None), "head")
    naive = Naive(
        model=model,
        optimizer=torch.optim.AdamW(model.parameters(), 1e-3),
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=BATCH,
        eval_mb_size=BATCH,
        evaluator=EvaluationPlugin(accuracy_metrics(experience=True)),  # the accuracy matrix
    )

    def train() -> int:
        naive.train(stream.train_stream[0], eval_streams=[])
        return len(split.train[0])

    def evaluate() -> int:
        naive.eval(stream.test_stream)
        return len(tests)

    return {"train": train, "evaluate": evaluate}


def one_pass(precision: Precision) -> dict[str, Timed]:
    """`model(x)`, and `model.forward_depths(x)`, of a slice of images."""
    model = build("ac_mixer", num_classes=5, precision=precision).eval()
    batch = torch.rand(evaluation.SLICE, 3, 32, 32)

    def timed(function: Callable[[torch.Tensor], torch.Tensor]) -> Timed:
        def run() -> int:
            with torch.inference_mode():
                for _ in range(4):
                    function(batch)
            return 4 * len(batch)

        return run

    return {
        f"model(x) {precision}": timed(model),
        f"forward_depths(x) {precision}": timed(model.forward_depths),
    }


def _protocol(protocol: ContinualSpec) -> ContinualSpec:
    return replace(protocol, data=DATA.name, experiences=EXPERIENCES, epochs=1, flip=False)


class Side:
    """A process that does timed work when asked."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(name, theirs), daemon=True)
        with workers.environment(environment | {"OMP_NUM_THREADS": "1"}):
            process.start()

    def speed(self, work: str) -> float:
        """Images per second of one piece of work."""
        self.pipe.send(work)
        found: float = self.pipe.recv()
        return found


def _serve(name: str, pipe: Connection) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    known: dict[str, Timed] = stock() if name == "stock" else {}
    if name == "line":
        for precision in precisions():
            known |= ours(precision) | one_pass(precision)
    while True:
        work = known[pipe.recv()]
        start = perf_counter()
        count = work()
        pipe.send(count / (perf_counter() - start))


def precisions() -> list[Precision]:
    """What this processor has instructions for."""
    return ["fp32", "bf16"] if device.has_bf16(torch.device("cpu")) else ["fp32"]


def alternate(arms: dict[str, tuple[Side, str]], repetitions: int) -> dict[str, list[float]]:
    """Images per second of each arm, repetition by repetition; one round that is not counted."""
    speeds: dict[str, list[float]] = {name: [] for name in arms}
    for repetition in range(repetitions + 1):
        for name, (side, work) in arms.items():
            found = side.speed(work)
            if repetition:
                speeds[name].append(found)
    return speeds


def table(title: str, speeds: dict[str, list[float]]) -> dict[str, Any]:
    """Print medians, spread and ratios to the first arm; returns them for the record."""
    reference = next(iter(speeds))
    print(f"\n{title}  (images/s, n = {len(speeds[reference])})")
    base = statistics.median(speeds[reference])
    rows = {}
    for name, values in speeds.items():
        middle = statistics.median(values)
        rows[name] = {"median": middle, "ratio": middle / base, "values": values}
        spread = f"{min(values):7.0f} … {max(values):.0f}"
        print(f"  {name:30} {middle:7.0f}   {spread:18} {middle / base:5.2f}×", flush=True)
    return rows


def main() -> None:
    """Measure everything, print it, keep it."""
    parser = argparse.ArgumentParser(description="Speed, side by side.")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    if len(precisions()) == 1:
        print("this processor has no bf16 instructions: fp32 only")
    avalanche, line = Side("stock", {}), Side("line", workers.ENVIRONMENT)

    found = {}
    for work in ("train", "evaluate"):
        arms = {"stock Avalanche, fp32": (avalanche, work)}
        arms |= {f"acn_bench, {p}": (line, f"{work} {p}") for p in precisions()}
        if work == "evaluate":
            arms |= {
                f"acn_bench, {p}, every depth": (line, f"evaluate {p}, every depth")
                for p in precisions()
            }
        found[work] = table(work, alternate(arms, options.repetitions))
    for p in precisions():
        arms = {w: (line, f"{w} {p}") for w in ("model(x)", "forward_depths(x)")}
        found[f"forward_depths {p}"] = table(
            f"every depth in one pass, {p}", alternate(arms, options.repetitions)
        )

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "speed.json"
    about = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device.describe(torch.device("cpu")),
        "code": provenance.code(),
        "versions": provenance.versions(),
        "rows": f"{DATA.name} ({DATA.fingerprint})",
        "batch": BATCH,
    }
    path.write_text(json.dumps(about | {"images_per_second": found}, indent=1) + "\n")
    print(f"\nkept in {path}")


DATA = images.load("digits100")

if __name__ == "__main__":
    main()
