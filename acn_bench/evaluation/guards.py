"""Checks of a run, each with its outcome, a `Guard`. Every kind of benchmark can use these.

They detect errors that make results wrong without any other sign. A failed guard does not stop the run: its
record is marked as not comparable.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from acn_bench.data.image_folder import FolderSplit, sampled
from acn_bench.data.images import ImageData
from acn_bench.data.split import Split
from acn_bench.evaluation.correctness import Correct
from acn_bench.result import Guard

if TYPE_CHECKING:
    from acn_bench.data.texts import TextData

REPEATED = 0.01  # tolerated share of test images: the original files repeat a few training images
REPEATED_TEXTS = 0.02  # of test texts: CoLA's release repeats 1.5 % of them in its training set
ROUNDING = (
    0.005  # tolerated share of examples: other slices round differently, which can flip a near tie
)


# ---------------------------------------------------------------- the stream


def train_and_validation_disjoint(split: Split) -> Guard:
    """No validation row was trained on, and no row is in two experiences."""
    train, held = torch.cat(split.train), torch.cat(split.validation)
    return Guard(
        name="no row is both trained on and held out",
        passed=not torch.isin(held, train).any() and len(train.unique()) == len(train),
        detail=f"{len(train):,} trained on, {len(held):,} held out",
    )


def train_and_test_disjoint(train: Sequence[ImageData], tested: ImageData) -> Guard:
    """No test image equals a training image, pixel for pixel."""
    trained = {pixels for data in train for pixels in _pixels(data.train_images)}
    repeated = sum(pixels in trained for pixels in _pixels(tested.test_images))
    count = len(tested.test_images)
    return Guard(
        name="images that are tested on were not trained on",
        passed=repeated <= REPEATED * count,
        detail=f"{repeated} of {count} test images of {tested.name} are among the training images",
    )


def train_and_test_files_disjoint(train: FolderSplit, test: FolderSplit) -> Guard:
    """No test file equals a training file, byte for byte; of a large split, 256 files that are spread evenly."""
    order = train.sizes.argsort()
    sizes = train.sizes[order]

    def is_trained(row: int) -> bool:
        size, content = test.sizes[row], test.path(row).read_bytes()
        first, last = (int(torch.searchsorted(sizes, size, right=r)) for r in (False, True))
        return any(train.path(k).read_bytes() == content for k in order[first:last].tolist())

    rows = sampled(len(test))
    repeated = sum(map(is_trained, rows))
    return Guard(
        name="images that are tested on were not trained on",
        passed=repeated <= REPEATED * len(rows),
        detail=f"{repeated} of {len(rows)} test files are among the training files",
    )


def _pixels(images: Tensor) -> Iterator[int]:
    """A hash of each image: keeping the bytes of all would double the memory of the data."""
    return (hash(image.tobytes()) for image in images.numpy())


def texts_disjoint(data: "TextData") -> Guard:
    """No test text equals a training text."""
    trained = set(zip(*data.train.texts, strict=True))
    tested = [pair for part in data.tests.values() for pair in zip(*part.texts, strict=True)]
    repeated = sum(pair in trained for pair in tested)
    return Guard(
        name="texts that are tested on were not trained on",
        passed=repeated <= REPEATED_TEXTS * len(tested),
        detail=f"{repeated} of {len(tested):,} test texts of {data.name} are among the training texts",
    )


# ---------------------------------------------------------------- random state


def generator_states() -> tuple[Any, ...]:
    """The state of the three global generators."""
    numpy = tuple(map(str, np.random.get_state(legacy=False)["state"].values()))
    return random.getstate(), numpy, torch.random.get_rng_state().tolist()


def generators_unchanged(before: tuple[Any, ...], after: tuple[Any, ...]) -> Guard:
    """Building the stream drew no random numbers from the global generators."""
    names = ("Python", "NumPy", "torch")
    changed = [n for n, b, a in zip(names, before, after, strict=True) if b != a]
    return Guard(
        name="building the stream leaves the random state alone",
        passed=not changed,
        detail=f"changed: {', '.join(changed)}" if changed else "Python, NumPy, torch",
    )


# ---------------------------------------------------------------- the measurements


@contextmanager
def change_detector(model: nn.Module) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether model and random state still equal those at the start."""
    weights = [t.clone() for t in model.state_dict().values()]
    modes = [m.training for m in model.modules()]
    states = generator_states()

    def unchanged() -> bool:
        same = all(map(torch.equal, weights, model.state_dict().values()))
        same = same and modes == [m.training for m in model.modules()]
        return same and states == generator_states()

    yield unchanged


def measurement_changes_nothing(what: str, same: bool) -> Guard:
    """A measurement changed no weights, buffers, modes or generators."""
    return Guard(
        name=f"{what} changes neither the model nor the random state", passed=same, detail=""
    )


def evaluation_mode(training: Sequence[bool]) -> Guard:
    """No module of the network was in training mode during a measurement; one bool per measurement."""
    return Guard(
        name="every measurement was made in evaluation mode",
        passed=not any(training),
        detail=f"{sum(training) or 'none'} of {len(training)} measurements in training mode",
    )


def batch_independent(first: Sequence[Correct], reversed_: Sequence[Correct]) -> Guard:
    """Results do not depend on the order of the examples or on the size of a batch."""
    pairs = [(a.depths, b.depths.flip(1)) for a, b in zip(first, reversed_, strict=True)]
    count = sum(a.numel() for a, _ in pairs)
    differing = sum(int((a != b).sum()) for a, b in pairs)
    return Guard(
        name="results depend neither on the evaluation's batches nor on its order",
        passed=differing <= ROUNDING * count,
        detail=f"{differing or 'none'} of {count:,} outcomes differ in other slices and in reverse",
    )


class TrainedImages:
    """A forward pre-hook of a network: counts the images of passes with gradients.

    This count is independent of the one of gathered rows. Copies of the network share the counter.
    """

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if torch.is_grad_enabled():
            self.images += len(inputs[0])

    def __deepcopy__(self, memo: dict[int, Any]) -> "TrainedImages":
        return self


def images_counted(reported: int, passed: int, stream: int) -> Guard:
    """The record's count of trained images equals that of the network's passes, replayed images included."""
    share = f"{reported / stream:.2g} times the rows of the stream" if stream else "none"
    return Guard(
        name="every image that was trained on is counted",
        passed=reported == passed,
        detail=share if reported == passed else f"{reported} reported, {passed} passed",
    )
