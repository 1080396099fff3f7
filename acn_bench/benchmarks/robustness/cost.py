"""A robustness run and its data -> its estimated work, in images trained."""

from importlib import import_module

from acn_bench.benchmarks.robustness import conditions
from acn_bench.benchmarks.robustness.conditions import Data
from acn_bench.benchmarks.robustness.spec import TRAINED_MODULE, RobustnessConfig
from acn_bench.benchmarks.run import Cost
from acn_bench.data.split import whole
from acn_bench.evaluation import attack_cost
from acn_bench.evaluation.cost import CORRUPTED, EVALUATED


def check(config: RobustnessConfig, data: Data) -> None:
    """Raise ValueError if a class has too few rows to hold some out, an attack needs more, or as `conditions.check`.

    Raise LookupError where an attack is wanted and pyautoattack is missing.
    """
    images = conditions.clean(data)
    if config.backbone.trained:
        import_module(TRAINED_MODULE).check(config, images)
    elif images.image_shape is None:
        raise ValueError(
            f"{config.benchmark.name} measures trained networks on photographs: train them by a supervised benchmark "
            "(acn-bench run imagenet), then give --checkpoint runs/imagenet"
        )
    else:
        whole(images, config.benchmark.validation, config.seeds.data)
    conditions.check(config, data)
    if config.benchmark.linf is not None:
        attack_cost.require_installed()
        attack_cost.targets_of(len(conditions.clean(data).class_names))


def cost(config: RobustnessConfig, data: Data) -> Cost:
    """The work of the run, if it is trained for all epochs."""
    protocol, images = config.benchmark, conditions.clean(data)
    shape = protocol.image_shape(images.image_shape)
    assert shape is not None
    _, height, width = shape
    made = 0 if protocol.official else len(protocol.common) * len(protocol.severities)
    corrupted = made * len(images.test_labels)
    return Cost(
        images=work(config, data),
        batch_size=protocol.batch_size,
        classes=len(images.class_names),
        corrupting=CORRUPTED * corrupted * height * width,
    )


def work(config: RobustnessConfig, data: Data) -> float:
    """Images trained, plus images evaluated at their cost in images trained: clean and under each condition."""
    protocol = config.benchmark
    rows, tests = conditions.clean(data).counts
    held_out = 0.0 if config.backbone.trained else protocol.validation * rows
    epochs = 0 if config.backbone.trained else protocol.epochs
    trained = epochs * (rows - held_out)
    checked = epochs * protocol.checks_per_epoch * held_out
    at_the_end = held_out + (1 + protocol.conditions) * tests
    return trained + EVALUATED * (checked + at_the_end) + attack_work(config, data)


def attack_work(config: RobustnessConfig, data: Data) -> float:
    """The most work that the attack and the search for gradient masking may need, in images trained."""
    attack, images = config.benchmark.linf, conditions.clean(data)
    if attack is None:
        return 0.0
    most = attack_cost.most_passes(attack, len(images.class_names))
    passes = most + attack_cost.check_passes(attack)
    return config.benchmark.attacked(len(images.test_labels)) * passes.trained_images
