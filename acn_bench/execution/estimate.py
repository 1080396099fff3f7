"""RunConfigs and data -> an estimate of how long each run takes, from a few timed training steps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

import torch
from torch import nn

from acn_bench import user_functions
from acn_bench.benchmarks.run import Cost
from acn_bench.config import RunConfig
from acn_bench.data.data_set import DataSet, ImageShape
from acn_bench.registry import KINDS
from acn_bench.training.network import untrained

STEPS = 2  # timed, after one warm-up step
OVERHEAD = 1.1  # factor for Avalanche's loop and for gathering images
START = 8.0  # seconds that a worker needs for its imports


def seconds(
    configs: Sequence[RunConfig], data: Sequence[DataSet], device: torch.device
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
            with _named(config):
                known[key] = _seconds_per_image(config, cost, data[0].image_shape, device)
        factor = config.strategy.cost_factor if config.strategy else 1.0
        estimates.append((cost.images * known[key] * factor + cost.seconds) * OVERHEAD)
    return estimates


@contextmanager
def _named(config: RunConfig) -> Iterator[None]:
    """Name the network that cannot take a step: ours for want of memory, the user's for any reason."""
    what = f"{config.backbone.name} cannot be trained here"
    if config.backbone.function is not None:
        with user_functions.guarded(what):
            yield
        return
    try:
        yield
    except RuntimeError as e:
        raise ValueError(f"{what}: {str(e).partition(chr(10))[0]}") from e


def cost_of(config: RunConfig, data: Sequence[DataSet]) -> Cost:
    """The work of a run, as its kind estimates it."""
    planning = KINDS.load(config.benchmark.kind).planning_module
    cost: Cost = planning.cost(config, data)
    return cost


def _seconds_per_image(
    config: RunConfig, cost: Cost, shape: ImageShape | None, device: torch.device
) -> float:
    if shape is None:
        raise ValueError("a training step is timed on images of one shape alone")
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
