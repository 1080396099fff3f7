"""A data set and the settings of its classes -> the rows to train on, to hold out and to test on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from acn_bench.benchmarks.supervised.spec import SupervisedConfig, SupervisedSpec
from acn_bench.data.counter import bits
from acn_bench.data.split import Labelled, Split, class_word, hold_out, rows_by_class


def class_order(count: int, spec: SupervisedSpec, seed: int) -> list[int]:
    """The classes 0 … count-1 in the order in which `classes` takes them; `seed` is that of the order.

    One order serves every number of classes, so that the first 2 are among the first 5.
    """
    if spec.class_order == "natural":
        return list(range(count))
    order: list[int] = bits("supervised classes", seed, torch.arange(count)).argsort().tolist()
    return order


def split(data: Labelled, config: SupervisedConfig) -> Split:
    """One experience of the chosen classes; a share of each class's rows is held out before rows are chosen.

    Labels count the classes in their order. Raises ValueError for more classes than there are, and where a class has
    too few rows.
    """
    spec, seeds, count = config.benchmark, config.seeds, len(data.class_names)
    if count < 2:
        raise ValueError(f"{data.name} has one class: there is no other to tell it from")
    if (spec.classes or 0) > count:
        raise ValueError(f"classes is {spec.classes}, and {data.name} has {count}")
    # all classes keep the numbers of the data set, as in every other kind of benchmark
    all_of_them = spec.classes in (None, count)
    order = list(range(count)) if all_of_them else class_order(count, spec, seeds.order)
    chosen = order[: spec.classes]
    of_class = rows_by_class(data.train_labels, count)
    parts = [hold_out(data, c, spec.validation, seeds.data, of_class[c]) for c in chosen]
    train = [
        _few(data, c, rows, spec, seeds.data) for c, (rows, _) in zip(chosen, parts, strict=True)
    ]
    position = torch.full((count,), -1)
    position[torch.tensor(chosen)] = torch.arange(len(chosen))
    tested = (position[data.test_labels] >= 0).nonzero().squeeze(1)
    if not len(tested):
        raise ValueError(f"{data.name} has no test images of the classes {_words(data, chosen)}")
    held_out = torch.cat([rows for _, rows in parts])
    return Split([chosen], [torch.cat(train)], [held_out], [tested], position)


def _few(data: Labelled, label: int, rows: Tensor, spec: SupervisedSpec, seed: int) -> Tensor:
    """`per_class` of the rows of a class, sorted; all without it."""
    if spec.per_class is None:
        return rows
    if len(rows) < spec.per_class:
        raise ValueError(
            f"per_class is {spec.per_class}, and class {class_word(data, label)} of {data.name} has {len(rows)} "
            "training images that are not held out"
        )
    if spec.per_class_draw == "first":
        return rows[: spec.per_class]
    drawn = rows[bits("per class", seed, rows).argsort()]
    return drawn[: spec.per_class].sort().values


def _words(data: Labelled, classes: Sequence[int]) -> str:
    return ", ".join(class_word(data, c) for c in classes)
