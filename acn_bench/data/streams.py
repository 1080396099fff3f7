"""`pkg.module:function`, which makes an Avalanche benchmark -> its images and its experiences, as tensors."""

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acn_bench import user_functions
from acn_bench.data.generators import generators_kept, seed_everything
from acn_bench.data.images import ImageData, content_hash

Side = tuple[Tensor, Tensor]  # images (N, C, H, W) uint8, labels (N,) int64
WHAT = "benchmark function"


@dataclass(frozen=True)
class Stream:
    """What an Avalanche benchmark holds. Each class is in one experience."""

    train: Side
    test: Side
    class_names: tuple[str, ...]
    experiences: tuple[tuple[int, ...], ...]  # the classes of each, in order
    task_labels: bool  # whether each experience has one of its own
    shared: bool  # whether experiences had classes in common: then a class is one experience's part of it


def load(name: str, root: Path, arguments: dict[str, Any]) -> ImageData:
    """The data that the function makes. Raises as `read`."""
    return _load(name, root, json.dumps(arguments, sort_keys=True))


@lru_cache
def _load(name: str, root: Path, arguments: str) -> ImageData:
    made = read(name, json.loads(arguments), root)
    order = [torch.tensor(own) for own in made.experiences]
    return ImageData(
        name,
        *made.train,
        *made.test,
        class_names=made.class_names,
        canonical=False,
        flips=True,
        fingerprint=content_hash(*made.train, *made.test, *order),
        experiences=made.experiences,
        task_labels=made.task_labels,
        shared=made.shared,
    )


def read(name: str, arguments: dict[str, Any], root: Path) -> Stream:
    """Call the function with `arguments`, and take all that its streams hold.

    It is asked for plain images where it takes transforms, and to put its files below `root`. What it
    draws from the global generators is the same each time. Raises LookupError where there is no such
    function, ValueError where it fails, or where its streams are not of images and classes.
    """
    benchmark = _benchmark(name, arguments, root)
    train, test = list(benchmark.train_stream), list(benchmark.test_stream)
    sides = [[_examples(name, e.dataset.eval()) for e in side] for side in (train, test)]
    shapes = {tuple(images.shape[1:]) for side in sides for images, _ in side}
    if len(shapes) != 1:
        raise ValueError(f"{name} has images of different shapes: {_listed(shapes)}")
    classes = [sorted(set(labels.tolist())) for _, labels in sides[0]]
    shared = len({c for own in classes for c in own}) < sum(map(len, classes))
    if shared and len(test) != len(train):
        raise ValueError(
            f"{name} has {len(train)} experiences to train on and {len(test)} to test on, and they share "
            "classes: each needs a test of its own"
        )
    names, experiences = _numbered(classes, shared)
    if shared:
        sides = [_renumbered(name, side, classes) for side in sides]
    tasks = [set(getattr(e, "task_labels", ())) for e in train]  # some streams have none
    return Stream(
        train=_joined(sides[0]),
        test=_joined(sides[1]),
        class_names=names,
        experiences=experiences,
        task_labels=len(train) > 1 and len(set.union(*tasks)) == len(train),
        shared=shared,
    )


def _benchmark(name: str, arguments: dict[str, Any], root: Path) -> Any:
    make = user_functions.function(name, WHAT)
    known = inspect.signature(make).parameters
    plain = {"train_transform": None, "eval_transform": None, "dataset_root": root}
    given = {key: value for key, value in plain.items() if key in known}
    given |= {key: _numbers(value) for key, value in arguments.items()}
    try:
        with generators_kept():
            seed_everything("benchmark function")
            benchmark = make(**given)
    except Exception as e:  # anybody's code, and anybody's download
        why = f"{type(e).__name__}: {' '.join(str(e).split())}"
        raise ValueError(f"{name} failed with {arguments or 'no arguments'}: {why}") from e
    if not all(hasattr(benchmark, stream) for stream in ("train_stream", "test_stream")):
        raise ValueError(
            f"{name} must make an Avalanche benchmark, not a {type(benchmark).__name__}"
        )
    return benchmark


def _numbers(value: Any) -> Any:
    """Keys of numbers as such: a card can only write words."""
    if isinstance(value, dict) and all(key.isdecimal() for key in value):
        return {int(key): inner for key, inner in value.items()}
    return value


# ---------------------------------------------------------------- classes


def _numbered(
    classes: Sequence[Sequence[int]], shared: bool
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Names of all classes, and the classes of each experience."""
    if not shared:
        count = 1 + max(c for own in classes for c in own)
        return tuple(map(str, range(count))), tuple(map(tuple, classes))
    names = tuple(f"{e}/{c}" for e, own in enumerate(classes) for c in own)
    numbers = iter(range(len(names)))
    return names, tuple(tuple(next(numbers) for _ in own) for own in classes)


def _renumbered(name: str, side: Sequence[Side], classes: Sequence[Sequence[int]]) -> list[Side]:
    """Class c of experience e under a number of its own."""
    made, first = [], 0
    for e, ((images, labels), own) in enumerate(zip(side, classes, strict=True)):
        place = {c: first + k for k, c in enumerate(own)}
        unknown = set(labels.tolist()) - set(own)
        if unknown:
            raise ValueError(f"{name} tests class {min(unknown)} in experience {e}, which lacks it")
        made.append((images, torch.tensor([place[c] for c in labels.tolist()])))
        first += len(own)
    return made


def _joined(side: Sequence[Side]) -> Side:
    images, labels = zip(*side, strict=True)
    return torch.cat(images), torch.cat(labels)


# ---------------------------------------------------------------- images


def _examples(name: str, dataset: Any) -> Side:
    """All that a data set of Avalanche's yields."""
    items = [dataset[k] for k in range(len(dataset))]
    images = [_pixels(name, item[0]) for item in items]
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) != 1:
        raise ValueError(f"{name} has images of different shapes: {_listed(shapes)}")
    return torch.stack(images), torch.tensor([int(item[1]) for item in items])


def _pixels(name: str, image: Any) -> Tensor:
    """An image of PIL, an array (H, W[, C]) or a tensor (C, H, W) -> (C, H, W) uint8."""
    if hasattr(image, "convert"):  # PIL's
        image = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    if isinstance(image, np.ndarray):
        image = image.copy()  # it may be read-only
        image = torch.from_numpy(image if image.ndim == 3 else image[..., None]).permute(2, 0, 1)
    if not isinstance(image, Tensor) or image.ndim != 3:
        raise ValueError(f"{name} yields a {type(image).__name__} where an image should be")
    if image.is_floating_point():
        if not (image.min() >= 0 and image.max() <= 1):
            raise ValueError(
                f"{name} yields values from {image.min():.3g} to {image.max():.3g}: images must lie in "
                "[0, 1], before normalisation, which is the network's (a transform of None leaves them so)"
            )
        image = (image * 255).round()
    pixels: Tensor = image.to(torch.uint8)
    return pixels


def _listed(shapes: set[tuple[int, ...]]) -> str:
    return ", ".join("×".join(map(str, shape)) for shape in sorted(shapes))
