"""Evidence of a run -> Guard: one check each, with what it saw.

They ask whether the errors were made that make results of continual learning wrong without a sign. A
guard that fails stops nothing: the record says so, and is not comparable.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from acn_bench.benchmarks.continual.split import Split, hold_out, split
from acn_bench.data.batches import Rows
from acn_bench.data.images import ImageData
from acn_bench.evaluation.correctness import Correct
from acn_bench.records import Guard
from acn_bench.spec import ContinualSpec, RunConfig, Seeds
from acn_bench.strategies.budget import Spent
from acn_bench.strategies.prediction import Prediction
from acn_bench.strategies.seeding import generators_kept, seed_everything
from acn_bench.training.network import row_model

UNDISTURBED = 0.75  # share of the seconds in which a thread runs that waits for its helpers alone
REPEATED = 0.01  # share of test images: the original files have a few that are training images, too
ROUNDING = 0.005  # share of examples: other slices round otherwise, and a near tie may turn

Corruption = Callable[[str, float, Seeds], Callable[..., Tensor]]


# ---------------------------------------------------------------- the stream


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


def held_out(made: Split) -> Guard:
    """Nothing that is selected on was trained on."""
    train, held = torch.cat(made.train), torch.cat(made.validation)
    return Guard(
        name="no row is both trained on and held out",
        passed=not torch.isin(held, train).any() and len(train.unique()) == len(train),
        detail=f"{len(train):,} trained on, {len(held):,} held out",
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


def disjoint(train: Sequence[ImageData], tested: ImageData) -> Guard:
    """The images that are tested on are not those that were trained on, pixel for pixel."""
    seen = {_pixels(image) for data in train for image in data.train_images}
    again = sum(_pixels(image) in seen for image in tested.test_images)
    count = len(tested.test_images)
    return Guard(
        name="images that are tested on were not trained on",
        passed=again <= REPEATED * count,
        detail=f"{again} of {count} test images of {tested.name} are among the training images",
    )


def _pixels(image: Tensor) -> int:
    """A hash: the bytes of all images would be as much memory again as the data."""
    return hash(image.numpy().tobytes())


# ---------------------------------------------------------------- chance


def generators() -> tuple[Any, ...]:
    """The state of the three global generators."""
    numpy = tuple(map(str, np.random.get_state(legacy=False)["state"].values()))
    return random.getstate(), numpy, torch.random.get_rng_state().tolist()


def untouched(before: tuple[Any, ...], after: tuple[Any, ...]) -> Guard:
    """Building the stream drew nothing that initial weights or batches would have been drawn from."""
    names = ("Python", "NumPy", "torch")
    moved = [n for n, b, a in zip(names, before, after, strict=True) if b != a]
    return Guard(
        name="building the stream leaves the random state alone",
        passed=not moved,
        detail=f"moved: {', '.join(moved)}" if moved else "Python, NumPy, torch",
    )


def seeds(config: RunConfig, data: ImageData, corruption: Corruption) -> Guard:
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
    config: RunConfig, data: ImageData, corruption: Corruption, only: str | None = None
) -> dict[str, Tensor]:
    """What each seed decides, through the functions that a run uses."""

    def order() -> Tensor:
        return torch.tensor(split(data, config.continual, config.seeds).classes)

    def init() -> Tensor:
        rows, s = Rows(data.train_images[:1], seed=config.seeds.data), config.seeds
        with generators_kept():
            seed_everything("whatever was drawn before", s.order, s.data, s.noise)
            model: nn.Module = row_model(config, rows)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    def held() -> Tensor:
        return hold_out(data, 0, config.benchmark, config.seeds)[1]

    def noise() -> Tensor:
        first = data.test_images[:2].float() / 255
        levels = [(n, level) for n, levels in config.continual.noise.items() for level in levels]
        noisy = [
            corruption(n, level, config.seeds)(first, indices=torch.arange(2))
            for n, level in levels
        ]
        return torch.cat(noisy) if noisy else first

    made = {"order": order, "init": init, "data": held, "noise": noise}
    return {name: draw() for name, draw in made.items() if only in (None, name)}


# ---------------------------------------------------------------- the measurements


@contextmanager
def watched(model: nn.Module) -> Iterator[Callable[[], bool]]:
    """Gives a function: whether model and random state are, when it is asked, as they were at the start."""
    weights = [t.clone() for t in model.state_dict().values()]
    modes = [m.training for m in model.modules()]
    random = generators()

    def unchanged() -> bool:
        same = all(map(torch.equal, weights, model.state_dict().values()))
        same = same and modes == [m.training for m in model.modules()]
        return same and random == generators()

    yield unchanged


def unnoticed(what: str, same: bool) -> Guard:
    """A measurement leaves weights, buffers, modes and generators as they were."""
    return Guard(
        name=f"{what} changes neither the model nor the random state", passed=same, detail=""
    )


def modes(training: Sequence[bool]) -> Guard:
    """No part of the network was in training mode while it was measured."""
    return Guard(
        name="every measurement was made in evaluation mode",
        passed=not any(training),
        detail=f"{sum(training) or 'none'} of {len(training)} measurements in training mode",
    )


def stable(first: Sequence[Correct], reversed_: Sequence[Correct]) -> Guard:
    """Neither the order of the examples nor how many pass at once has a say."""
    pairs = [(a.depths, b.depths.flip(1)) for a, b in zip(first, reversed_, strict=True)]
    count = sum(a.numel() for a, _ in pairs)
    apart = sum(int((a != b).sum()) for a, b in pairs)
    return Guard(
        name="results depend neither on the evaluation's batches nor on its order",
        passed=apart <= ROUNDING * count,
        detail=f"{apart or 'none'} of {count:,} outcomes differ in other slices and in reverse",
    )


def masked(right: Sequence[Correct]) -> Guard:
    """What is right among all classes is right among the experience's own: else scenarios are mixed up."""
    pairs = [(r.depths[-1], r.masked) for r in right if r.masked is not None]
    lost = sum(int((whole & ~own).sum()) for whole, own in pairs)
    return Guard(
        name="masking to the experience makes nothing wrong that was right",
        passed=not lost,
        detail=f"{lost} of {sum(len(own) for _, own in pairs)} examples",
    )


