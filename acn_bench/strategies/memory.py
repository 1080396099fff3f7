"""Experiences -> a memory of examples: equal shares for every class, drawn by reservoir sampling.

Avalanche's class-balanced buffers tell classes by their label alone. With a head each, labels count
from 0 in every experience, so that class 0 of all experiences would share one place.
"""

from collections import defaultdict
from typing import Any

import torch
from avalanche.benchmarks.utils import make_avalanche_dataset
from avalanche.benchmarks.utils.data_attribute import TensorDataAttribute
from avalanche.benchmarks.utils.flat_data import FlatData
from avalanche.models import avalanche_forward
from avalanche.training.storage_policy import (
    BalancedExemplarsBuffer,
    ExperienceBalancedBuffer,
    ReservoirSamplingBuffer,
)
from torch import Tensor
from torch.utils.data import DataLoader

from acn_bench.strategies.stream import Examples, rows
from acn_bench.training.resume import State


class ExperienceMemory(ExperienceBalancedBuffer):  # type: ignore[misc]  # Avalanche is untyped
    """`max_size` examples, shared equally by the experiences; Avalanche's, by its newer entrance."""

    inside = True  # it changes between two experiences alone

    def update(self, strategy: Any, **kwargs: Any) -> None:
        self.post_adapt(strategy, strategy.experience)

    def state(self) -> State:
        return {"groups": [_state(buffer) for buffer in self.buffer_groups.values()]}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        groups = [_buffer(kept, examples.of(kept["rows"])) for kept in state["groups"]]
        self.buffer_groups = dict(enumerate(groups))
        self._num_exps = len(groups)


class ClassMemory(BalancedExemplarsBuffer):  # type: ignore[misc]
    """`max_size` examples, shared equally by the classes seen; a class is (task label, label)."""

    inside = False  # an endless iterator over it lasts for an experience, and cannot be kept

    def update(self, strategy: Any, **kwargs: Any) -> None:
        self.absorb(strategy.experience.dataset)

    def state(self) -> State:
        groups = self.buffer_groups.items()
        return {"groups": [{"class": list(key), **self.group(buffer)} for key, buffer in groups]}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self.buffer_groups = {
            tuple(kept["class"]): _buffer(kept, self.examples(kept, examples))
            for kept in state["groups"]
        }

    def group(self, buffer: ReservoirSamplingBuffer) -> State:
        """What is kept of a class."""
        return _state(buffer)

    def examples(self, kept: State, examples: Examples) -> Any:
        """The examples of a class, from what was kept of it."""
        return examples.of(kept["rows"])

    def absorb(self, data: Any) -> None:
        """Take in an experience's examples, and give way to them in equal parts."""
        members: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, key in enumerate(zip(data.targets_task_labels, data.targets, strict=True)):
            members[int(key[0]), int(key[1])].append(index)
        for group in members:
            self.buffer_groups.setdefault(group, ReservoirSamplingBuffer(0))
        sizes = self.get_group_lengths(len(self.buffer_groups))
        for (group, buffer), size in zip(self.buffer_groups.items(), sizes, strict=True):
            if group in members:
                buffer.max_size = size
                buffer.update_from_dataset(data.subset(members[group]))
            buffer.resize(None, size)


class ClassMemoryWithLogits(ClassMemory):
    """The same, each example with the logits that the model of then gave it, through its own head."""

    def update(self, strategy: Any, **kwargs: Any) -> None:
        data = strategy.experience.dataset
        self.absorb(_with_logits(data, _logits(strategy, data)))

    def group(self, buffer: ReservoirSamplingBuffer) -> State:
        logits = [buffer.buffer[k][-1] for k in range(len(buffer.buffer))]
        return _state(buffer) | {"logits": torch.stack(logits) if logits else torch.empty(0)}

    def examples(self, kept: State, examples: Examples) -> Any:
        return _with_logits(super().examples(kept, examples), kept["logits"])


def _state(buffer: ReservoirSamplingBuffer) -> State:
    """What a memory keeps of one experience or class: rows, and the chances that they were drawn by."""
    return {
        "rows": rows(buffer.buffer),
        "chances": buffer._buffer_weights,
        "size": buffer.max_size,
    }


def _buffer(kept: State, examples: Any) -> ReservoirSamplingBuffer:
    made = ReservoirSamplingBuffer(kept["size"])
    made.buffer = examples
    made._buffer_weights = kept["chances"]
    return made


def _with_logits(data: Any, logits: Tensor) -> Any:
    """A dataset whose examples have logits (N, K) beside them."""
    kept = FlatData([list(logits)], discard_elements_not_in_indices=True)  # one tensor an example
    attribute = TensorDataAttribute(kept, name="logits", use_in_getitem=True)
    return make_avalanche_dataset(data, data_attributes=[attribute])


@torch.no_grad()
def _logits(strategy: Any, data: Any) -> Tensor:
    """(N, K) in evaluation mode; Avalanche's own function forgets the task labels."""
    model, training = strategy.model, strategy.model.training
    model.eval()
    loader = DataLoader(data.eval(), batch_size=strategy.train_mb_size)
    found = [
        avalanche_forward(model, rows.to(strategy.device), tasks.to(strategy.device)).cpu()
        for rows, _, tasks in loader
    ]
    model.train(training)
    return torch.cat(found)
