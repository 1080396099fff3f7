"""`pkg.module:function`, which makes an Avalanche benchmark -> its images and experiences, as tensors."""

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acn_bench import user_functions
from acn_bench.data.generators import preserved_generators, seed_everything
from acn_bench.data.images import ImageData, content_hash
from acn_bench.data.pixels import PixelReader

Split = tuple[Tensor, Tensor]  # images (N, C, H, W) uint8, labels (N,) int64
WHAT = "benchmark function"


@dataclass(frozen=True)
class Stream:
    """The content of an Avalanche benchmark. Each class is in one experience."""

    train: Split
    test: Split
    class_names: tuple[str, ...]
    experiences: tuple[tuple[int, ...], ...]  # the classes of each, in order
    task_labels: bool  # whether each experience has a task label that no other has
    shared: (
        bool  # whether experiences shared classes: then a class here is one experience's part of it
    )


def load(name: str, root: Path, arguments: dict[str, Any]) -> ImageData:
    """The data set that the function makes. Raises as `read`."""
    return _load(name, root, json.dumps(arguments, sort_keys=True))


@lru_cache
def _load(name: str, root: Path, arguments: str) -> ImageData:
    stream = read(name, json.loads(arguments), root)
    order = [torch.tensor(classes) for classes in stream.experiences]
    return ImageData(
        name,
        *stream.train,
        *stream.test,
        class_names=stream.class_names,
        canonical=False,
        flips=True,
        fingerprint=content_hash(*stream.train, *stream.test, *order),
        experiences=stream.experiences,
        task_labels=stream.task_labels,
        shared=stream.shared,
    )


def read(name: str, arguments: dict[str, Any], root: Path) -> Stream:
    """Call the function with `arguments` and read all examples of its streams.

    Where it has these parameters, it gets no transforms, and `root` as the folder of its files. The global
    generators are seeded, so that it draws the same numbers each time. Raises LookupError where there is no such
    function, ValueError where it fails, or where its streams are not of images and classes.
    """
    benchmark = _benchmark(name, arguments, root)
    train, test = list(benchmark.train_stream), list(benchmark.test_stream)
    reader = PixelReader(name)
    splits = [[_examples(reader, e.dataset.eval()) for e in split] for split in (train, test)]
    reader.refuse_faint()
    classes = [sorted(set(labels.tolist())) for _, labels in splits[0]]
    shared = len({c for experience in classes for c in experience}) < sum(map(len, classes))
    if shared and len(test) != len(train):
        raise ValueError(
            f"{name} has {len(train)} experiences to train on and {len(test)} to test on, and they share "
            "classes: each needs a test of its own"
        )
    names, experiences = _numbered(classes, shared)
    if shared:
        splits = [_renumbered(name, split, classes) for split in splits]
    tasks = [set(getattr(e, "task_labels", ())) for e in train]  # some streams have none
    return Stream(
        train=_joined(splits[0]),
        test=_joined(splits[1]),
        class_names=names,
        experiences=experiences,
        task_labels=len(train) > 1 and len(set.union(*tasks)) == len(train),
        shared=shared,
    )


def _benchmark(name: str, arguments: dict[str, Any], root: Path) -> Any:
    make = user_functions.function(name, WHAT)
    parameters = inspect.signature(make).parameters
    plain = {"train_transform": None, "eval_transform": None, "dataset_root": root}
    passed = {key: value for key, value in plain.items() if key in parameters}
    passed |= {key: _numbers(value) for key, value in arguments.items()}
    try:
        with preserved_generators():
            seed_everything("benchmark function")
            benchmark = make(**passed)
    except Exception as e:  # the user's code, and downloads
        why = f"{type(e).__name__}: {' '.join(str(e).split())}"
        raise ValueError(f"{name} failed with {arguments or 'no arguments'}: {why}") from e
    if not all(hasattr(benchmark, stream) for stream in ("train_stream", "test_stream")):
        raise ValueError(
            f"{name} must make an Avalanche benchmark, not a {type(benchmark).__name__}"
        )
    return benchmark


def _numbers(value: Any) -> Any:
    """Keys that are written as numbers -> int: the keys of a card are always text."""
    if isinstance(value, dict) and all(key.isdecimal() for key in value):
        return {int(key): inner for key, inner in value.items()}
    return value


# ---------------------------------------------------------------- classes


def _numbered(
    classes: Sequence[Sequence[int]], shared: bool
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """The names of all classes, and the classes of each experience."""
    if not shared:
        count = 1 + max(c for experience in classes for c in experience)
        return tuple(map(str, range(count))), tuple(map(tuple, classes))
    names = tuple(f"{e}/{c}" for e, experience in enumerate(classes) for c in experience)
    numbers = iter(range(len(names)))
    return names, tuple(tuple(next(numbers) for _ in experience) for experience in classes)


def _renumbered(name: str, split: Sequence[Split], classes: Sequence[Sequence[int]]) -> list[Split]:
    """Give each pair of an experience and one of its classes a new label."""
    renumbered, first = [], 0
    for e, ((images, labels), experience) in enumerate(zip(split, classes, strict=True)):
        new_label = {c: first + k for k, c in enumerate(experience)}
        unknown = set(labels.tolist()) - set(experience)
        if unknown:
            raise ValueError(f"{name} tests class {min(unknown)} in experience {e}, which lacks it")
        renumbered.append((images, torch.tensor([new_label[c] for c in labels.tolist()])))
        first += len(experience)
    return renumbered


def _joined(split: Sequence[Split]) -> Split:
    """The examples of all experiences, in order."""
    images, labels = zip(*split, strict=True)
    return torch.cat(images), torch.cat(labels)


# ---------------------------------------------------------------- examples


def _examples(reader: PixelReader, dataset: Any) -> Split:
    """All images and labels of an Avalanche data set."""
    items = [dataset[k] for k in range(len(dataset))]
    return reader.stack(item[0] for item in items), torch.tensor([int(item[1]) for item in items])
