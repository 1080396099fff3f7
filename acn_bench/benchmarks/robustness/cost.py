"""A robustness run and its data -> its estimated work, in images trained."""

from collections.abc import Sequence

from acn_bench.benchmarks.robustness import conditions
from acn_bench.benchmarks.robustness.spec import RobustnessConfig
from acn_bench.benchmarks.run import Cost
from acn_bench.data.images import ImageData
from acn_bench.data.split import whole
from acn_bench.evaluation import attack_cost
from acn_bench.evaluation.cost import EVALUATED

CORRUPTED = 6e-8  # seconds a pixel of a common corruption, mean of the 15, on one thread


def check(config: RobustnessConfig, data: Sequence[ImageData]) -> None:
    """Raise ValueError if a class has too few rows to hold some out, or if a corruption or an attack cannot take the data.

    Raise LookupError where an attack is wanted and pyautoattack is missing.
    """
    whole(data[0], config.benchmark.validation, config.seeds.data)
    conditions.check(config, data[0].image_shape)
    if config.benchmark.linf is not None:
        attack_cost.require_installed()
        attack_cost.targets_of(len(data[0].class_names))


def cost(config: RobustnessConfig, data: Sequence[ImageData]) -> Cost:
    """The work of the run, if it is trained for all epochs; corrupting images counts in seconds."""
    protocol, (images,) = config.benchmark, data
    _, height, width = images.image_shape
    corrupted = len(protocol.common) * len(protocol.severities) * len(images.test_labels)
    return Cost(
        images=work(config, data),
        batch_size=protocol.batch_size,
        classes=len(images.class_names),
        seconds=CORRUPTED * corrupted * height * width,
    )


def work(config: RobustnessConfig, data: Sequence[ImageData]) -> float:
    """Images trained, plus images evaluated at their cost in images trained: clean and under each condition."""
    protocol = config.benchmark
    rows, tests = len(data[0].train_labels), len(data[0].test_labels)
    held_out = protocol.validation * rows
    trained = protocol.epochs * (rows - held_out)
    checked = protocol.epochs * protocol.checks_per_epoch * held_out
    at_the_end = held_out + (1 + protocol.conditions) * tests
    return trained + EVALUATED * (checked + at_the_end) + attack_work(config, data)


def attack_work(config: RobustnessConfig, data: Sequence[ImageData]) -> float:
    """The most work that the attack and the search for gradient masking may need, in images trained."""
    attack = config.benchmark.linf
    if attack is None:
        return 0.0
    most = attack_cost.most_passes(attack, len(data[0].class_names))
    passes = most + attack_cost.check_passes(attack)
    return config.benchmark.attacked(len(data[0].test_labels)) * passes.trained_images
