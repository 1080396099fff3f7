"""Evidence of a continual run -> Guard: the checks that only a stream of experiences needs."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from acn_bench.benchmarks.continual.network import row_model
from acn_bench.benchmarks.continual.spec import ContinualConfig, ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.config import Seeds
from acn_bench.data.batches import Rows
from acn_bench.data.generators import preserved_generators, seed_everything
from acn_bench.data.images import ImageData
from acn_bench.data.split import Split, hold_out
from acn_bench.evaluation.correctness import Correct
from acn_bench.result import Guard
from acn_bench.strategies.budget import SpentBudget
from acn_bench.strategies.prediction import Prediction

UNDISTURBED = 0.75  # share of the seconds in which a thread runs that waits for its helpers alone

Corruption = Callable[[str, float, Seeds], Callable[..., Tensor]]


def classes(made: Split, protocol: ContinualSpec, data: ImageData) -> Guard:
    """Each class of the protocol is in exactly one experience, and none is missing."""
    arrived = [c for own in made.classes for c in own]
    wanted = protocol.experiences * protocol.classes_per_experience
    return Guard(
        name="every class that is to come arrives once",
        passed=len(arrived) == len(set(arrived)) == wanted,
        detail=f"{len(arrived)} of the {len(data.class_names)} classes of {data.name}",
    )


def stream(made: Any, expected: Split, *, task_incremental: bool) -> Guard:
    """What Avalanche trains and would test on is what was dealt out: classes, and how many rows."""
    per = len(expected.classes[0])
    found, wanted = [], []
    for experiences, rows in (
        (made.train_stream, expected.train),
        (made.test_stream, expected.test),
    ):
        for experience in experiences:
            labels = [int(y) for y in experience.dataset.targets]
            found.append((sorted(set(labels)), len(labels)))
        for e, own in enumerate(rows):
            first = 0 if task_incremental else e * per
            wanted.append((list(range(first, first + per)), len(own)))
    apart = sum(a != b for a, b in zip(found, wanted, strict=False)) + abs(len(found) - len(wanted))
    return Guard(
        name="the experiences hold every class and every row, once",
        passed=not apart,
        detail=f"{apart or 'none'} of {len(found)} experiences not as dealt out",
    )


def task_labels(made: Any, prediction: Prediction, features: Tensor) -> Guard:
    """With one head, nothing tells the network which experience an example is of."""
    labels = {t for e in (*made.train_stream, *made.test_stream) for t in e.task_labels}
    count = len(made.test_stream) if prediction.ready else 0
    said = [prediction.logits(features, e) for e in range(count)]
    return Guard(
        name="no task label reaches a class-incremental run",
        passed=len(labels) == 1 and all(torch.equal(said[0], other) for other in said),
        detail=f"{len(labels)} task label in the stream; logits compared for {count} experiences",
    )


def seeds(config: ContinualConfig, data: ImageData, corruption: Corruption) -> Guard:
    """Class order, weights, held-out rows and noise each stay as they are when the other seeds change."""
    here = _drawn(config, data, corruption)
    shared = []
    for name in here:
        values = {f.name: getattr(config.seeds, f.name) + 1 for f in msgspec.structs.fields(Seeds)}
        others = Seeds(**values | {name: getattr(config.seeds, name)})
        changed = msgspec.structs.replace(config, seeds=others)
        if not torch.equal(_drawn(changed, data, corruption, only=name)[name], here[name]):
            shared.append(name)
    return Guard(
        name="the four seeds are independent",
        passed=not shared,
        detail=f"not alone: {', '.join(shared)}" if shared else ", ".join(here),
    )


def _drawn(
    config: ContinualConfig, data: ImageData, corruption: Corruption, only: str | None = None
) -> dict[str, Tensor]:
    """What each seed decides, through the functions that a run uses."""

    def order() -> Tensor:
        return torch.tensor(split(data, config.benchmark, config.seeds).classes)

    def init() -> Tensor:
        rows, s = Rows(data.train_images[:1], seed=config.seeds.data), config.seeds
        with preserved_generators():
            seed_everything("whatever was drawn before", s.order, s.data, s.noise)
            model: nn.Module = row_model(config, rows)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    def held() -> Tensor:
        return hold_out(data, 0, config.benchmark.validation, config.seeds.data)[1]

    def noise() -> Tensor:
        first = data.test_images[:2].float() / 255
        levels = [(n, level) for n, levels in config.benchmark.noise.items() for level in levels]
        noisy = [
            corruption(n, level, config.seeds)(first, indices=torch.arange(2))
            for n, level in levels
        ]
        return torch.cat(noisy) if noisy else first

    made = {"order": order, "init": init, "data": held, "noise": noise}
    return {name: draw() for name, draw in made.items() if only in (None, name)}


def masked(right: Sequence[Correct]) -> Guard:
    """What is right among all classes is right among the experience's own: else scenarios are mixed up."""
    pairs = [(r.depths[-1], r.masked) for r in right if r.masked is not None]
    lost = sum(int((whole & ~own).sum()) for whole, own in pairs)
    return Guard(
        name="masking to the experience makes nothing wrong that was right",
        passed=not lost,
        detail=f"{lost} of {sum(len(own) for _, own in pairs)} examples",
    )


def budget(experiences: Sequence[SpentBudget], what: str) -> Guard:
    """Every experience had what it was to have, and its last step alone went beyond."""
    apart = [e for e in experiences if not e.limit <= e.total < e.limit + max(e.last_step, 1e-9)]
    most = max((e.total / e.limit for e in experiences), default=0.0)
    return Guard(
        name="every experience ended with its budget",
        passed=bool(experiences) and not apart,
        detail=f"{what}: {len(experiences)} trained, {len(apart)} of them with less or more; at most "
        f"{most:.2f} times what they had",
    )


def processor(experiences: Sequence[SpentBudget]) -> Guard:
    """While seconds were counted, nothing else took the processor away."""
    total = sum(e.total for e in experiences)
    share = sum(e.processor for e in experiences) / total if total else 0.0
    return Guard(
        name="training in seconds had the processor to itself",
        passed=share >= UNDISTURBED,
        detail=f"its thread ran {share:.0%} of the time",
    )
