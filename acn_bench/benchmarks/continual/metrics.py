"""Every metric of a continual run, by table.

Notation in the definitions: T experiences, L blocks, R[i][j] the test accuracy on experience j after learning
experience i, a[k] an accuracy with the head after k blocks.
"""

from typing import Literal

from acn_bench import metrics
from acn_bench.analysis.cost_metrics import COST
from acn_bench.analysis.depth_metrics import (
    SUFFICIENT,
    TOLERANCE,
    TRUNCATED,
    UTILISED,
    utilised_depth,
)
from acn_bench.analysis.final_model import final_model, over_experiences
from acn_bench.analysis.metric import Metric
from acn_bench.benchmarks.continual import definitions
from acn_bench.benchmarks.continual.definitions import DEFINITIONS
from acn_bench.benchmarks.continual.noise_metrics import NOISE
from acn_bench.benchmarks.continual.record import ContinualRecord
from acn_bench.benchmarks.kind import TableName


def depth_curve_after(
    record: ContinualRecord, split: Literal["test", "validation"], after: int
) -> list[float] | None:
    """(L+1,) accuracy of the model after experience `after`, over the experiences learned by then."""
    result = record.result
    return over_experiences(
        result.depth_accuracy if split == "test" else result.validation.depth_accuracy, after
    )


def forgetting_by_depth(record: ContinualRecord) -> list[float | None] | None:
    """(L+1,) forgetting, first less last, with the head after 0 … L blocks; None where nothing was cut."""
    matrix = record.result.depth_accuracy
    if matrix is None or not definitions.learned_in_turn(record):
        return None
    return metrics.forgetting_by_depth(matrix)


def truncated_forgetting(record: ContinualRecord) -> float | None:
    """Forgetting of the network cut, after each experience, to the utilised depth of the final one."""
    k, matrix = utilised_depth(record), record.result.depth_accuracy
    if k is None or matrix is None or not definitions.learned_in_turn(record):
        return None
    return metrics.forgetting([[None if c is None else c[k] for c in row] for row in matrix])


def masked_chance(record: ContinualRecord) -> float | None:
    """The chance level among an experience's own classes; None where a run is task-incremental: it is `chance`."""
    sizes = [len(classes) for classes in record.result.classes]
    if record.config.benchmark.heads == "each":
        return None
    return sum(1 / size for size in sizes) / len(sizes)


def masked_accuracy(record: ContinualRecord) -> float | None:
    """Accuracy at the end of a class-incremental stream, each experience among its own classes alone."""
    R = record.result.masked_accuracy
    return None if R is None else metrics.average_accuracy(R)


def probe_curve(
    record: ContinualRecord, split: Literal["test", "validation"] = "test"
) -> list[float] | None:
    """(L+1,) accuracy of linear probes of the final model, mean over experiences; None where there were none."""
    result = record.result
    curves = result.probe_accuracy if split == "test" else result.validation.probe_accuracy
    return over_experiences([list(curves)]) if curves else None


def probed_depth(record: ContinualRecord) -> int | None:
    """The utilised depth of linear probes: chosen on held-out rows; None where they are not above chance."""
    model, curve = final_model(record), probe_curve(record, "validation")
    if curve is None or not metrics.above_chance(curve[-1], model.held_out_chance, model.held_out):
        return None
    return metrics.utilised_depth(curve, TOLERANCE)


MASKED = Metric(
    "masked_accuracy",
    "Masked accuracy at the end",
    "%",
    "higher",
    "class-incremental training, masked to the experience: mean over j of the accuracy on experience j at "
    "the end when only its own classes may be predicted; it is not task-incremental training",
    "van de Ven et al. 2022 define the scenarios",
    masked_accuracy,
    "task-incremental runs predict nothing else",
    chance=masked_chance,
    printed_by="mammoth ([Task-IL]), FACIL (TAw Acc, Avg. of the last row)",
)
PROBED = Metric(
    "probed_depth",
    "Utilised depth by linear probe",
    "blocks",
    "lower",
    "as utilised depth, with a[k] the held-out accuracy of a linear classifier of its own for depth k, fitted on "
    "the frozen features of the training rows",
    "Alain & Bengio 2017; the ACN paper applies the one head at every depth",
    probed_depth,
    "no linear probe was asked for (linear_probe), or it is not above chance at full depth",
)
TRUNCATED_FORGETTING = Metric(
    "truncated_forgetting",
    "Forgetting cut to utilised depth",
    "points",
    "lower",
    "forgetting with the head after the utilised depth of the final model throughout: mean over "
    "j < T−1 of a[j][j] − a[T−1][j] there",
    "forgetting as above",
    truncated_forgetting,
    "utilised depth has no value, or joint training has only its end",
)

_BY_NAME = {metric.name: metric for metric in (*DEFINITIONS, *NOISE, *UTILISED, *COST)}
QUALITY = (
    *(
        _BY_NAME[n]
        for n in ("forgetting", "relative_forgetting", "average_accuracy", "learning_accuracy")
    ),
    MASKED,
    _BY_NAME["forward_transfer"],
    *NOISE,
    *UTILISED,
    SUFFICIENT,
    PROBED,
    TRUNCATED,
    TRUNCATED_FORGETTING,
)
TABLES: dict[TableName, tuple[Metric, ...]] = {
    "quality": QUALITY,
    "cost": COST,
    "definitions": DEFINITIONS,
    "overview": (_BY_NAME["average_accuracy"], MASKED, _BY_NAME["forgetting"]),
    "runs": tuple(
        _BY_NAME[n]
        for n in ("forgetting", "average_accuracy", "noise_kept", "utilised_depth", "seconds")
    ),
}