def budget(experiences: Sequence[Spent], what: str) -> Guard:
    """Every experience had what it was to have, and its last step alone went beyond."""
    apart = [e for e in experiences if not e.limit <= e.total < e.limit + max(e.last_step, 1e-9)]
    most = max((e.total / e.limit for e in experiences), default=0.0)
    return Guard(
        name="every experience ended with its budget",
        passed=bool(experiences) and not apart,
        detail=f"{what}: {len(experiences)} trained, {len(apart)} of them with less or more; at most "
        f"{most:.2f} times what they had",
    )


def processor(experiences: Sequence[Spent]) -> Guard:
    """While seconds were counted, nothing else took the processor away."""
    total = sum(e.total for e in experiences)
    share = sum(e.processor for e in experiences) / total if total else 0.0
    return Guard(
        name="training in seconds had the processor to itself",
        passed=share >= UNDISTURBED,
        detail=f"its thread ran {share:.0%} of the time",
    )


class Passes:
    """Called before each pass of a network: counts the images that a gradient is asked for.

    A second count, beside the one of the rows that are gathered. A copied network keeps counting here.
    """

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if torch.is_grad_enabled():
            self.images += len(inputs[0])

    def __deepcopy__(self, memo: dict[int, Any]) -> "Passes":
        return self


def images(reported: int, passed: int, stream: int) -> Guard:
    """The images that a record reports are those that passed the network, memories' included."""
    return Guard(
        name="every image that was trained on is counted",
        passed=reported == passed,
        detail=f"{reported / stream:.2g} times the rows of the stream"
        if reported == passed
        else f"{reported} reported, {passed} passed",
    )
