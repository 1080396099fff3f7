"""Compare the speeds of acn_bench and stock Avalanche on the same rows, network and strategies.

python tools/bench_line.py [--repetitions 7] [--out reports/<date>-speed]

Training is timed at the last experience of 20, where a strategy has its full state (memories, penalties,
teachers); the 19 experiences before it are short here. The data are embedded, so that it runs anywhere: the
content of the images does not change the time of a step. bf16 is timed only where the processor has
instructions for it.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace as replace_fields
from functools import partial
from pathlib import Path
from typing import Any

import stock
import torch
from epochs import Gate
from msgspec.structs import replace
from stopwatch import Side, Timed, alternate, save, table

from acn_bench import catalog, device
from acn_bench.backbones import build
from acn_bench.benchmarks.continual.protocol import ContinualRun
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.data.images import ImageData
from acn_bench.evaluation import correctness
from acn_bench.execution import local
from acn_bench.families.mixer import MixerSpec
from acn_bench.spec import Precision

LAST = 19  # of 20 experiences
FEW = 10  # training rows of a class in the experiences before it
NEVER = 10**6  # epochs: the last experience ends with the process


def few_before_the_last() -> ImageData:
    """The embedded data, with few training rows of each class outside the last experience."""
    data = images.load("digits100")
    per, chosen = PROTOCOL.classes_per_experience, []
    for label in range(len(data.class_names)):
        rows = (data.train_labels == label).nonzero().flatten()
        chosen.append(rows if label >= LAST * per else rows[:FEW])
    rows = torch.cat(chosen)
    return replace_fields(
        data, train_images=data.train_images[rows], train_labels=data.train_labels[rows]
    )


def config(strategy: str, precision: Precision) -> RunConfig:
    """An AC-Mixer of the paper's width, trained by one strategy."""
    return RunConfig(
        benchmark=PROTOCOL,
        strategy=catalog.strategy(strategy).options,
        backbone=MixerSpec(wiring="ac"),
        seeds=Seeds(),
        fingerprint=DATA.fingerprint,
        precision=precision,
    )


def acn_bench_gate(strategy: str, precision: Precision) -> Gate:
    """acn_bench, trained up to the last experience."""
    gate, run = (
        Gate(LAST),
        ContinualRun(Run(config(strategy, precision), [DATA], torch.device("cpu"))),
    )
    run.learner.plugins.append(gate)
    return _to_the_last(gate, run.learner, run._stream())


def stock_gate(strategy: str) -> Gate:
    """Stock Avalanche, trained up to the last experience."""
    gate = Gate(LAST)
    network = build("ac_mixer", num_classes=PROTOCOL.classes_per_experience, mean=None)
    learner = stock.learner(strategy, network, PROTOCOL, [gate])
    rows = split(DATA, PROTOCOL, Seeds())
    return _to_the_last(gate, learner, stock.stream(DATA, rows, PROTOCOL, stock.Transforms()))


def _to_the_last(gate: Gate, learner: Any, stream: Any) -> Gate:
    def train(_: Gate) -> None:
        for i, experience in enumerate(stream.train_stream):
            learner.train_epochs = NEVER if i == LAST else 1
            learner.train(experience, eval_streams=[])

    gate.train(train)
    return gate


def epochs(makes: Callable[[], Gate]) -> Timed:
    """One epoch of the last experience. The first call, the warm-up, also trains the experiences before it."""
    gates: list[Gate] = []

    def run() -> int:
        if not gates:
            gates.append(makes())
        return gates[0].epoch()

    return run


# ---------------------------------------------------------------- evaluation


def evaluation_of_acn_bench(precision: Precision) -> dict[str, Timed]:
    """Evaluate all test rows, each with its head, at full depth and at every depth."""
    run = ContinualRun(Run(config("naive", precision), [DATA], torch.device("cpu")))

    def evaluate(depths: bool) -> int:
        with correctness.evaluating(run.model):
            for j, tests in enumerate(run.split.test):
                pixels = run.rows.plain(tests + len(DATA.train_labels))
                features = correctness.features(run.model.backbone, pixels, depths=depths)
                labels = run.split.label(DATA.test_labels[tests], task_incremental=True)
                correct = correctness.correct(run.prediction.logits(features, j), labels)
                correctness.shares(correct.depths)
        return sum(map(len, run.split.test))

    return {
        f"evaluate {precision}": partial(evaluate, False),
        f"evaluate {precision}, every depth": partial(evaluate, True),
    }


