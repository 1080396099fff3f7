"""RunConfig of a transfer and its data -> how much work a run is, in images trained."""

from collections.abc import Sequence

from acn_bench.benchmarks.continual.cost import EVALUATED
from acn_bench.data.images import ImageData
from acn_bench.spec import RunConfig


def transfer_work(config: RunConfig, data: Sequence[ImageData]) -> float:
    """Images trained, and those evaluated for what they cost, where no arm stops early and one is cut."""
    protocol = config.transfer
    source, target = (len(d.train_labels) for d in data)
    kept, held = 1 - protocol.validation, protocol.validation
    trained = kept * (protocol.epochs * source + 2 * protocol.finetune_epochs * target)
    checks = protocol.epochs * protocol.checks_per_epoch
    looked = held * (checks * source + 2 * protocol.finetune_epochs * target)
    at_the_end = held * source + len(data[0].test_labels)
    probes = target + len(data[1].test_labels)
    finetuned = 4 * held * target + 2 * len(data[1].test_labels)
    return trained + EVALUATED * (looked + at_the_end + probes + finetuned)
