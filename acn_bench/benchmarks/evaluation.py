"""A model and images -> correct or not, for every example and every depth. Changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone

SLICE = 100  # images at once: larger ones fall out of the processor's cache

Head = Callable[[Tensor], Tensor]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients; afterwards the model is as it was."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:  # not `model.train()`: some may have been in evaluation mode
            module.training = True


def features(backbone: nn.Module, images: Tensor, *, depths: bool) -> Tensor:
    """Images (B, C, H, W) in [0, 1] -> what a head reads, (L+1, B, D); (1, B, D) without `depths`.

    A network that has no depths gives (1, B, D) either way.
    """
    assert not backbone.training, "evaluation needs evaluation mode"
    slices = images.split(SLICE)
    if depths and isinstance(backbone, Backbone):
        return torch.cat([backbone.feature_depths(s) for s in slices], dim=1)
    return torch.cat([backbone(s) for s in slices]).unsqueeze(0)


def correct(head: Head, features: Tensor, labels: Tensor) -> Tensor:
    """Features (L+1, B, D) and labels (B,) -> whether each is right, (L+1, B) of bool."""
    return head(features).argmax(dim=-1) == labels


def shares(right: Tensor) -> list[float]:
    """(L+1, B) of bool -> accuracy by depth, (L+1,)."""
    count = right.shape[1]
    return [n / count for n in right.sum(dim=1).tolist()]
