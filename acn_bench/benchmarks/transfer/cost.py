"""A transfer and its data -> its estimated work, in images trained."""

from collections.abc import Sequence

from acn_bench.benchmarks.run import Cost
from acn_bench.benchmarks.transfer.spec import TransferConfig
from acn_bench.data.images import ImageData
from acn_bench.data.split import whole
from acn_bench.evaluation.cost import EVALUATED


def check(config: TransferConfig, data: Sequence[ImageData]) -> None:
    """Raise ValueError if a class of either data set has too few rows to hold some out."""
    for images in data:
        whole(images, config.benchmark.validation, config.seeds.data)


def cost(config: TransferConfig, data: Sequence[ImageData]) -> Cost:
    """The work of the run, if the source is trained for all epochs and the network is cut."""
    batch, classes = config.benchmark.batch_size, len(data[0].class_names)
    return Cost(images=work(config, data), batch_size=batch, classes=classes)


def train_rows(config: TransferConfig, data: Sequence[ImageData]) -> list[int]:
    """The rows that each training cuts into batches: of the source, of the target."""
    protocol = config.benchmark
    splits = [whole(images, protocol.validation, config.seeds.data) for images in data]
    return [len(split.train[0]) for split in splits]


def work(config: TransferConfig, data: Sequence[ImageData]) -> float:
    """Images trained, plus images evaluated at their cost in images trained; assumptions as in `cost`."""
    protocol = config.benchmark
    source, target = (len(d.train_labels) for d in data)
    held_out = protocol.validation
    trained = (1 - held_out) * (protocol.epochs * source + 2 * protocol.finetune_epochs * target)
    checks = protocol.epochs * protocol.checks_per_epoch
    checked = held_out * (checks * source + 2 * protocol.finetune_epochs * target)
    after_source = held_out * source + len(data[0].test_labels)
    probes = target + len(data[1].test_labels)
    finetuned = 4 * held_out * target + 2 * len(data[1].test_labels)
    return trained + EVALUATED * (checked + after_source + probes + finetuned)
