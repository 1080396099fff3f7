"""A data set and seeds -> the training, held-out and test rows of each experience."""

from typing import Protocol

import torch
from torch import Tensor

from acn_bench.benchmarks.continual import class_orders
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import Seeds
from acn_bench.data.counter import bits
from acn_bench.data.data_set import Counts, ImageShape
from acn_bench.data.split import Labelled, Split, class_word, hold_out
from acn_bench.errors import shorten


class StreamData(Labelled, Protocol):
    """A data set of classes, whose experiences may be its own."""

    @property
    def counts(self) -> Counts: ...
    @property
    def image_shape(self) -> ImageShape | None: ...
    @property
    def experiences(self) -> tuple[tuple[int, ...], ...]:
        """The classes of each, in order; empty where the protocol divides the classes."""

    @property
    def task_labels(self) -> bool:
        """Whether each experience has a task label that no other has."""

    @property
    def shared(self) -> bool:
        """Whether a class is one experience's part of a class that several share."""


def split(data: StreamData, protocol: ContinualSpec, seeds: Seeds) -> Split:
    """Assign the classes to experiences in the order of `seeds.order`; hold out a share of each class's rows.

    Raises ValueError if the data has too few classes, or a class too few rows.
    """
    total, wanted = len(data.class_names), protocol.classes
    if wanted > total and not data.experiences:
        raise ValueError(
            f"{protocol.experiences} experiences of {protocol.classes_per_experience} classes need "
            f"{wanted} classes; {data.name} has {total}"
        )
    order = _order(data, protocol, seeds)[:wanted]
    position = torch.full((total,), -1)
    position[order] = torch.arange(wanted)
    classes = order.view(protocol.experiences, -1)
    train: list[Tensor] = []
    validation: list[Tensor] = []
    for own in classes:
        train_rows, held_out_rows = zip(
            *(hold_out(data, int(c), protocol.validation, seeds.data) for c in own), strict=True
        )
        train.append(torch.cat(train_rows))
        validation.append(torch.cat(held_out_rows))
    test = [torch.isin(data.test_labels, own).nonzero().squeeze(1) for own in classes]
    untested = order[~torch.isin(order, data.test_labels)].tolist()
    if untested:
        raise ValueError(
            f"{data.name} has no test images of class {class_word(data, min(untested))}, which it trains: "
            "every class that arrives is tested"
        )
    return Split(classes.tolist(), train, validation, test, position)


def _order(data: StreamData, protocol: ContinualSpec, seeds: Seeds) -> Tensor:
    """The classes in their order of arrival: the protocol's order, or the seed's."""
    if data.experiences:
        return _of_stream(data, protocol)
    fixed = class_orders.fixed(protocol.class_order)
    total, wanted = len(data.class_names), protocol.classes
    if fixed is None:
        return bits("class order", seeds.order, torch.arange(total)).argsort()
    beyond = [c for c in fixed if c >= total]
    if protocol.class_order == "natural":
        return torch.arange(total)
    if beyond or len(fixed) < wanted:
        name = protocol.class_order if isinstance(protocol.class_order, str) else "given"
        why = f"names class {beyond[0]}" if beyond else f"has {len(fixed)} classes"
        raise ValueError(
            f"the class order {shorten(name)} {why}; {data.name} has {total} classes, of which {wanted} arrive"
        )
    return torch.tensor(fixed)


def _of_stream(data: StreamData, protocol: ContinualSpec) -> Tensor:
    """The class order of a user's stream. Raises ValueError if the protocol does not fit the stream."""
    sizes = sorted({len(own) for own in data.experiences})
    if len(sizes) > 1:
        raise ValueError(
            f"{data.name} has experiences of {' and '.join(map(str, sizes))} classes, and this protocol needs "
            "as many in each"
        )
    if data.shared and not data.task_labels:
        raise ValueError(
            f"the experiences of {data.name} share their classes and carry no task labels "
            "(domain-incremental), which this protocol does not measure; with task labels each has a head"
        )
    if data.task_labels and sizes == [1]:
        raise ValueError(
            f"{data.name} has one class in each experience and a task label each: a head of one class predicts "
            "nothing else; leave the task labels out, or put two classes or more into each experience"
        )
    if protocol.class_order not in (class_orders.FROM_SEED, "natural"):
        raise ValueError(f"class_order: {data.name} has an order of its own")
    heads = "each" if data.task_labels else "one"
    fits = protocol.experiences <= len(data.experiences) and protocol.heads == heads
    if not fits or protocol.classes_per_experience != sizes[0]:
        labels = "a task label each" if data.task_labels else "no task labels"
        raise ValueError(
            f"{data.name} has {len(data.experiences)} experiences of {sizes[0]} classes with {labels}: write "
            f"experiences = {len(data.experiences)} (or fewer), classes_per_experience = {sizes[0]}, "
            f'heads = "{heads}"'
        )
    return torch.tensor(data.experiences).flatten()
