"""Branch classifiers after some blocks, for early exit.

A branch is Linear(D → 2D), GELU, Linear(2D → K) on the pooled hidden state, before any norm (the authors'
`mixer/mixer_github/EE/EE_ac_mixer.py`). In the AC wiring the hidden state is the sum so far, as for the head;
in the authors' code a branch of AC gets the output of its block alone.
"""

from collections.abc import Iterable

from torch import Tensor, nn

AFTER = (4, 8, 12)  # blocks, of 16 (ACN paper, appendix H)


class Branch(nn.Module):
    """Pooled hidden states (B, D) -> logits (B, K)."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(2 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc2(self.act(self.fc1(x)))
        return logits


class Branches(nn.ModuleDict):
    """Branches after some blocks. Names of weights start with the block's number: `4.fc1.weight`."""

    def __init__(self, after: Iterable[int], width: int, num_classes: int) -> None:
        self.num_classes = num_classes
        super().__init__({str(k): Branch(width, num_classes) for k in sorted(set(after))})

    @property
    def depths(self) -> tuple[int, ...]:
        """The blocks with a branch after them, ascending."""
        return tuple(map(int, self))

    def before(self, depth: int) -> "Branches | None":
        """The branches after fewer than `depth` blocks, sharing their weights; None where there are none."""
        earlier = Branches((), 0, self.num_classes)
        earlier.update({name: branch for name, branch in self.items() if int(name) < depth})
        return earlier or None
