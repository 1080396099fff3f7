"""Evidence of a run -> Guard: one check each, with its outcome. These serve every kind of benchmark.

They look for errors that make results wrong without a sign. A guard that fails stops nothing: the record says
so, and is not comparable.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from acn_bench.data.images import ImageData
from acn_bench.data.split import Split
from acn_bench.evaluation.correctness import Correct
from acn_bench.result import Guard

REPEATED = 0.01  # share of test images: the original files have a few that are training images, too
ROUNDING = 0.005  # share of examples: other slices round otherwise, and a near tie may turn


# ---------------------------------------------------------------- the stream


def held_out(made: Split) -> Guard:
    """Nothing that is selected on was trained on."""
    train, held = torch.cat(made.train), torch.cat(made.validation)
    return Guard(
        name="no row is both trained on and held out",
        passed=not torch.isin(held, train).any() and len(train.unique()) == len(train),
        detail=f"{len(train):,} trained on, {len(held):,} held out",
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
