"""A model and images -> correct or not, for every example and every depth. Does not change the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone

SLICE = 100  # images in one pass: larger slices do not fit the processor's cache


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside, evaluation mode and no gradients; afterwards restore the mode of every module."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:  # not `model.train()`: some may have been in evaluation mode
            module.training = True


def features(
    backbone: nn.Module, images: Tensor, *, depths: bool, at_once: int | None = None
) -> Tensor:
    """Images (B, C, H, W) in [0, 1] -> the head's input at every depth, (L+1, B, D); (1, B, D) without `depths`.

    A network that is not a `Backbone` gives (1, B, D) in both cases.
    """
    slices = images.split(at_once or SLICE)
    if depths and isinstance(backbone, Backbone):
        return torch.cat([backbone.feature_depths(s) for s in slices], dim=1)
    return torch.cat([backbone(s) for s in slices]).unsqueeze(0)


@dataclass(frozen=True)
class Correct:
    """Correct or not, for the M examples of one experience."""

    depths: Tensor  # (L+1, M) of bool
    masked: Tensor | None  # (M,) among the experience's classes alone; None if task-incremental


def correct(logits: Tensor, labels: Tensor, own: range | None = None) -> Correct:
    """Logits (L+1, M, K) and labels (M,) -> correct or not; `own`: the experience's classes among K."""
    masked = None
    if own is not None:
        among = logits[-1, :, own.start : own.stop].argmax(dim=-1) + own.start
        masked = (among == labels).cpu()
    return Correct((logits.argmax(dim=-1) == labels).cpu(), masked)


def shares(right: Tensor) -> list[float]:
    """(L+1, M) of bool -> accuracy by depth, (L+1,)."""
    count = right.shape[1]
    return [n / count for n in right.sum(dim=1).tolist()]


def changes(right: Tensor) -> list[list[int]]:
    """(L+1, M) of bool -> how many examples each depth [loses, gains] against depth L, (L+1, 2)."""
    lost, gained = (right[-1] & ~right).sum(dim=1), (right & ~right[-1]).sum(dim=1)
    counts: list[list[int]] = torch.stack([lost, gained], dim=1).tolist()
    return counts
