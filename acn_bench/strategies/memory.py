"""Experiences -> a memory of examples with an equal share for each class, drawn by reservoir sampling.

Avalanche's class-balanced buffers identify a class by its label only. In task-incremental runs (multi-head),
labels start from 0 in every experience, and class 0 of all experiences would share one buffer.
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
    """`max_size` examples, an equal share for each experience: Avalanche's buffer, by its newer method."""

    resumes_within_experience = True  # the memory changes only between experiences

    def update(self, strategy: Any, **kwargs: Any) -> None:
        self.post_adapt(strategy, strategy.experience)

    def stored_rows(self) -> Tensor:
        return _stored_rows(self)

    def state(self) -> State:
        return {"groups": [_buffer_state(buffer) for buffer in self.buffer_groups.values()]}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        groups = [_buffer(group, examples.of(group["rows"])) for group in state["groups"]]
        self.buffer_groups = dict(enumerate(groups))
        self._num_exps = len(groups)


class ClassMemory(BalancedExemplarsBuffer):  # type: ignore[misc]
    """`max_size` examples, an equal share for each class seen; a class is (task label, label)."""

    # an endless iterator over the memory lasts for an experience, and cannot be saved
    resumes_within_experience = False

    def update(self, strategy: Any, **kwargs: Any) -> None:
        self.add(strategy.experience.dataset)

    def stored_rows(self) -> Tensor:
        return _stored_rows(self)

    def state(self) -> State:
        groups = self.buffer_groups.items()
        return {
            "groups": [{"class": list(key), **self.group_state(buffer)} for key, buffer in groups]
        }

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self.buffer_groups = {
            tuple(group["class"]): _buffer(group, self.group_examples(group, examples))
            for group in state["groups"]
        }

    def group_state(self, buffer: ReservoirSamplingBuffer) -> State:
        """The state of one class's buffer."""
        return _buffer_state(buffer)

    def group_examples(self, group: State, examples: Examples) -> Any:
        """The stored examples of one class, from the state of its buffer."""
        return examples.of(group["rows"])

    def add(self, data: Any) -> None:
        """Add an experience's examples; the shares of earlier classes shrink equally."""
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
    """A `ClassMemory` whose examples have the logits of the model at that time, through their own head."""

    def update(self, strategy: Any, **kwargs: Any) -> None:
        data = strategy.experience.dataset
        self.add(_with_logits(data, _logits(strategy, data)))

    def group_state(self, buffer: ReservoirSamplingBuffer) -> State:
        logits = [buffer.buffer[k][-1] for k in range(len(buffer.buffer))]
        return _buffer_state(buffer) | {"logits": torch.stack(logits) if logits else torch.empty(0)}

    def group_examples(self, group: State, examples: Examples) -> Any:
        return _with_logits(super().group_examples(group, examples), group["logits"])


def _stored_rows(memory: BalancedExemplarsBuffer) -> Tensor:
    """The rows of all examples in a memory, (M,)."""
    empty = torch.empty(0, dtype=torch.int64)
    return torch.cat([empty, *(rows(b.buffer) for b in memory.buffer_groups.values())])


def _buffer_state(buffer: ReservoirSamplingBuffer) -> State:
    """Row numbers, their random sampling weights and the largest size of one buffer."""
    return {
        "rows": rows(buffer.buffer),
        "sampling_weights": buffer._buffer_weights,
        "size": buffer.max_size,
    }


def _buffer(state: State, examples: Any) -> ReservoirSamplingBuffer:
    buffer = ReservoirSamplingBuffer(state["size"])
    buffer.buffer = examples
    buffer._buffer_weights = state["sampling_weights"]
    return buffer


def _with_logits(data: Any, logits: Tensor) -> Any:
    """The dataset with logits (N, K) as an attribute of its examples."""
    # one tensor for each example
    values = FlatData([list(logits)], discard_elements_not_in_indices=True)
    attribute = TensorDataAttribute(values, name="logits", use_in_getitem=True)
    return make_avalanche_dataset(data, data_attributes=[attribute])


@torch.no_grad()
def _logits(strategy: Any, data: Any) -> Tensor:
    """Logits (N, K) in evaluation mode; Avalanche's own function ignores the task labels."""
    model, training = strategy.model, strategy.model.training
    model.eval()
    loader = DataLoader(data.eval(), batch_size=strategy.train_mb_size)
    batches = [
        avalanche_forward(model, rows.to(strategy.device), tasks.to(strategy.device)).cpu()
        for rows, _, tasks in loader
    ]
    model.train(training)
    return torch.cat(batches)
