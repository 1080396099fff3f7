"""Logits at every exit and thresholds -> where each test example leaves, and what that costs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from acn_bench.backbones import Backbone
from acn_bench.backbones.early_exit import EarlyExit, entropy
from acn_bench.benchmarks.supervised.result import ExitCounts, Exits
from acn_bench.evaluation import cost


class ExitMeasurement:
    """Early exit at several thresholds in one pass of the whole network; E exits, the last of which is the output."""

    def __init__(self, network: Backbone, thresholds: Sequence[float]) -> None:
        self.network = network
        self.thresholds = tuple(thresholds)
        self.by_branches = network.branches is not None
        self.early_exit = EarlyExit(network, by="branches" if self.by_branches else "head")
        self.depths = self.early_exit.depths

    def logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits of each exit, (E, B, K), as `EarlyExit` computes them."""
        if self.by_branches:
            return torch.stack(list(self.network.exit_logits(images).values()))
        return self.network.forward_depths(images)[list(self.depths)]

    def leaves(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (E, B, K) and labels (B,) -> (B, T, 2) int64: the number of the exit, and whether it is correct."""
        right = logits.argmax(dim=-1) == labels  # (E, B)
        uncertain = torch.stack([entropy(of_exit) for of_exit in logits])
        columns = []
        for threshold in self.thresholds:
            sure = uncertain < threshold
            sure[-1] = True  # the output takes the others
            first = sure.int().argmax(dim=0)  # (B,)
            columns.append(torch.stack([first, right.gather(0, first[None])[0].long()], dim=1))
        return torch.stack(columns, dim=1)

    def exits(self, leaves: Tensor, image: Tensor) -> Exits:
        """`leaves` of all examples, (N, T, 2) -> what a record holds; `image` (1, C, H, W) is one to count FLOPs with."""
        flops = cost.by_exit(self.early_exit, image)
        counts = []
        for threshold, (exit_, right) in zip(self.thresholds, leaves.permute(1, 2, 0), strict=True):
            left = torch.bincount(exit_, minlength=len(self.depths)).tolist()
            correct = torch.bincount(exit_[right.bool()], minlength=len(self.depths)).tolist()
            counts.append(ExitCounts(threshold=threshold, left=left, correct=correct))
        return Exits(
            by="branches" if self.by_branches else "head",
            depths=list(self.depths),
            flops=[flops[k] for k in self.depths],
            counts=counts,
        )
