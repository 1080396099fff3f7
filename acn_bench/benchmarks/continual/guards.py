"""Evidence of a continual run -> Guard: the checks that only a stream of experiences needs."""

from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from acn_bench.benchmarks.continual.result import QUANTILES
from acn_bench.benchmarks.continual.spec import ContinualConfig, ContinualSpec
from acn_bench.benchmarks.continual.split import StreamData, split
from acn_bench.benchmarks.continual.stream_inputs import StreamInputs
from acn_bench.config import Seeds
from acn_bench.data.generators import preserved_generators, seed_everything
from acn_bench.data.split import Split, hold_out
from acn_bench.evaluation.correctness import Correct
from acn_bench.result import Guard
from acn_bench.strategies.budget import SpentBudget
from acn_bench.strategies.prediction import Prediction
from acn_bench.strategies.state_monitor import Measures

UNDISTURBED = (
    0.75  # share of the seconds in which the training thread runs if no other process competes
)

NEARLY_ALL = 0.9  # of the penalised weights


def classes(made: Split, protocol: ContinualSpec, data: StreamData) -> Guard:
    """Each class of the protocol is in exactly one experience, and none is missing."""
    arrived = [c for classes in made.classes for c in classes]
    expected = protocol.classes
    return Guard(
        name="every class of the protocol is in exactly one experience",
        passed=len(arrived) == len(set(arrived)) == expected,
        detail=f"{len(arrived)} of the {len(data.class_names)} classes of {data.name}",
    )


def stream(made: Any, expected: Split, *, task_incremental: bool) -> Guard:
    """Avalanche's train and test experiences have the classes and numbers of rows of the split."""
    count = len(expected.classes[0])
    actual, intended = [], []
    for experiences, rows in (
        (made.train_stream, expected.train),
        (made.test_stream, expected.test),
    ):
        for experience in experiences:
            labels = [int(y) for y in experience.dataset.targets]
            actual.append((sorted(set(labels)), len(labels)))
        for e, own in enumerate(rows):
            first = 0 if task_incremental else e * count
            intended.append((list(range(first, first + count)), len(own)))
    different = sum(a != b for a, b in zip(actual, intended, strict=False))
    different += abs(len(actual) - len(intended))
    return Guard(
        name="the stream has the classes and rows of the split",
        passed=not different,
        detail=f"{different or 'none'} of {len(actual)} experiences differ",
    )


def task_labels(made: Any, prediction: Prediction, features: Tensor) -> Guard:
    """In a class-incremental run (single head), nothing reveals the experience of an example."""
    labels = {t for e in (*made.train_stream, *made.test_stream) for t in e.task_labels}
    count = len(made.test_stream) if prediction.ready else 0
    logits = [prediction.logits(features, e) for e in range(count)]
    return Guard(
        name="no task label reaches a class-incremental run",
        passed=len(labels) == 1 and all(torch.equal(logits[0], other) for other in logits),
        detail=f"{len(labels)} task label in the stream; logits compared for {count} experiences",
    )


def seeds(config: ContinualConfig, inputs: StreamInputs) -> Guard:
    """Class order, weights, held-out rows and noise do not change when the other three seeds change."""
    drawn = _drawn(config, inputs)
    dependent = []
    for name in drawn:
        values = {f.name: getattr(config.seeds, f.name) + 1 for f in msgspec.structs.fields(Seeds)}
        others = Seeds(**values | {name: getattr(config.seeds, name)})
        changed = msgspec.structs.replace(config, seeds=others)
        if not torch.equal(_drawn(changed, inputs, only=name)[name], drawn[name]):
            dependent.append(name)
    return Guard(
        name="the four seeds are independent",
        passed=not dependent,
        detail=f"dependent on others: {', '.join(dependent)}" if dependent else ", ".join(drawn),
    )


def _drawn(
    config: ContinualConfig, inputs: StreamInputs, only: str | None = None
) -> dict[str, Tensor]:
    """The values that each seed decides, by the functions that a run uses."""

    def order() -> Tensor:
        return torch.tensor(split(inputs.data, config.benchmark, config.seeds).classes)

    def init() -> Tensor:
        s = config.seeds
        with preserved_generators():
            seed_everything("whatever was drawn before", s.order, s.data, s.noise)
            model: nn.Module = inputs.model(config)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    def held_out() -> Tensor:
        return hold_out(inputs.data, 0, config.benchmark.validation, config.seeds.data)[1]

    def noise() -> Tensor:
        return inputs.noise(config)

    draws = {"order": order, "init": init, "data": held_out, "noise": noise}
    return {name: draw() for name, draw in draws.items() if only in (None, name)}


def masked(results: Sequence[Correct]) -> Guard:
    """An example that is correct among all classes is correct among its experience's classes.

    Otherwise the mask is of another experience.
    """
    pairs = [(r.depths[-1], r.masked) for r in results if r.masked is not None]
    lost = sum(int((whole & ~own).sum()) for whole, own in pairs)
    return Guard(
        name="an example that is correct among all classes is correct within its experience",
        passed=not lost,
        detail=f"{lost or 'none'} of {sum(len(own) for _, own in pairs)} examples differ",
    )


def penalty(measures: Measures) -> Guard | None:
    """What the strategy adds to the loss is no constant; None where it adds nothing to an experience.

    It is one where no two steps of an experience differ in it, or where its gradient is one multiple of θ - θ* for
    nearly all weights: where nearly all importances are within 1 % of their median, and that is not zero.
    """
    varies, uniform = measures.added_varies[1:], measures.alike[:-1]
    if not varies:
        return None
    middle = QUANTILES.index(0.5)
    zero = [all(v == 0 for v in values) for values in measures.importance[:-1]]
    one = [
        share >= NEARLY_ALL and values[middle] != 0
        for share, values in zip(uniform, measures.importance, strict=False)
    ]
    share = f"; at most {100 * max(uniform):.3g} % of the importances are alike" if uniform else ""
    return Guard(
        name="the penalty is no constant",
        passed=all(varies) and not any(one) and not any(zero),
        detail=f"{sum(varies)} of {len(varies)} experiences after the first in which it changes{share}",
    )


def budget(experiences: Sequence[SpentBudget], name: str) -> Guard:
    """Training on every experience reached its budget with its last step, and not before."""
    missed = [e for e in experiences if not e.limit <= e.total < e.limit + max(e.last_step, 1e-9)]
    largest = max((e.total / e.limit for e in experiences), default=0.0)
    return Guard(
        name="every experience ended with its budget",
        passed=bool(experiences) and not missed,
        detail=f"budget={name}: {len(experiences)} trained, {len(missed)} of them with less or more than "
        f"their budget; at most {largest:.2f} times the budget",
    )


def processor(experiences: Sequence[SpentBudget]) -> Guard:
    """During training in seconds, no other process used the processor."""
    total = sum(e.total for e in experiences)
    share = sum(e.processor for e in experiences) / total if total else 0.0
    return Guard(
        name="training in seconds had the processor to itself",
        passed=share >= UNDISTURBED,
        detail=f"its thread ran {share:.0%} of the time",
    )
