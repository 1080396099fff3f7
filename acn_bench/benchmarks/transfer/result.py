"""Raw measurements of a transfer."""

from acn_bench import validation
from acn_bench.benchmarks.transfer.spec import TransferSpec
from acn_bench.errors import shorten
from acn_bench.result import Result, RowCounts
from acn_bench.spec import Struct


class Accuracy(Struct, frozen=True, kw_only=True):
    """Accuracy after 0 … L blocks, (L+1,); one value if the network has no depths."""

    validation: list[float]  # on held-out training rows
    test: list[float]


class Trained(Struct, frozen=True, kw_only=True):
    """The training of a network on one data set, and the accuracy after it."""

    train_loss: list[float]  # per check: an epoch, or 1 / checks_per_epoch of one
    held_out: list[float]  # accuracy at full depth on the held-out rows, at each check
    accuracy: Accuracy  # after the last check, with the trained head
    # (L+1, 2) over the held-out rows: how many examples each depth loses and gains against full depth
    changes: list[list[int]]


class Probed(Struct, frozen=True, kw_only=True):
    """A linear probe for each depth, on frozen features."""

    accuracy: Accuracy
    penalties: list[float]  # (L+1,) L2, chosen on the held-out rows


class TransferResult(Result, frozen=True, kw_only=True, tag="transfer"):
    """Raw measurements of a transfer. Costs are of the fine-tuned network; seconds are of the whole run."""

    source: Trained  # the network of its last check is transferred
    # utilised depth on held-out source rows; null at chance level, or if the network has no depths
    cut: int | None
    probed: Probed  # on the target, of the network after the source
    finetuned: Trained  # all blocks
    finetuned_cut: Trained | None  # cut to `cut` blocks, then fine-tuned
    source_rows: RowCounts
    target_rows: RowCounts
    source_classes: int
    target_classes: int
    # share of the most frequent class among the held-out rows of the target; null in older records
    held_out_most_frequent: float | None = None


def validate(result: TransferResult, _: TransferSpec) -> None:
    """Raise ValueError if the parts of a result do not fit each other."""
    depths, source, target = len(result.parameters), result.source_rows, result.target_rows
    for side, rows in (("source", source), ("target", target)):
        sizes = (rows.train, rows.validation, rows.test)
        validation.count(f"result.{side}_rows", sizes, 3)
    validation.at_least("result.source_classes", result.source_classes, 1)
    validation.at_least("result.target_classes", result.target_classes, 1)
    validation.most_frequent(
        "result.held_out_most_frequent", result.held_out_most_frequent, result.target_classes
    )
    if result.cut is not None and not 0 <= result.cut < depths:
        raise ValueError(
            f"result.cut is {shorten(result.cut)}, of a network with {depths - 1} blocks"
        )
    if (result.cut is None) != (result.finetuned_cut is None):
        raise ValueError(
            "result.cut and result.finetuned_cut: one of the two is null, the other is not"
        )
    _validate_accuracy("result.probed.accuracy", result.probed.accuracy, depths, target)
    validation.long("result.probed.penalties", result.probed.penalties, depths)
    _validate_trained("result.source", result.source, depths, source)
    _validate_trained("result.finetuned", result.finetuned, depths, target)
    if result.cut is not None and result.finetuned_cut is not None:
        _validate_trained("result.finetuned_cut", result.finetuned_cut, result.cut + 1, target)


def _validate_accuracy(place: str, accuracy: Accuracy, depths: int, rows: RowCounts) -> None:
    validation.shares(f"{place}.validation", accuracy.validation, depths, rows.validation)
    validation.shares(f"{place}.test", accuracy.test, depths, rows.test)


def _validate_trained(place: str, trained: Trained, depths: int, rows: RowCounts) -> None:
    _validate_accuracy(f"{place}.accuracy", trained.accuracy, depths, rows)
    if not trained.held_out:
        raise ValueError(f"{place}.held_out is empty: every epoch ends with a measurement")
    validation.long(f"{place}.train_loss", trained.train_loss, len(trained.held_out))
    validation.shares(f"{place}.held_out", trained.held_out, len(trained.held_out), rows.validation)
    right = [round(share * rows.validation) for share in trained.accuracy.validation]
    validation.changes(f"{place}.changes", trained.changes, right)
