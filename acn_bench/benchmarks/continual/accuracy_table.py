"""Correct predictions after each experience -> accuracy matrices, and tensors per example."""

import torch
from torch import Tensor

from acn_bench.benchmarks.continual.result import DepthMatrix, Matrix
from acn_bench.evaluation.correctness import changes, shares
from acn_bench.training.resume import State


class Table:
    """Correct or not after each experience, as matrices (T, T)."""

    def __init__(self, experiences: int) -> None:
        self.experiences = experiences
        self.correct: dict[int, list[Tensor]] = {}  # i -> for each j, (L+1, M_j) of bool

    def add(self, i: int, correct: list[Tensor]) -> None:
        """Add the results after experience i: (L+1, M_j) of bool for each experience j that was tested."""
        self.correct[i] = correct

    @property
    def depth_accuracy(self) -> DepthMatrix:
        """(T, T, L+1)."""
        return [
            [self._cell(i, j) for j in range(self.experiences)] for i in range(self.experiences)
        ]

    @property
    def accuracy(self) -> Matrix:
        """(T, T), at full depth."""
        return [[cell[-1] if cell else None for cell in row] for row in self.depth_accuracy]

    @property
    def last(self) -> Tensor:
        """Correct or not at the end of the stream, (L+1, all examples) of bool."""
        return torch.cat(self.correct[self.experiences - 1], dim=1)

    @property
    def changes(self) -> list[list[int]]:
        """(L+1, 2) at the end of the stream: how many examples each depth [loses, gains] against depth L."""
        return changes(self.last)

    def examples(self, name: str) -> dict[str, Tensor]:
        """`<name>.after<i>`: (depths, all examples so far) of uint8, in the order of experiences.

        Every depth at the end of the stream, full depth only before it.
        """
        last = self.experiences - 1
        return {
            f"{name}.after{i}": torch.cat(correct, dim=1)[0 if i == last else -1 :].to(torch.uint8)
            for i, correct in self.correct.items()
        }

    def state(self) -> State:
        """The state for a checkpoint."""
        return {str(i): correct for i, correct in self.correct.items()}

    def restore(self, state: State) -> None:
        """Set the state that `state` returned."""
        self.correct = {int(i): correct for i, correct in state.items()}

    def _cell(self, i: int, j: int) -> list[float] | None:
        correct = self.correct.get(i, [])
        return shares(correct[j]) if j < len(correct) else None
