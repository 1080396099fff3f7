"""A transfer and its data -> how much work it is, in images trained."""

from collections.abc import Sequence

from acn_bench.benchmarks.run import Cost
from acn_bench.benchmarks.transfer.spec import TransferConfig
from acn_bench.data.images import ImageData
from acn_bench.data.split import whole
from acn_bench.evaluation.cost import EVALUATED


def check(config: TransferConfig, data: Sequence[ImageData]) -> None:
    """Raise ValueError where a class has no rows to spare, in either data set."""
    for one in data:
        whole(one, config.benchmark.validation, config.seeds.data)


def cost(config: TransferConfig, data: Sequence[ImageData]) -> Cost:
    """Work of the run, where no arm stops early and one is cut."""
    batch, classes = config.benchmark.batch_size, len(data[0].class_names)
    return Cost(images=work(config, data), batch_size=batch, classes=classes)


def work(config: TransferConfig, data: Sequence[ImageData]) -> float:
    """Images trained, and those evaluated for what they cost, where no arm stops early and one is cut."""
    protocol = config.benchmark
    source, target = (len(d.train_labels) for d in data)
    kept, held = 1 - protocol.validation, protocol.validation
    trained = kept * (protocol.epochs * source + 2 * protocol.finetune_epochs * target)
    checks = protocol.epochs * protocol.checks_per_epoch
    looked = held * (checks * source + 2 * protocol.finetune_epochs * target)
    at_the_end = held * source + len(data[0].test_labels)
    probes = target + len(data[1].test_labels)
    finetuned = 4 * held * target + 2 * len(data[1].test_labels)
    return trained + EVALUATED * (looked + at_the_end + probes + finetuned)
