"""Classifiers of their own after some blocks: what a network is read by before its end.

A branch is Linear(D → 2D), GELU, Linear(2D → K), on the pooled token that the head would read there, before
any norm (the authors' `mixer/mixer_github/EE/EE_ac_mixer.py`). In the AC wiring that is the sum so far, as
for the head; their code gives a branch of AC the output of its block alone.
"""

from collections.abc import Iterable

from torch import Tensor, nn

AFTER = (4, 8, 12)  # blocks, of 16 (ACN paper, appendix H)


class Branch(nn.Module):
    """Pooled reads (B, D) -> logits (B, K)."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(2 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc2(self.act(self.fc1(x)))
        return logits


class Branches(nn.ModuleDict):
    """A branch after each of some blocks; its weights are named after the block, `4.fc1.weight`."""

    def __init__(self, after: Iterable[int], width: int, num_classes: int) -> None:
        self.num_classes = num_classes
        super().__init__({str(k): Branch(width, num_classes) for k in sorted(set(after))})

    @property
    def depths(self) -> tuple[int, ...]:
        """The blocks that they come after, ascending."""
        return tuple(map(int, self))

    def before(self, depth: int) -> "Branches | None":
        """Those that come before the end of a network of that depth, sharing their weights."""
        kept = Branches((), 0, self.num_classes)
        kept.update({name: branch for name, branch in self.items() if int(name) < depth})
        return kept or None
