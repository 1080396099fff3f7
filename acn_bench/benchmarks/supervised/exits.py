"""Logits at every exit and thresholds -> where test examples leave, and what that costs."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from acn_bench.backbones import Backbone
from acn_bench.backbones.early_exit import EarlyExit, entropy
from acn_bench.benchmarks.supervised.result import ExitCounts, Exits
from acn_bench.evaluation import cost


class ExitCounter:
    """Counts, slice by slice, where examples leave at each threshold; E exits, the last of which is the output."""

    def __init__(self, network: Backbone, thresholds: Sequence[float], image: Tensor) -> None:
        """`image` (1, C, H, W) is one to count FLOPs with."""
        self.by_branches = network.branches is not None
        exits = EarlyExit(network, by="branches" if self.by_branches else "head")
        self.network = network
        self.depths = exits.depths
        self.flops = cost.by_exit(exits, image)
        self.thresholds = thresholds
        self.left = torch.zeros(len(thresholds), len(self.depths), dtype=torch.int64)
        self.correct = torch.zeros_like(self.left)

    def logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits of each exit, (E, B, K), as `EarlyExit` computes them."""
        if self.by_branches:
            return torch.stack(list(self.network.exit_logits(images).values()))
        return self.network.forward_depths(images)[list(self.depths)]

    def count(self, logits: Tensor, labels: Tensor) -> None:
        """Logits (E, B, K) and labels (B,), both on the device."""
        right = (logits.argmax(dim=-1) == labels).cpu()  # (E, B)
        uncertain = torch.stack([entropy(of_exit) for of_exit in logits]).cpu()
        for k, threshold in enumerate(self.thresholds):
            sure = uncertain < threshold
            sure[-1] = True  # the output takes the others
            first = sure.int().argmax(dim=0)  # (B,)
            of_exit = one_hot(first, len(self.depths)).T.bool()  # (E, B)
            self.left[k] += of_exit.sum(dim=1)
            self.correct[k] += (of_exit & right).sum(dim=1)

    @property
    def exits(self) -> Exits:
        """What a record holds."""
        rows = zip(self.thresholds, self.left.tolist(), self.correct.tolist(), strict=True)
        return Exits(
            by="branches" if self.by_branches else "head",
            depths=list(self.depths),
            flops=[self.flops[k] for k in self.depths],
            counts=[ExitCounts(threshold=t, left=n, correct=right) for t, n, right in rows],
        )
