"""RunConfigs and data -> an estimate of how long each run takes, from a few timed training steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter

import torch
from torch import Tensor, nn

from acn_bench import user_functions
from acn_bench.benchmarks.run import Cost
from acn_bench.config import RunConfig
from acn_bench.data.data_set import DataSet
from acn_bench.evaluation.cost import EVALUATED
from acn_bench.registry import KINDS
from acn_bench.training import trained
from acn_bench.training.network import untrained
from acn_bench.wording import plural

STEPS = 2  # timed, of each size of a batch
# images of a timed batch: batch normalisation cannot train on one, and more than 256 take gigabytes and no less
# time for each
SMALLEST, LARGEST = 2, 256
BUDGET = 8.0  # seconds of timing, all networks together; the step that is begun last comes on top
OVERHEAD = 1.1  # factor for Avalanche's loop and for gathering images
START = 8.0  # seconds that a worker needs for its imports

Network = tuple[object, ...]  # what tells networks of different speed apart
Work = tuple[RunConfig, Cost]
Step = Callable[[int], float]  # takes a training step on n images; returns its seconds


def seconds(
    configs: Sequence[RunConfig],
    data: Sequence[DataSet],
    device: torch.device,
    note: Callable[[str], None] = lambda _: None,
    budget: float = BUDGET,
) -> list[float]:
    """Wall-clock seconds of each run in one worker. Times each distinct network, on this process's threads.

    `note` takes sentences for the user; `budget` is in seconds of timing. Raises ValueError for a network that cannot take a step.
    """
    works = [(config, cost_of(config, data)) for config in configs]
    networks = _networks(works)
    note(f"measuring the speed of {plural(len(networks), 'network')}: 10 s at most")
    known = _timed(networks, data[0], device, budget)
    if untimed := len(networks) - len(known):
        note(
            f"in that time {plural(untimed, 'network')} could not be timed: the slowest of the others stands for each"
        )
    slowest = max(known.values(), default=0.0)
    estimates = []
    for config, cost in works:
        per_image = known.get(_network((config, cost)), slowest)
        factor = config.strategy.cost_factor if config.strategy else 1.0
        by_clock = cost.seconds + cost.corrupting
        estimates.append((cost.images * per_image * factor + by_clock) * OVERHEAD)
    return estimates


def seconds_per_image(
    configs: Sequence[RunConfig], data: Sequence[DataSet], device: torch.device
) -> list[float | None]:
    """Seconds of a training step for each image, by config; None where the time of timing was spent before.

    Raises as `seconds`.
    """
    works = [(config, cost_of(config, data)) for config in configs]
    known = _timed(_networks(works), data[0], device, BUDGET)
    return [known.get(_network(work)) for work in works]


def _networks(works: Sequence[Work]) -> dict[Network, Work]:
    """Each distinct network with the first work that uses it."""
    networks: dict[Network, Work] = {}
    for work in works:
        networks.setdefault(_network(work), work)
    return networks


@contextmanager
def _named(config: RunConfig) -> Iterator[None]:
    """Name the network that cannot take a step: memory is missing, or a user's factory fails in any way."""
    verb = "measured" if config.backbone.trained else "trained"
    what = f"{config.backbone.name} cannot be {verb} here"
    if config.backbone.function is not None:
        with user_functions.guarded(what):
            yield
        return
    try:
        yield
    except (RuntimeError, MemoryError) as e:  # a MemoryError has no message
        reason = str(e).partition("\n")[0] or "there is too little memory"
        raise ValueError(f"{what}: {reason}") from e


def cost_of(config: RunConfig, data: Sequence[DataSet]) -> Cost:
    """The work of a run, as its kind estimates it."""
    planning = KINDS.load(config.benchmark.kind).planning_module
    cost: Cost = planning.cost(config, data)
    return cost


def _network(work: Work) -> Network:
    config, cost = work
    return config.backbone, config.precision, cost.batch_size


def _timed(
    networks: Mapping[Network, Work], data: DataSet, device: torch.device, budget: float
) -> dict[Network, float]:
    """Seconds per image of each network, in equal shares of the budget; some are left out when it is spent."""
    end = perf_counter() + budget
    known: dict[Network, float] = {}
    for network, (config, cost) in networks.items():
        start = perf_counter()
        if start >= end:
            break
        share = (end - start) / (len(networks) - len(known))
        there = data.counts.train or data.counts.test  # test images alone suffice to measure
        largest = min(cost.batch_size, there, LARGEST)
        with _named(config), torch.random.fork_rng():
            step = _training_step(config, cost, data, device)
            known[network] = _seconds_per_image(step, largest, start + share, end)
    return known


def _seconds_per_image(step: Step, largest: int, deadline: float, end: float) -> float:
    """Time larger and larger batches, up to `largest` images, while the next ones are ready before the deadline."""
    rows = min(SMALLEST, largest)
    fastest = step(rows)
    if perf_counter() + fastest < end:  # the first step sets libraries up
        fastest = min(fastest, step(rows))
    per_image = fastest / rows
    while perf_counter() + STEPS * rows * per_image < deadline:
        per_image = min(step(rows) for _ in range(STEPS)) / rows
        if rows == largest:
            break
        rows = min(4 * rows, largest)
    return per_image


def _training_step(config: RunConfig, cost: Cost, data: DataSet, device: torch.device) -> Step:
    if config.backbone.trained:
        return _measuring_step(config, _example(config, cost, data, device), device)
    network = untrained(config, cost.classes).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    example = _example(config, cost, data, device)

    def step(count: int) -> float:
        images = example(count)
        labels = torch.zeros(count, dtype=torch.int64, device=device)
        start = perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return perf_counter() - start

    return step


def _measuring_step(
    config: RunConfig, example: Callable[[int], Tensor], device: torch.device
) -> Step:
    """A pass without training, in seconds of a training step: the work of a run counts images trained."""
    network = trained.network(config).to(device).eval()

    def step(count: int) -> float:
        images = example(count)
        start = perf_counter()
        with torch.inference_mode():
            network(images)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return (perf_counter() - start) / EVALUATED

    return step


def _example(
    config: RunConfig, cost: Cost, data: DataSet, device: torch.device
) -> Callable[[int], Tensor]:
    """Takes a count, and makes so many images, or texts of the usual length."""
    if cost.tokens:
        return lambda count: torch.zeros(count, cost.tokens, dtype=torch.int64, device=device)
    shape = config.benchmark.image_shape(data.image_shape)
    if shape is None:
        raise ValueError("a training step is timed on images of one shape alone")
    return lambda count: torch.rand(count, *shape, device=device)
