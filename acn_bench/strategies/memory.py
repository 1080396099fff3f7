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


class ExperienceMemory(ExperienceBalancedBuffer):  # type: ignore[misc]  # Avalanche is untyped
    """`max_size` examples, shared equally by the experiences; Avalanche's, by its newer entrance."""

    def update(self, strategy: Any, **kwargs: Any) -> None:
        self.post_adapt(strategy, strategy.experience)


class ClassMemory(BalancedExemplarsBuffer):  # type: ignore[misc]
    """`max_size` examples, shared equally by the classes seen; a class is (task label, label)."""

    def update(self, strategy: Any, **kwargs: Any) -> None:
        self.absorb(strategy.experience.dataset)

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
        logits = list(_logits(strategy, data))  # one tensor (K,) an example
        kept = FlatData([logits], discard_elements_not_in_indices=True)
        attribute = TensorDataAttribute(kept, name="logits", use_in_getitem=True)
        self.absorb(make_avalanche_dataset(data, data_attributes=[attribute]))


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
