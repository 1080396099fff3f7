"""A hidden state (B, T, D) -> features (B, D), the head's input."""

from typing import Protocol

from torch import Tensor, nn


class Readout(Protocol):
    """A hidden state (B, T, D) -> features (B, D), the head's input."""

    def pool(self, x: Tensor) -> Tensor:
        """One token, or the mean over tokens, without any norm: (B, T, D) -> (B, D)."""

    def __call__(self, x: Tensor) -> Tensor: ...


class FirstToken(nn.Module):
    """A readout: the LayerNorm of the first token, (B, T, D) -> (B, D)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=eps)

    def pool(self, x: Tensor) -> Tensor:
        return x[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.pool(x))
        return out
