"""TransferRecord of a transfer -> one number: accuracy on source and target, whole, cut and probed."""

from collections.abc import Callable

from acn_bench.analysis.cost_metrics import COST
from acn_bench.analysis.depth_metrics import SUFFICIENT, TRUNCATED, UTILISED
from acn_bench.analysis.metric import Metric
from acn_bench.benchmarks.kind import TableName
from acn_bench.benchmarks.transfer.record import TransferRecord
from acn_bench.benchmarks.transfer.result import Trained

_SECTION = "ACN paper, section 7"
_NO_CUT = "no depth could be chosen: no depths, or not above the chance level on the source"


def reached(record: TransferRecord) -> bool | None:
    """Whether the held-out source accuracy that ends the training was reached; None where none was asked for."""
    wanted = record.config.benchmark.source_accuracy
    return None if wanted is None else record.result.source.held_out[-1] >= wanted


def _chance(record: TransferRecord) -> float:
    return 1 / record.result.target_classes


def _source_chance(record: TransferRecord) -> float:
    return 1 / record.result.source_classes


def _cut(record: TransferRecord) -> Trained | None:
    return record.result.finetuned_cut


def _at_cut(
    curve: Callable[[TransferRecord], list[float]],
) -> Callable[[TransferRecord], float | None]:
    def measure(record: TransferRecord) -> float | None:
        k = record.result.cut
        return None if k is None else curve(record)[k]

    return measure


TRANSFERRED: tuple[Metric, ...] = (
    Metric(
        "finetuned_accuracy",
        "Target accuracy, fine-tuned",
        "%",
        "higher",
        "test accuracy on the target after all weights were trained on it, the whole network",
        f"{_SECTION} and Table 4",
        lambda r: r.result.finetuned.accuracy.test[-1],
        chance=_chance,
    ),
    Metric(
        "finetuned_cut_accuracy",
        "Target accuracy, cut and fine-tuned",
        "%",
        "higher",
        "the same of the source's network cut to the blocks that it uses there, and then fine-tuned",
        f"{_SECTION}; cut as in section 3",
        lambda r: c.accuracy.test[-1] if (c := _cut(r)) else None,
        _NO_CUT,
        _chance,
    ),
    Metric(
        "probe_accuracy",
        "Target accuracy, linear probe",
        "%",
        "higher",
        "test accuracy on the target of a logistic regression on the frozen features at full depth",
        "Kornblith et al. 2019",
        lambda r: r.result.probed.accuracy.test[-1],
        chance=_chance,
    ),
    Metric(
        "probe_cut_accuracy",
        "Target accuracy, probe where it is cut",
        "%",
        "higher",
        "the same on the features after the blocks that it uses on the source",
        "Kornblith et al. 2019; cut as in the ACN paper, section 3",
        _at_cut(lambda r: r.result.probed.accuracy.test),
        _NO_CUT,
        _chance,
    ),
    Metric(
        "cut_depth",
        "Blocks in use on the source",
        "blocks",
        "lower",
        "smallest k with a[k] ≥ a[L] − tolerance (the protocol's; 1 point unless it says otherwise), a = accuracy on held-out source rows; the "
        "depth of the cut network",
        "cut-off layer, ACN paper, appendix E, which states no tolerance",
        lambda r: None if r.result.cut is None else float(r.result.cut),
        _NO_CUT,
    ),
    Metric(
        "source_held_out",
        "Source accuracy, held-out rows",
        "%",
        "higher",
        "accuracy on the held-out source rows of the network that was transferred: what arms are matched by",
        _SECTION,
        lambda r: r.result.source.held_out[-1],
        chance=_source_chance,
    ),
    Metric(
        "source_accuracy",
        "Source accuracy",
        "%",
        "higher",
        "test accuracy on the source of the network that was transferred",
        _SECTION,
        lambda r: r.result.source.accuracy.test[-1],
        chance=_source_chance,
    ),
    Metric(
        "source_epochs",
        "Epochs on the source",
        "epochs",
        "lower",
        "until the arm stopped",
        "measured by the run",
        lambda r: len(r.result.source.held_out) / r.config.benchmark.checks_per_epoch,
    ),
)

# depths and what is cut are of the fine-tuned network
QUALITY = (*TRANSFERRED, UTILISED[0], SUFFICIENT, TRUNCATED)
_BY_NAME = {metric.name: metric for metric in QUALITY}
TABLES: dict[TableName, tuple[Metric, ...]] = {
    "quality": QUALITY,
    "cost": COST,
    "overview": tuple(
        _BY_NAME[n] for n in ("finetuned_accuracy", "finetuned_cut_accuracy", "probe_accuracy")
    ),
    "runs": tuple(
        _BY_NAME[n]
        for n in (
            "finetuned_accuracy",
            "finetuned_cut_accuracy",
            "probe_accuracy",
            "source_accuracy",
            "source_epochs",
            "cut_depth",
        )
    ),
}
