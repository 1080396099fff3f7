"""Train by acn_bench and by stock Avalanche, seed by seed, and compare accuracy and forgetting.

python tools/compare_accuracy.py [--seeds 5] [--out reports/<date>-speed]

Both sides have the same rows, network, strategy, values and fp32. Batches and crops are drawn independently,
so the comparison is of paired means over seeds. SI is left out: on the CPU, Avalanche's SI is Naive.
"""

import argparse
from pathlib import Path
from typing import Any

import stock
import torch
from msgspec.structs import asdict, replace
from stopwatch import save
from torchvision import transforms

from acn_bench import catalog, metrics
from acn_bench.analysis import statistics
from acn_bench.backbones import from_spec
from acn_bench.benchmarks.continual.protocol import measure
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.families.mixer import MixerSpec
from acn_bench.spec import StrategySpec
from acn_bench.strategies.ewc import EwcSpec
from acn_bench.strategies.replay import ReplaySpec
from acn_bench.strategies.seeding import seed_everything

STRATEGIES = tuple(s for s in stock.STRATEGIES if s != "si")
METRICS = {"average accuracy": metrics.average_accuracy, "forgetting": metrics.forgetting}
TRANSFORMS = stock.Transforms(  # digits are not mirrored, and the network normalises
    train=transforms.Compose([transforms.RandomCrop(32, padding=2), transforms.ToTensor()]),
    evaluate=transforms.ToTensor(),
)


def acn_bench_matrix(config: RunConfig) -> list[list[float | None]]:
    """The accuracy matrix of acn_bench."""
    return measure(Run(config, [DATA], torch.device("cpu"))).result.accuracy


def stock_matrix(config: RunConfig) -> list[list[float]]:
    """The accuracy matrix of stock Avalanche, by its own accuracy metric."""
    protocol, rows = config.benchmark, split(DATA, config.benchmark, config.seeds)
    seed_everything("stock", config.seeds.init)
    network = from_spec(config.backbone, protocol.classes_per_experience)
    learner = stock.learner(config.strategy.name, network, protocol, [])
    stream = stock.stream(DATA, rows, protocol, TRANSFORMS)
    matrix = []
    for i, experience in enumerate(stream.train_stream):
        learner.train(experience, eval_streams=[])
        metrics_of_experience = learner.eval(stream.test_stream[: i + 1])
        names = [f"Task{j:03}/Exp{j:03}" for j in range(i + 1)]
        matrix.append(
            [metrics_of_experience[f"Top1_Acc_Exp/eval_phase/test_stream/{name}"] for name in names]
        )
    return matrix


def _at_the_batch(strategy: StrategySpec) -> StrategySpec:
    """The card's values, with every batch of the strategy as large as the others, as in stock Avalanche."""
    size = PROTOCOL.batch_size
    if isinstance(strategy, EwcSpec):
        return replace(strategy, fisher_batch_size=size)
    if isinstance(strategy, ReplaySpec):
        return replace(strategy, memory_batch_size=size)
    return strategy


def main() -> None:
    """Run both sides, print and save the paired differences."""
    parser = argparse.ArgumentParser(description="Accuracy of acn_bench and of stock Avalanche.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    agreement: dict[str, Any] = {}
    for strategy in STRATEGIES:
        pairs = []
        for seed in range(options.seeds):
            config = RunConfig(
                benchmark=PROTOCOL,
                strategy=_at_the_batch(catalog.strategy(strategy).options),
                backbone=MixerSpec(wiring="ac", patch_size=8, width=64, channel_width=256),
                seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
                fingerprint=DATA.fingerprint,
            )
            pairs.append((acn_bench_matrix(config), stock_matrix(config)))
        agreement[strategy] = {name: _compare(strategy, name, pairs) for name in METRICS}
    about = {"rows": f"{DATA.name} ({DATA.fingerprint})", "protocol": asdict(PROTOCOL)}
    save(options.out, "accuracy", about | {"seeds": options.seeds, "agreement": agreement})


def _compare(strategy: str, name: str, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Print and return one metric of both sides in points, and the 95 % interval of the paired difference."""
    sides = [[100 * METRICS[name](R) for R in side] for side in zip(*pairs, strict=True)]
    differences = [a - b for a, b in zip(*sides, strict=True)]
    mean = sum(differences) / len(differences)
    low, high = statistics.t_interval(differences) or (float("nan"), float("nan"))
    acn_mean, stock_mean = (sum(side) / len(side) for side in sides)
    print(
        f"{strategy:8} {name:17} acn_bench {acn_mean:5.1f}   stock {stock_mean:5.1f}   "
        f"difference {mean:+5.1f} [{low:+5.1f}, {high:+5.1f}]  n = {len(pairs)}",
        flush=True,
    )
    return {"acn_bench": sides[0], "stock": sides[1], "mean": mean, "interval": [low, high]}


PROTOCOL: ContinualSpec = replace(
    catalog.benchmark("split_cifar100").protocol,
    data="digits100",
    experiences=4,
    epochs=4,
    batch_size=16,
    crop_padding=2,
    noise={},
)
DATA = images.load("digits100")

if __name__ == "__main__":
    main()
