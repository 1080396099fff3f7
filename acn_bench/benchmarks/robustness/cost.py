"""A robustness run and its data -> its estimated work, in images trained."""

from acn_bench.benchmarks.robustness import conditions
from acn_bench.benchmarks.robustness.conditions import Data
from acn_bench.benchmarks.robustness.spec import RobustnessConfig
from acn_bench.benchmarks.run import Cost
from acn_bench.data.split import whole
from acn_bench.evaluation.cost import EVALUATED

CORRUPTED = 6e-8  # seconds a pixel of a common corruption, mean of the 15, on one thread


def check(config: RobustnessConfig, data: Data) -> None:
    """Raise ValueError if a class has too few rows to hold some out, or as `conditions.check`."""
    whole(conditions.clean(data), config.benchmark.validation, config.seeds.data)
    conditions.check(config, data)


def cost(config: RobustnessConfig, data: Data) -> Cost:
    """The work of the run, if it is trained for all epochs; corrupting images counts in seconds."""
    protocol, images = config.benchmark, conditions.clean(data)
    _, height, width = images.image_shape
    made = 0 if protocol.official else len(protocol.common) * len(protocol.severities)
    corrupted = made * len(images.test_labels)
    return Cost(
        images=work(config, data),
        batch_size=protocol.batch_size,
        classes=len(images.class_names),
        seconds=CORRUPTED * corrupted * height * width,
    )


def work(config: RobustnessConfig, data: Data) -> float:
    """Images trained, plus images evaluated at their cost in images trained: clean and under each condition."""
    protocol = config.benchmark
    rows, tests = conditions.clean(data).counts
    held_out = protocol.validation * rows
    trained = protocol.epochs * (rows - held_out)
    checked = protocol.epochs * protocol.checks_per_epoch * held_out
    at_the_end = held_out + (1 + protocol.conditions) * tests
    return trained + EVALUATED * (checked + at_the_end)
