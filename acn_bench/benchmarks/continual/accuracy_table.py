"""What was right after each experience -> accuracy matrices, and the examples themselves."""

import torch
from torch import Tensor

from acn_bench.benchmarks.continual.result import DepthMatrix, Matrix
from acn_bench.evaluation.correctness import changes, shares
from acn_bench.training.resume import State


class Table:
    """Right or not after each experience, gathered into matrices (T, T)."""

    def __init__(self, experiences: int) -> None:
        self.experiences = experiences
        self.right: dict[int, list[Tensor]] = {}  # i -> for each j, (L+1, M_j) of bool

    def add(self, i: int, right: list[Tensor]) -> None:
        """What was right after experience i, of each experience that was tested."""
        self.right[i] = right

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
        """Right or not at the end of the stream, (L+1, all examples) of bool."""
        return torch.cat(self.right[self.experiences - 1], dim=1)

    @property
    def changes(self) -> list[list[int]]:
        """(L+1, 2) at the end of the stream: how many examples each depth [loses, gains] against depth L."""
        return changes(self.last)

    def examples(self, name: str) -> dict[str, Tensor]:
        """`<name>.after<i>`: (depths, all examples so far) of uint8, experience after experience.

        Every depth at the end of the stream, full depth alone before it.
        """
        last = self.experiences - 1
        return {
            f"{name}.after{i}": torch.cat(right, dim=1)[0 if i == last else -1 :].to(torch.uint8)
            for i, right in self.right.items()
        }

    def state(self) -> State:
        """For a checkpoint."""
        return {str(i): right for i, right in self.right.items()}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.right = {int(i): right for i, right in state.items()}

    def _cell(self, i: int, j: int) -> list[float] | None:
        right = self.right.get(i, [])
        return shares(right[j]) if j < len(right) else None
