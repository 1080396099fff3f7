"""A network and its truncation -> FLOPs of an example and speed of both."""

import copy

import torch
from torch import Tensor, nn

from acn_bench import device as devices
from acn_bench.backbones import Backbone, MultiHead
from acn_bench.backbones.backbone import TextBackbone
from acn_bench.evaluation import correctness, cost, throughput
from acn_bench.evaluation.throughput import Throughput
from acn_bench.truncation.note import Count

BATCH = 64  # examples per batch for the measurement of speed

Network = Backbone | MultiHead


def measure(whole: Network, cut: Network, device: torch.device) -> tuple[Count, Throughput]:
    """FLOPs of one example forward, and examples per second on the device, before and after."""
    batch = _batch(whole.backbone if isinstance(whole, MultiHead) else whole)
    before, after = (_FirstHead(copy.deepcopy(network)) for network in (whole, cut))
    flops = Count(before=cost.flops(before, batch[:1]), after=cost.flops(after, batch[:1]))
    before, after, batch = before.to(device), after.to(device), batch.to(device)
    with correctness.evaluating(before), correctness.evaluating(after):
        speed = throughput.throughput(before, after, batch, devices.describe(device))
    return flops, speed


class _FirstHead(nn.Module):
    """A network as a function of one batch; a multi-head network uses its first head."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor
        logits = self.network(x, 0) if isinstance(self.network, MultiHead) else self.network(x)
        return logits


def _batch(backbone: Backbone) -> Tensor:
    """Noise: the time does not depend on the values."""
    if isinstance(backbone, TextBackbone):
        return torch.ones(BATCH, *backbone.shape, dtype=torch.long)
    return torch.rand(BATCH, *backbone.shape, generator=torch.Generator().manual_seed(0))
