"""RunConfigs and data -> an estimate of how long each run takes, from a few timed training steps."""

from collections.abc import Sequence
from time import perf_counter

import torch
from torch import nn

from acn_bench.benchmarks.run import Cost
from acn_bench.config import RunConfig
from acn_bench.data.images import ImageData
from acn_bench.registry import KINDS
from acn_bench.training.network import untrained

STEPS = 2  # timed, after one warm-up step
OVERHEAD = 1.1  # factor for Avalanche's loop and for gathering images
START = 8.0  # seconds that a worker needs for its imports


def seconds(
    configs: Sequence[RunConfig], data: Sequence[ImageData], device: torch.device
) -> list[float]:
    """Wall-clock seconds of each run in one worker. Times each distinct network, on this process's threads.

    Raises ValueError for a network that cannot take a step.
    """
    known: dict[tuple[object, ...], float] = {}
    estimates = []
    for config in configs:
        cost = cost_of(config, data)
        key = (config.backbone, config.precision, cost.batch_size)
        if key not in known:
            try:
                shape = data[0].train_images.shape[1:]
                known[key] = _seconds_per_image(config, cost, shape, device)
            except RuntimeError as e:  # a factory for other images; no memory
                reason = str(e).partition("\n")[0]
                raise ValueError(f"{config.backbone.name} cannot be trained here: {reason}") from e
        factor = config.strategy.cost_factor if config.strategy else 1.0
        estimates.append((cost.images * known[key] * factor + cost.seconds) * OVERHEAD)
    return estimates


def cost_of(config: RunConfig, data: Sequence[ImageData]) -> Cost:
    """The work of a run, as its kind estimates it."""
    planning = KINDS.load(config.benchmark.kind).planning_module
    cost: Cost = planning.cost(config, data)
    return cost


def _seconds_per_image(
    config: RunConfig, cost: Cost, shape: torch.Size, device: torch.device
) -> float:
    with torch.random.fork_rng():
        network = untrained(config, cost.classes).to(device)
        images = torch.rand(cost.batch_size, *shape, device=device)
        labels = torch.zeros(len(images), dtype=torch.int64, device=device)
        optimizer = torch.optim.AdamW(network.parameters(), fused=True)
        for step in range(1 + STEPS):
            if step == 1:
                start = perf_counter()
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    return (perf_counter() - start) / (STEPS * len(images))


def duration(seconds: float) -> str:
    """As text: "12 s", "5 min", "2.6 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
