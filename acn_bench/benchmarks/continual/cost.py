"""RunConfig and data -> how much work a run is, in images trained."""

from acn_bench.data.images import ImageData
from acn_bench.spec import (
    AgemSpec,
    ContinualSpec,
    CumulativeSpec,
    DerSpec,
    ErAceSpec,
    EwcSpec,
    GdumbSpec,
    GemSpec,
    IcarlSpec,
    MasSpec,
    ReplaySpec,
    RunConfig,
    StrategySpec,
)

EVALUATED = 1 / 3  # the work of evaluating an image, in images trained: one pass of three


def work(config: RunConfig, data: ImageData) -> float:
    """Images trained, and those evaluated for what they cost."""
    protocol = config.continual
    classes = protocol.experiences * protocol.classes_per_experience / len(data.class_names)
    rows = classes * len(data.train_labels) * (1 - protocol.validation)
    trained = rows * protocol.epochs * passes(config.strategy, protocol, rows)
    return trained + evaluated(config, data)


def evaluated(config: RunConfig, data: ImageData) -> float:
    """The images that are evaluated, in images trained."""
    protocol = config.continual
    classes = protocol.experiences * protocol.classes_per_experience / len(data.class_names)
    held = protocol.validation * len(data.train_labels)
    T = protocol.experiences
    measured = (T + 1) / 2 if protocol.heads == "each" else T + 1  # times all rows, over the stream
    levels = sum(len(levels) for levels in protocol.noise.values())
    noisy = levels * (measured if protocol.noise_after == "every" else 1)
    tests = len(data.test_labels)
    probed = protocol.linear_probe * (len(data.train_labels) + tests)
    return EVALUATED * classes * (measured * (tests + held) + noisy * tests + probed)


def passes(strategy: StrategySpec | None, protocol: ContinualSpec, rows: float) -> float:
    """Images that pass forward and backward, for each row of the stream in each epoch."""
    T = protocol.experiences
    if protocol.budget != "epochs":  # memories are in it, importance comes after it
        return 1 + isinstance(strategy, EwcSpec | MasSpec) / protocol.epochs
    match strategy:
        case CumulativeSpec():
            return (T + 1) / 2
        case EwcSpec() | MasSpec():  # importance, once an experience
            return 1 + 1 / protocol.epochs
        case IcarlSpec():
            return 1 + strategy.memory * (T - 1) / rows
        case GdumbSpec():
            return min(1.0, strategy.memory * T / rows)
    return 1 + _beside(strategy, T) * (T - 1) / T / protocol.batch_size


def _beside(strategy: StrategySpec | None, experiences: int) -> float:
    """Images of a memory beside each batch, on average from the second experience on."""
    match strategy:
        case ReplaySpec() | DerSpec() | ErAceSpec():
            return strategy.memory_batch_size
        case AgemSpec():
            return strategy.sample_size
        case GemSpec():  # the memory of each earlier experience
            return strategy.memory_per_experience * experiences / 2
    return 0
