"""Frozen features of every depth -> the examples that a linear classifier of each depth gets right.

The network's head, applied at every depth, measures what the network itself can classify after k blocks. A
probe, fitted for one depth, measures what is linearly separable there. It is fitted on training rows only:
task-incremental (multi-head), on those of each experience; class-incremental (single head), on those of the
whole stream.

>>> probes = depth_probes(model.feature_depths(x), y)                # x, y: training examples
>>> right(probes, model.feature_depths(test_x), test_y).float().mean(dim=1)   # (L+1,) accuracy
"""

import torch
from torch import Tensor

from acn_bench.evaluation.linear_probe import Probe, fit

PENALTY = 1e-3  # half of it times the squared weights is added to the mean loss
SLICE = 1000  # rows in one pass: a whole data set of floats needs much memory


def depth_probes(features: Tensor, labels: Tensor, penalty: float = PENALTY) -> list[Probe]:
    """Features (L+1, N, D) and labels (N,) of training examples -> one probe per depth.

    Raises ValueError for shapes that do not fit, and for a penalty below 0.
    """
    _check(features, labels)
    if not penalty >= 0:
        raise ValueError(f"the penalty must be 0 or more, not {penalty}")
    classes = int(labels.max()) + 1
    # one penalty: no choice, so no held-out rows
    return [fit((x, labels), (x, labels), classes, [penalty]) for x in features.detach()]


def right(probes: list[Probe], features: Tensor, labels: Tensor) -> Tensor:
    """Correct or not, (L+1, M) of bool, for features (L+1, M, D) and labels (M,) of other examples."""
    _check(features, labels)
    pairs = zip(probes, features.detach(), strict=True)
    predictions = [probe(x).argmax(dim=1) for probe, x in pairs]
    return torch.stack(predictions) == labels


def _check(features: Tensor, labels: Tensor) -> None:
    if features.dim() != 3 or labels.shape != features.shape[1:2] or not len(labels):
        raise ValueError(
            f"expected features (L+1, N, D) and labels (N,), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}"
        )
