"""A backbone and a head -> a model whose input is row numbers: it gathers and augments images on the device."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone, Heads
from acn_bench.data.generators import seed_everything


class RowInputs(Protocol):
    """A network's inputs by row number (B,): images (B, C, H, W), float32 in [0, 1], or token ids (B, T)."""

    epoch: int  # of the whole training
    trained: int  # examples that took part in a gradient

    @property
    def device(self) -> torch.device: ...
    def plain(self, rows: Tensor) -> Tensor: ...
    def augmented(self, rows: Tensor) -> Tensor: ...


def view(model: Any, rows: Tensor) -> Tensor:
    """Rows (B,) -> the model's images (B, C, H, W): augmented in training mode, plain in evaluation mode.

    Counts the images of passes with gradients.
    """
    if torch.is_grad_enabled():
        model.rows.trained += len(rows)
    images: Tensor = model.rows.augmented(rows) if model.training else model.rows.plain(rows)
    return images


def without_head(backbone: nn.Module) -> nn.Module:
    """The backbone, which from now on returns features; on a GPU its training passes are recorded."""
    backbone.head = nn.Identity()
    if isinstance(backbone, Backbone):
        backbone.graphed = True
    return backbone


class RowModel(nn.Module):
    """Row numbers (B,) -> logits (B, K) through one head."""

    def __init__(self, backbone: nn.Module, head: nn.Module, rows: RowInputs) -> None:
        super().__init__()
        self.backbone = without_head(backbone)
        self.head = head
        self.rows = rows

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.head(self.backbone(view(self, rows)))
        return logits


def heads(width: int, classes: Sequence[int], seed: int) -> Heads:
    """One head per experience, with `classes[e]` outputs; its weights depend on (seed, e) alone."""
    linears = []
    for experience, count in enumerate(classes):
        seed_everything("head", seed, experience)
        linears.append(nn.Linear(width, count))
    return Heads(linears)