def evaluation_of_stock() -> Timed:
    """`strategy.eval` of the test stream, with its accuracy matrix."""
    network = build("ac_mixer", num_classes=PROTOCOL.classes_per_experience, mean=None)
    learner = stock.learner("naive", network, PROTOCOL, [])
    rows = split(DATA, PROTOCOL, Seeds())
    stream = stock.stream(DATA, rows, PROTOCOL, stock.Transforms())

    def evaluate() -> int:
        learner.eval(stream.test_stream)
        return sum(map(len, rows.test))

    return evaluate


def one_pass(precision: Precision) -> dict[str, Timed]:
    """`model(x)` and `model.forward_depths(x)` of a slice of images."""
    model = build("ac_mixer", num_classes=5, precision=precision).eval()
    batch = torch.rand(correctness.SLICE, 3, 32, 32)

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


def multiplied(dtype: torch.dtype) -> int:
    """Multiply two square matrices ten times; returns the work in MFLOP."""
    n = 1024
    a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    for _ in range(10):
        a @ b
    return 10 * 2 * n**3 // 10**6


# ---------------------------------------------------------------- the sides


def precisions() -> list[Precision]:
    """The precisions that this processor has instructions for."""
    return ["fp32", "bf16"] if device.has_bf16(torch.device("cpu")) else ["fp32"]


def avalanche() -> dict[str, Timed]:
    """The timed pieces of work of stock Avalanche, by name."""
    works = {f"train {s}": epochs(partial(stock_gate, s)) for s in stock.STRATEGIES}
    return works | {"evaluate": evaluation_of_stock()}


def line() -> dict[str, Timed]:
    """The timed pieces of work of acn_bench, by name."""
    works: dict[str, Timed] = {}
    for p in precisions():
        works |= {f"train {s} {p}": epochs(partial(acn_bench_gate, s, p)) for s in stock.STRATEGIES}
        works |= evaluation_of_acn_bench(p) | one_pass(p)
        works[f"multiply {p}"] = partial(
            multiplied, torch.bfloat16 if p == "bf16" else torch.float32
        )
    return works


def main() -> None:
    """Measure, print and save all speeds."""
    parser = argparse.ArgumentParser(description="Speed of acn_bench and of stock Avalanche.")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    if len(precisions()) == 1:
        print("this processor has no bf16 instructions: fp32 only")
    stock_side, our_side = Side(avalanche, {}), Side(line, local.ENVIRONMENT)

    def measure(title: str, arms: dict[str, tuple[Side, str]], unit: str = "images/s") -> None:
        speeds[title] = table(f"{title}  ({unit})", alternate(arms, options.repetitions))

    speeds: dict[str, Any] = {}
    measure(
        "matrix products", {p: (our_side, f"multiply {p}") for p in precisions()}, unit="MFLOP/s"
    )  # what the processor allows: no network can gain more from bf16 than they do
    for strategy in stock.STRATEGIES:
        arms = {"stock Avalanche, fp32": (stock_side, f"train {strategy}")}
        arms |= {f"acn_bench, {p}": (our_side, f"train {strategy} {p}") for p in precisions()}
        measure(f"training at the last experience of 20, {strategy}", arms)
    arms = {"stock Avalanche, fp32": (stock_side, "evaluate")}
    arms |= {f"acn_bench, {p}": (our_side, f"evaluate {p}") for p in precisions()}
    arms |= {
        f"acn_bench, {p}, every depth": (our_side, f"evaluate {p}, every depth")
        for p in precisions()
    }
    measure("evaluation", arms)
    for p in precisions():
        arms = {w: (our_side, f"{w} {p}") for w in ("model(x)", "forward_depths(x)")}
        measure(f"every depth in one pass, {p}", arms)
    rows = {"rows": f"{DATA.name} ({DATA.fingerprint})", "batch": PROTOCOL.batch_size}
    save(options.out, "line", rows | {"speeds": speeds})


PROTOCOL: ContinualSpec = replace(
    catalog.benchmark("split_cifar100").protocol, data="digits100", class_order="natural"
)
DATA = few_before_the_last()

if __name__ == "__main__":
    main()
