"""Records that no run made: plausible, deterministic, and cheap."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from acn_bench import catalog
from acn_bench.benchmarks.continual.result import ContinualResult, NoiseResult, Validation
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.transfer.result import (
    Accuracy,
    Probed,
    Trained,
    TransferResult,
)
from acn_bench.benchmarks.transfer.spec import TransferSpec
from acn_bench.catalog import BenchmarkCard
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.mixer import MixerSpec
from acn_bench.records import SCHEMA, RunRecord
from acn_bench.result import DataProvenance, Guard, Provenance, RowCounts, Seconds
from acn_bench.strategies.joint import JointSpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.strategies.si import SiSpec

LEVELS = {"gaussian": (0.1, 0.2, 0.4), "salt_and_pepper": (0.01, 0.05, 0.1)}
STRATEGIES = {  # as the cards have them
    "naive": NaiveSpec,
    "si": partial(SiSpec, importance_max=None),
    "joint": JointSpec,
}
# (just after learning, lost by the end of the stream, blocks in use, lost to noise at full level)
HABITS = {
    ("naive", "ac"): (0.80, 0.36, 3, 0.16),
    ("naive", "residual"): (0.81, 0.41, 5, 0.21),
    ("si", "ac"): (0.76, 0.24, 3, 0.15),
    ("si", "residual"): (0.77, 0.31, 5, 0.17),
    ("joint", "ac"): (0.82, 0.0, 4, 0.14),
    ("joint", "residual"): (0.81, 0.0, 5, 0.19),
}


def make_record(
    strategy: str = "naive",
    wiring: str = "ac",
    seed: int = 0,
    *,
    variant: str = "plain",
    depth: int = 5,
    experiences: int = 5,
    canonical: bool = False,
    code: str = "c0de5eed0123",
    time: str = "2026-01-02T03:04:05Z",
    quick: bool = False,
    seeds: Seeds | None = None,
    benchmark: dict[str, Any] | None = None,
    result: dict[str, Any] | None = None,
    provenance: dict[str, Any] | None = None,
    **backbone: Any,
) -> RunRecord:
    """A record as a run of `split_cifar100` would leave it; what a test is about can be replaced."""
    config = RunConfig(
        benchmark=ContinualSpec(
            name="split_cifar100", experiences=experiences, noise=LEVELS, **(benchmark or {})
        ),
        strategy=STRATEGIES[strategy](name=strategy),
        backbone=MixerSpec(wiring=wiring, variant=variant, depth=depth, **backbone),
        seeds=seeds or Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="f1d2d2f924e986ac86fdf7b36c94bcdf",
        quick=quick,
    )
    made = _result(config, experiences)
    for name, value in (result or {}).items():
        made[name] = value
    why_not = [] if canonical else ["data: cifar100 in part, 12,000 of 50,000 training rows"]
    why_not += ["quick: the card's [quick] values"] if quick else []
    measured = {
        "code": code,
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "versions": {"python": "3.11.7", "torch": "2.9.1", "avalanche-lib": "0.6.0"},
        "device": "cpu, 1 thread",
        "time": time,
        "data": DataProvenance(
            name="cifar100",
            fingerprint=config.fingerprint,
            canonical=canonical,
            train=50_000 if canonical else 12_000,
            test=10_000 if canonical else 2_500,
        ),
        "comparable": not why_not,
        "why_not": why_not,
        "guards": [
            Guard(name="finite", passed=True, detail="every measurement is a finite number"),
            Guard(name="classes", passed=True, detail="each class in one experience"),
        ],
    }
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=ContinualResult(**made),
        provenance=Provenance(**(measured | (provenance or {}))),
    )


def _result(config: RunConfig, T: int) -> dict[str, Any]:
    wiring, depth = config.backbone.wiring, config.backbone.depth
    seed = config.seeds.order + 10 * config.seeds.init
    draw = random.Random(
        f"{config.strategy.name} {wiring} {config.backbone.variant} {depth} {seed}"
    )
    common = random.Random(f"order {config.seeds.order}")  # what both arms of a pair share
    joint = config.strategy.name == "joint"
    habits = HABITS.get((config.strategy.name, wiring), (0.7, 0.4, 5, 0.2))
    learned, lost, used, noise = habits
    used = max(1, round(used * depth / 5))
    learned += common.uniform(-0.02, 0.02)
    lost += common.uniform(-0.04, 0.04) + draw.uniform(-0.015, 0.015)
    R: list[list[float | None]] = [[None] * T for _ in range(T)]
    for i in range(T):
        for j in range(T):
            if (i == T - 1) if joint else (j <= i):
                age = 0 if joint else i - j
                value = learned - lost * (1 - 0.45**age) / (1 - 0.45 ** (T - 1)) * (1 if age else 0)
                R[i][j] = round(min(0.99, max(0.2, value + draw.uniform(-0.03, 0.03))), 4)

    def curve(full: float, k: int) -> float:
        if k >= used:
            return full - 0.002 * (depth - k) / depth
        floor = 0.21 if wiring == "ac" else 0.2
        share = (k / used) ** (0.6 if wiring == "ac" else 2.5)
        return floor + max(0.0, full - floor - 0.03) * share

    def depths(matrix: list[list[float | None]]) -> list[list[list[float] | None]]:
        return [
            [
                None if v is None else [*(round(curve(v, k), 4) for k in range(depth)), v]
                for v in row
            ]
            for row in matrix
        ]

    def noisy(level: float, highest: float) -> list[list[float | None]]:
        rows: list[list[float | None]] = [[None] * T for _ in range(T)]
        drop = noise * (level / highest) ** 1.2
        rows[-1] = [
            None if v is None else round(max(0.2, v - drop * draw.uniform(0.8, 1.2)), 4)
            for v in R[-1]
        ]
        return rows

    held_out = [
        [None if v is None else round(min(1, v + draw.uniform(-0.01, 0.01)), 4) for v in row]
        for row in R
    ]
    epochs = config.benchmark.epochs * (T if joint else 1)
    head = 5 * T * 129
    return {
        "classes": [list(range(5 * j, 5 * j + 5)) for j in range(T)],
        "accuracy": R,
        "initial_accuracy": None,
        "depth_accuracy": depths(R),
        "noise": [
            NoiseResult(corruption=name, level=level, accuracy=noisy(level, levels[-1]))
            for name, levels in LEVELS.items()
            for level in levels
        ],
        "validation": Validation(
            accuracy=held_out,
            depth_accuracy=depths(held_out),
            counts=[60] * T,
            changes=[[max(0, used - k) * 10 * T, 1] for k in range(depth)] + [[0, 0]],
        ),
        "test_counts": [125] * T,
        "train_loss": [
            [round(0.35 + 1.2 * 0.78**e * draw.uniform(0.95, 1.05), 4) for e in range(epochs)]
            for _ in range(1 if joint else T)
        ],
        "parameters": [6_272 + k * 157_000 + head for k in range(depth + 1)],
        "flops": [786_432 + k * 19_000_000 for k in range(depth + 1)],
        "seconds": Seconds(
            train=round(412.0 * depth / 5 * draw.uniform(0.97, 1.03), 2),
            evaluate=round(31.0 * draw.uniform(0.97, 1.03), 2),
        ),
        "peak_memory": 611_000_000 + 1_000_000 * draw.randrange(9),
        "images_seen": 540 * T * config.benchmark.epochs,
        "precision": config.precision,
    }


def make_records(
    strategies: Sequence[str] = ("naive", "si"),
    wirings: Sequence[str] = ("ac", "residual"),
    seeds: Sequence[int] = (0, 1, 2),
    variants: Sequence[str] = ("plain",),
    **more: Any,
) -> list[RunRecord]:
    """One record of each strategy, wiring, variant and seed."""
    return [
        make_record(strategy, wiring, seed, variant=variant, **more)
        for strategy in strategies
        for variant in variants
        for wiring in wirings
        for seed in seeds
    ]


# (fine-tuned, cut to, source accuracy)
TRANSFER_HABITS = {
    ("ac", "plain"): (0.85, 3, 0.41),
    ("residual", "plain"): (0.83, 5, 0.41),
    ("residual", "aligned"): (0.80, 4, 0.42),
    ("residual", "layerskip"): (0.78, 5, 0.36),
}


def make_transfer(
    wiring="ac", scheme="plain", seed=0, *, depth=5, canonical=False, cut=..., **protocol
):
    """A record as a run of `transfer_cifar` would leave it."""
    finetuned, used, held_out = TRANSFER_HABITS.get((wiring, scheme), (0.7, 5, 0.4))
    draw = random.Random(f"{wiring} {scheme} {seed}")
    finetuned += random.Random(seed).uniform(-0.01, 0.01) + draw.uniform(-0.004, 0.004)
    used = used if cut is ... else cut
    config = RunConfig(
        benchmark=TransferSpec(
            name="transfer_cifar", scheme=scheme, **{"source_accuracy": 0.4} | protocol
        ),
        strategy=None,
        backbone=MixerSpec(wiring=wiring, depth=depth),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="aaaa+bbbb",
    )

    def share(value):
        return round(value * 5_000) / 5_000  # of held-out and of test rows

    def accuracy(full, blocks=depth):
        curve = [share(full * (k + 1) / (depth + 1)) for k in range(blocks)] + [share(full)]
        return Accuracy(validation=curve, test=curve)

    def trained(full, epochs, blocks=depth):
        by_depth = accuracy(full, blocks)
        right = [round(value * 5_000) for value in by_depth.validation]
        return Trained(
            train_loss=[1.0 / (e + 1) for e in range(epochs)],
            held_out=[share(full * (e + 1) / epochs) for e in range(epochs)],
            accuracy=by_depth,
            changes=[[right[-1] - n, 0] for n in right],
        )

    rows = RowCounts(train=45_000, validation=5_000, test=10_000)
    data = [
        DataProvenance(
            name=name, fingerprint=print_, canonical=canonical, train=50_000, test=10_000
        )
        for name, print_ in (("cifar100", "aaaa"), ("cifar10", "bbbb"))
    ]
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=TransferResult(
            source=trained(held_out, 4 + draw.randrange(3)),
            cut=used,
            probed=Probed(accuracy=accuracy(finetuned - 0.1), penalties=[1e-3] * (depth + 1)),
            finetuned=trained(finetuned, 3),
            finetuned_cut=None if used is None else trained(finetuned - 0.01, 3, used),
            source_rows=rows,
            target_rows=rows,
            source_classes=100,
            target_classes=10,
            parameters=[1000 * (k + 1) for k in range(depth + 1)],
            flops=[10**6 * (k + 1) for k in range(depth + 1)],
            seconds=Seconds(train=100.0, evaluate=10.0),
            peak_memory=10**9,
            images_seen=10**6,
            precision="fp32",
        ),
        provenance=Provenance(
            code="c0de5eed", commit=None, versions={"torch": "2.9.1"}, device="cpu, 1 thread",
            time="2026-01-02T03:04:05Z", data=data[0], further=data[1:], comparable=canonical,
            why_not=[] if canonical else ["a part"], guards=[],
        ),
    )  # fmt: skip


@pytest.fixture
def record() -> Callable[..., RunRecord]:
    return make_record


@pytest.fixture
def records() -> Callable[..., list[RunRecord]]:
    return make_records


@pytest.fixture(scope="session")
def transfer_record() -> Callable[..., RunRecord]:
    return make_transfer


@pytest.fixture(scope="session")
def card() -> BenchmarkCard:
    return catalog.benchmark("split_cifar100")
