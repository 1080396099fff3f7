"""`pkg.module:function`, which makes an Avalanche benchmark -> its images and experiences, as tensors."""

import inspect
import json
import traceback
from collections.abc import Sequence
from contextlib import suppress
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
from acn_bench.errors import reason

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
    fingerprint: str


def load(name: str, root: Path, arguments: dict[str, Any]) -> ImageData:
    """The data set that the function makes. Raises as `read`."""
    return _load(name, root, json.dumps(arguments, sort_keys=True))


@lru_cache
def _load(name: str, root: Path, arguments: str) -> ImageData:
    stream = read(name, json.loads(arguments), root)
    return ImageData(
        name,
        *stream.train,
        *stream.test,
        class_names=stream.class_names,
        canonical=False,
        flips=True,
        fingerprint=stream.fingerprint,
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
    reader = PixelReader(name)
    train_stream, test_stream = (_experiences(name, side, benchmark) for side in ("train", "test"))
    train = _examples(reader, "train", train_stream)
    test = _examples(reader, "test", test_stream)
    reader.refuse_faint()
    classes = [sorted(set(labels.tolist())) for _, labels in train]
    shared = len({c for experience in classes for c in experience}) < sum(map(len, classes))
    if shared and len(test) != len(train):
        raise ValueError(
            f"{name} has {len(train)} experiences to train on and {len(test)} to test on, and they share "
            "classes: each needs a test of its own"
        )
    names, experiences = _numbered(classes, shared)
    if shared:
        train, test = (_renumbered(name, split, classes) for split in (train, test))
    splits = _joined(train), _joined(test)
    _refuse_untrained(name, splits[1][1], experiences)
    # before the gaps between class numbers are closed, as in earlier versions: run ids depend on it
    fingerprint = content_hash(*splits[0], *splits[1], *map(torch.tensor, experiences))
    numbers = torch.tensor(sorted(c for experience in experiences for c in experience))
    return Stream(
        train=_without_gaps(splits[0], numbers),
        test=_without_gaps(splits[1], numbers),
        class_names=names,
        experiences=tuple(
            tuple(torch.searchsorted(numbers, torch.tensor(e)).tolist()) for e in experiences
        ),
        task_labels=len(train) > 1 and _task_labels(name, train_stream) == len(train),
        shared=shared,
        fingerprint=fingerprint,
    )


def _benchmark(name: str, arguments: dict[str, Any], root: Path) -> Any:
    make = user_functions.function(name, WHAT)
    plain = {"train_transform": None, "eval_transform": None, "dataset_root": root}
    with user_functions.guarded(f"{name} failed with {arguments or 'no arguments'}", why=_reason):
        parameters = inspect.signature(make).parameters
        passed = {key: value for key, value in plain.items() if key in parameters}
        passed |= {key: _numbers(value) for key, value in arguments.items()}
        with preserved_generators():
            seed_everything("benchmark function")
            benchmark = make(**passed)
    with user_functions.guarded(f"{name} made a benchmark that cannot be read"):
        fits = all(hasattr(benchmark, stream) for stream in ("train_stream", "test_stream"))
    if not fits:
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
    """The names of all classes in order, and the classes of each experience."""
    if not shared:
        names = tuple(str(c) for c in sorted(c for experience in classes for c in experience))
        return names, tuple(map(tuple, classes))
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


def _refuse_untrained(name: str, tested: Tensor, experiences: Sequence[Sequence[int]]) -> None:
    """Raise ValueError where a class is tested that no experience trains."""
    trained = torch.tensor([c for experience in experiences for c in experience])
    untrained = tested[~torch.isin(tested, trained)]
    if len(untrained):
        first = int(untrained[0])
        raise ValueError(
            f"{name} tests class {first} ({(untrained == first).sum()} images), which no experience trains: "
            "leave these images out, or train it"
        )


def _without_gaps(split: Split, numbers: Tensor) -> Split:
    """Number the classes 0 … K-1, in the order of their own `numbers`, (K,) and sorted."""
    images, labels = split
    return images, torch.searchsorted(numbers, labels)


# ---------------------------------------------------------------- examples


def _experiences(name: str, side: str, benchmark: Any) -> list[Any]:
    """The experiences of a stream. Raises ValueError where there are none."""
    with user_functions.guarded(f"the {side} stream of {name} cannot be read", why=_reason):
        experiences = list(getattr(benchmark, f"{side}_stream"))
    if not experiences:
        raise ValueError(f"the {side} stream of {name} has no experiences")
    return experiences


def _task_labels(name: str, experiences: Sequence[Any]) -> int:
    """How many task labels the experiences have together; some streams have none."""
    with user_functions.guarded(f"the task labels of {name} cannot be read"):
        return len(set().union(*(getattr(e, "task_labels", ()) for e in experiences)))


def _examples(reader: PixelReader, side: str, experiences: Sequence[Any]) -> list[Split]:
    """All images and labels of a stream, by experience."""
    splits = []
    for e, experience in enumerate(experiences):
        place = f"experience {e} of the {side} stream of {reader.name}"
        items = _items(place, experience)
        labels = torch.tensor([_label(place, label) for _, label in items])
        splits.append((reader.stack(image for image, _ in items), labels))
    return splits


def _items(place: str, experience: Any) -> list[tuple[Any, Any]]:
    """Each image and its label, as the data set yields them. Raises ValueError where there are none."""
    with user_functions.guarded(f"{place} cannot be read", why=_reason):
        dataset = experience.dataset.eval()
        items = [dataset[k] for k in range(len(dataset))]
        pairs = [(item[0], item[1]) for item in items]
    if not pairs:
        raise ValueError(f"{place} has no examples: remove it, or give it some")
    return pairs


def _label(place: str, value: Any) -> int:
    """The class of an example. Raises ValueError for what is no class number."""
    what = f"a {type(value).__name__}"
    with suppress(Exception):  # of a label that is no number, or several
        number = int(value)
        if number == float(value) and 0 <= number < 2**53:
            return number
        what = f"{float(value):g}"
    raise ValueError(
        f"{place} has the label {what}: classes are numbered from 0, and examples without a class are to be left out"
    )


def _reason(error: BaseException) -> str:
    why = reason(error)
    place = traceback.extract_tb(error.__traceback__)[-1].filename
    if isinstance(error, LookupError) and "avalanche" in place:
        why += " (Avalanche fails so where training and test set differ in their classes)"
    return why
