"""A continual run and its data -> its estimated work, in images trained."""

from collections.abc import Sequence

from acn_bench.benchmarks.continual import noise_cost
from acn_bench.benchmarks.continual.spec import ContinualConfig
from acn_bench.benchmarks.continual.split import StreamData, split
from acn_bench.benchmarks.run import Cost
from acn_bench.evaluation.cost import CORRUPTED, EVALUATED


def check(config: ContinualConfig, data: Sequence[StreamData]) -> None:
    """Raise ValueError if data and protocol do not fit: too few classes or rows."""
    split(data[0], config.benchmark, config.seeds)


def cost(config: ContinualConfig, data: Sequence[StreamData]) -> Cost:
    """The work of the run. Training with a budget in seconds counts as seconds, not as images."""
    protocol = config.benchmark
    images = (evaluated if protocol.seconds else work)(config, data[0])
    _, height, width = data[0].image_shape or (0, 0, 0)  # texts have no pixels
    corrupted = noise_cost.corrupted_images(protocol, len(data[0].class_names), data[0].counts.test)
    return Cost(
        images=images,
        batch_size=protocol.batch_size,
        classes=protocol.classes_per_experience,
        seconds=protocol.experiences * (protocol.seconds or 0.0),
        corrupting=CORRUPTED * corrupted * height * width,
    )


def train_rows(config: ContinualConfig, data: Sequence[StreamData]) -> list[int]:
    """The rows that each training cuts into batches, in turn, as far as the strategy adds or chooses none."""
    rows = [len(rows) for rows in split(data[0], config.benchmark, config.seeds).train]
    protocol, strategy = config.benchmark, config.strategy
    assert strategy is not None
    if strategy.function is not None or strategy.restarts:
        return []
    if strategy.at_once:
        return [sum(rows)]
    alone = strategy.passes(protocol, sum(rows)) == 1 + strategy.after_each(protocol)
    return rows if alone else rows[:1]


def work(config: ContinualConfig, data: StreamData) -> float:
    """Images trained, plus images evaluated at their cost in images trained."""
    protocol = config.benchmark
    classes = protocol.classes / len(data.class_names)
    rows = classes * data.counts.train * (1 - protocol.validation)
    trained = rows * protocol.epochs * passes(config, rows) * repeats(config)
    return trained + evaluated(config, data)


def evaluated(config: ContinualConfig, data: StreamData) -> float:
    """The cost of the images evaluated, in images trained."""
    protocol = config.benchmark
    classes = protocol.classes / len(data.class_names)
    held_out = protocol.validation * data.counts.train
    measured = noise_cost.measured(protocol)  # times all rows, over the stream
    noisy = sum(len(levels) for levels in protocol.noise.values()) * noise_cost.times(protocol)
    tests = data.counts.test
    probed = protocol.linear_probe * (data.counts.train + tests)
    return EVALUATED * classes * (measured * (tests + held_out) + noisy * tests + probed)


def repeats(config: ContinualConfig) -> float:
    """Trainings on an experience, at most, on average: to select a strength, one for each and one for fine-tuning."""
    protocol, strategy = config.benchmark, config.strategy
    assert strategy is not None
    if protocol.select == "none" or strategy.selectable is None:
        return 1.0
    T = protocol.experiences
    return (1 + (T - 1) * (1 + protocol.select_tries)) / T


def passes(config: ContinualConfig, rows: float) -> float:
    """Forward and backward passes of images per row of the stream and epoch."""
    protocol, strategy = config.benchmark, config.strategy
    assert strategy is not None
    if protocol.budget != "epochs":  # the budget includes replayed images, not those of importances
        return 1 + strategy.after_each(protocol)
    return strategy.passes(protocol, rows)
