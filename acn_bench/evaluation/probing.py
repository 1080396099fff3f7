"""Frozen features of every depth -> what a linear classifier of each depth has right.

The network's one head, read at every depth, asks what the network has ready after k blocks; a probe, fitted
for that depth alone, asks what is linearly there. It never sees a held-out or a test row: with a head each
it is fitted on the training rows of each experience, with one head on those of the whole stream.

>>> probes = depth_probes(model.feature_depths(x), y)                # x, y: training examples
>>> right(probes, model.feature_depths(test_x), test_y).float().mean(dim=1)   # (L+1,) accuracy
"""

import torch
from torch import Tensor

from acn_bench.evaluation.linear_probe import Probe, fit

PENALTY = 1e-3  # half of it times the squared weights is added to the mean loss
SLICE = 1000  # rows at once: as floats, a whole data set is large


def depth_probes(features: Tensor, labels: Tensor, penalty: float = PENALTY) -> list[Probe]:
    """Features (L+1, N, D) and labels (N,) of training examples -> a probe for each depth.

    Raises ValueError where the shapes do not fit, or the penalty is below 0.
    """
    _check(features, labels)
    if not penalty >= 0:
        raise ValueError(f"the penalty must be 0 or more, not {penalty}")
    classes = int(labels.max()) + 1
    # one penalty: there is nothing to choose on held-out rows
    return [fit((x, labels), (x, labels), classes, [penalty]) for x in features.detach()]


def right(probes: list[Probe], features: Tensor, labels: Tensor) -> Tensor:
    """Right or not, (L+1, M) of bool, from features (L+1, M, D) and labels (M,) of other examples."""
    _check(features, labels)
    said = [probe(x).argmax(dim=1) for probe, x in zip(probes, features.detach(), strict=True)]
    return torch.stack(said) == labels


def _check(features: Tensor, labels: Tensor) -> None:
    if features.dim() != 3 or labels.shape != features.shape[1:2] or not len(labels):
        raise ValueError(
            f"expected features (L+1, N, D) and labels (N,), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}"
        )
