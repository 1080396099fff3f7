"""RunConfig and data -> how much work a run is, in images trained."""

from acn_bench.data.images import ImageData
from acn_bench.spec import ReplaySpec, RunConfig

EVALUATED = 1 / 3  # the work of evaluating an image, in images trained: one pass of three


def work(config: RunConfig, data: ImageData) -> float:
    """Images trained, and those evaluated for what they cost."""
    protocol = config.benchmark
    classes = protocol.experiences * protocol.classes_per_experience / len(data.class_names)
    trained = classes * len(data.train_labels) * (1 - protocol.validation) * protocol.epochs
    if isinstance(config.strategy, ReplaySpec):
        replayed = config.strategy.memory_batch_size / protocol.batch_size
        trained *= 1 + replayed * (protocol.experiences - 1) / protocol.experiences
    held = protocol.validation * len(data.train_labels)
    passes = (protocol.experiences + 1) / 2  # over the experiences so far, on average
    levels = sum(len(levels) for levels in protocol.noise.values())
    noisy = levels * (passes * protocol.experiences if protocol.noise_after == "every" else 1)
    tests = len(data.test_labels)
    return trained + EVALUATED * classes * (passes * (tests + held) + noisy * tests)
