"""Measure speed side by side: this line against stock Avalanche, on the same rows and network.

Each measure alternates its arms in one run, each on one thread, and takes medians; ratios are of
medians. Every side has a process of its own: this line with the environment that `run` gives its
workers, stock Avalanche with the one that a script has. The figures are printed and kept as JSON.

    python tools/bench_line.py [--repetitions 7] [--out reports/<date>-speed]
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.models import as_multitask
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from msgspec.structs import replace
from PIL import Image
from stopwatch import Side, Timed, alternate, keep, table
from torch.utils.data import Dataset
from torchvision import transforms

from acn_bench import catalog, device, workers
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


def precisions() -> list[Precision]:
    """What this processor has instructions for."""
    return ["fp32", "bf16"] if device.has_bf16(torch.device("cpu")) else ["fp32"]


def multiplied(dtype: torch.dtype) -> int:
    """Two square matrices, ten times over; the work in MFLOP."""
    n = 1024
    a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    for _ in range(10):
        a @ b
    return 10 * 2 * n**3 // 10**6


def line() -> dict[str, Timed]:
    """Everything that is timed of this line, by name."""
    known: dict[str, Timed] = {}
    for precision in precisions():
        known |= ours(precision) | one_pass(precision)
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        known[f"multiply {precision}"] = partial(multiplied, dtype)
    return known


def main() -> None:
    """Measure everything, print it, keep it."""
    parser = argparse.ArgumentParser(description="Speed of the line, side by side.")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    if len(precisions()) == 1:
        print("this processor has no bf16 instructions: fp32 only")
    avalanche, here = Side(stock, {}), Side(line, workers.ENVIRONMENT)

    def measure(title: str, arms: dict[str, tuple[Side, str]], unit: str = "images/s") -> None:
        found[title] = table(f"{title}  ({unit})", alternate(arms, options.repetitions))

    found: dict[str, Any] = {}
    measure(
        "matrix products", {p: (here, f"multiply {p}") for p in precisions()}, unit="MFLOP/s"
    )  # what the processor allows: no network can gain more from bf16 than they do
    for work in ("train", "evaluate"):
        arms = {"stock Avalanche, fp32": (avalanche, work)}
        arms |= {f"acn_bench, {p}": (here, f"{work} {p}") for p in precisions()}
        if work == "evaluate":
            arms |= {
                f"acn_bench, {p}, every depth": (here, f"evaluate {p}, every depth")
                for p in precisions()
            }
        measure(work, arms)
    for p in precisions():
        arms = {w: (here, f"{w} {p}") for w in ("model(x)", "forward_depths(x)")}
        measure(f"every depth in one pass, {p}", arms)
    rows = {"rows": f"{DATA.name} ({DATA.fingerprint})", "batch": BATCH}
    keep(options.out, "line", rows | {"speeds": found})


DATA = images.load("digits100")

if __name__ == "__main__":
    main()
