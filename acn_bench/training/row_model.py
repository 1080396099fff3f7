"""A backbone and a head -> a model of row numbers: it gathers and augments the images on the device."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from acn_bench.backbones import Heads
from acn_bench.data.batches import Rows
from acn_bench.data.generators import seed_everything


def view(model: Any, rows: Tensor) -> Tensor:
    """Rows (B,) -> the images that a model sees: augmented in training, plain in evaluation.

    Counts those that a gradient is asked for.
    """
    if torch.is_grad_enabled():
        model.rows.trained += len(rows)
    images: Tensor = model.rows.augmented(rows) if model.training else model.rows.plain(rows)
    return images


class RowModel(nn.Module):
    """Row numbers (B,) -> logits (B, K) through one head."""

    def __init__(self, backbone: nn.Module, head: nn.Module, rows: Rows) -> None:
        super().__init__()
        backbone.head = nn.Identity()  # features out: the heads are ours
        self.backbone = backbone
        self.head = head
        self.rows = rows

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.head(self.backbone(view(self, rows)))
        return logits


def heads(width: int, classes: Sequence[int], seed: int) -> Heads:
    """A head for each experience, `classes[e]` wide; its weights depend on (seed, e) alone."""
    made = []
    for experience, count in enumerate(classes):
        seed_everything("head", seed, experience)
        made.append(nn.Linear(width, count))
    return Heads(made)
