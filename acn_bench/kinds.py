"""A kind of benchmark -> what a session must know of its protocol: before anything runs, and after each run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acn_bench import metrics
from acn_bench.benchmarks.continual.cost import evaluated, work
from acn_bench.benchmarks.continual.split import split, whole
from acn_bench.benchmarks.transfer.cost import transfer_work
from acn_bench.data.images import ImageData
from acn_bench.records import RunRecord
from acn_bench.spec import ContinualSpec, RunConfig
from acn_bench.wording import plural

Data = Sequence[ImageData]  # in the protocol's order


@dataclass(frozen=True)
class Kind:
    """One kind of benchmark, in functions of its runs."""

    sentence: Callable[[RunConfig], str]  # the protocol, in one line
    check: Callable[[RunConfig, Data], None]  # raises ValueError for too few classes or rows
    classes: Callable[[RunConfig, Data], int]  # the width of a head while most of it is trained
    # images trained, and those evaluated for what they cost
    work: Callable[[RunConfig, Data], float]
    seconds: Callable[[RunConfig], float]  # of training that ends by the clock; 0 where none does
    figures: Callable[[RunRecord], str]  # what a run came to, in a few words


def of(config: RunConfig) -> Kind:
    """The kind of a run's benchmark."""
    return KINDS[config.benchmark.kind]


# ---------------------------------------------------------------- continual


def _stream(config: RunConfig) -> str:
    protocol = config.continual
    return (
        f"{protocol.experiences} experiences of {protocol.classes_per_experience} classes, "
        f"{'a head each' if protocol.heads == 'each' else 'one head'}, {_budget(protocol)}, "
        f"batch {protocol.batch_size}, AdamW {protocol.learning_rate:g}"
        f"{'' if protocol.scheme == 'plain' else f', trained by {protocol.scheme}'}"
    )


def _budget(protocol: ContinualSpec) -> str:
    if protocol.seconds:
        return f"{protocol.seconds:g} s each"
    epochs = plural(protocol.epochs, "epoch")
    return f"as many images as in {epochs}" if protocol.budget == "images" else epochs


def _check_split(config: RunConfig, data: Data) -> None:
    split(data[0], config.continual, config.seeds)


def _work(config: RunConfig, data: Data) -> float:
    """Training that ends by the clock is no work: it takes its seconds."""
    return (evaluated if config.continual.seconds else work)(config, data[0])


def _forgotten(record: RunRecord) -> str:
    accuracy = metrics.average_accuracy(record.continual.accuracy)
    forgetting = metrics.forgetting(record.continual.accuracy)
    words = [f"accuracy {100 * accuracy:.1f} %"] if accuracy is not None else []
    if forgetting is not None:
        words.append(f"forgetting {100 * forgetting:.1f} points")
    return ", ".join(words)


CONTINUAL = Kind(
    sentence=_stream,
    check=_check_split,
    classes=lambda config, _: config.continual.classes_per_experience,
    work=_work,
    seconds=lambda config: config.continual.experiences * (config.continual.seconds or 0.0),
    figures=_forgotten,
)

# ---------------------------------------------------------------- transfer


def _describe_transfer(config: RunConfig) -> str:
    p = config.transfer
    stop = "" if p.source_accuracy is None else f", or until {100 * p.source_accuracy:g} % held out"
    return (
        f"{p.data} for {p.epochs} epochs{stop}; then {p.target}: linear probes, and {p.finetune_epochs} epochs of "
        f"fine-tuning, whole and cut; batch {p.batch_size}, AdamW {p.learning_rate:g}"
    )


def _hold_out(config: RunConfig, data: Data) -> None:
    for one in data:
        whole(one, config.transfer, config.seeds)


def _transferred(record: RunRecord) -> str:
    result = record.transfer
    cut = result.finetuned_cut
    words = [
        f"source {_share(result.source.accuracy.test[-1])}",
        f"fine-tuned {_share(result.finetuned.accuracy.test[-1])}",
        *([f"cut to {result.cut}: {_share(cut.accuracy.test[-1])}"] if cut else []),
        f"probe {_share(result.probed.accuracy.test[-1])}",
    ]
    return ", ".join(words)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


TRANSFER = Kind(
    sentence=_describe_transfer,
    check=_hold_out,
    classes=lambda _, data: len(data[0].class_names),
    work=transfer_work,
    seconds=lambda _: 0.0,
    figures=_transferred,
)

KINDS = {"continual": CONTINUAL, "transfer": TRANSFER}
