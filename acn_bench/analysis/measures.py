"""RunRecord -> one number: every metric that a report shows, with its definition and its source.

Notation in the definitions: T experiences, L blocks, R[i][j] the test accuracy on experience j
after learning experience i, a[k] an accuracy with the head reading after k blocks.
"""

from collections.abc import Callable
from typing import Literal

from acn_bench import metrics
from acn_bench.analysis import noninferiority
from acn_bench.analysis.final_model import final, over_experiences
from acn_bench.analysis.metric import Measure, Metric
from acn_bench.benchmarks.continual import definitions
from acn_bench.benchmarks.continual.definitions import LEDGER
from acn_bench.benchmarks.continual.noise_metrics import NOISE
from acn_bench.benchmarks.transfer.metrics import TRANSFERRED
from acn_bench.records import ContinualResult, RunRecord

TOLERANCE = 0.01  # of utilised depth, in shares: one point
TOLERANCES = (0.005, TOLERANCE, 0.02)  # told together


def depth_curve(
    record: RunRecord, split: Literal["test", "validation"], after: int = -1
) -> list[float] | None:
    """(L+1,) accuracy of the final model after 0 … L blocks, mean over experiences where there are several.

    Of a continual run also that of the model after experience `after`, over the experiences learned by then.
    """
    if after < 0:
        model = final(record)
        return model.test if split == "test" else model.validation
    result = record.continual
    return over_experiences(
        result.depth_accuracy if split == "test" else result.validation.depth_accuracy, after
    )


def forgetting_by_depth(record: RunRecord) -> list[float | None] | None:
    """(L+1,) forgetting, first less last, with the head reading after 0 … L blocks; None where nothing was cut."""
    matrix = record.continual.depth_accuracy
    if matrix is None or not definitions.learned_in_turn(record):
        return None
    return metrics.forgetting_by_depth(matrix)


def truncated_forgetting(record: RunRecord) -> float | None:
    """Forgetting of the network cut, after each experience, to the utilised depth of the final one."""
    k, by_depth = utilised_depth(record), forgetting_by_depth(record)
    return None if k is None or by_depth is None else by_depth[k]


def masked_chance(record: RunRecord) -> float | None:
    """The accuracy of guessing among an experience's own classes; None with a head each, where it is `chance`."""
    sizes = [len(classes) for classes in record.continual.classes]
    if record.config.continual.heads == "each":
        return None
    return sum(1 / size for size in sizes) / len(sizes)


def masked_accuracy(record: RunRecord) -> float | None:
    """At the end of a class-incremental stream, each experience among its own classes alone."""
    R = record.continual.masked_accuracy
    return None if R is None else metrics.average_accuracy(R)


def utilised_depth(record: RunRecord, tolerance: float = TOLERANCE) -> int | None:
    """Blocks in use, chosen on held-out rows; None where even full depth is not above chance."""
    curve = _telling_curve(record)
    return None if curve is None else metrics.utilised_depth(curve, tolerance)


def _telling_curve(record: RunRecord) -> list[float] | None:
    """The held-out depth curve, where its end is above chance by two standard errors."""
    model = final(record)
    curve = model.validation
    telling = curve is not None and metrics.above_chance(curve[-1], model.chance, model.held_out)
    return curve if telling else None


def probe_curve(
    record: RunRecord, split: Literal["test", "validation"] = "test"
) -> list[float] | None:
    """(L+1,) accuracy of linear probes of the final model, mean over experiences; None where there were none."""
    result = record.result
    if not isinstance(result, ContinualResult):
        return None
    curves = result.probe_accuracy if split == "test" else result.validation.probe_accuracy
    return over_experiences([list(curves)]) if curves else None


def probed_depth(record: RunRecord) -> int | None:
    """Blocks after which a linear probe reads all that it reads at the end, chosen on held-out rows."""
    model, curve = final(record), probe_curve(record, "validation")
    if curve is None or not metrics.above_chance(curve[-1], model.chance, model.held_out):
        return None
    return metrics.utilised_depth(curve, TOLERANCE)


def sufficient_depth(record: RunRecord, epsilon: float = TOLERANCE) -> int | None:
    """Blocks of which held-out rows show that they are enough; None where they could not have shown it."""
    changes, count = final(record).changes, final(record).held_out
    if changes is None or _telling_curve(record) is None:
        return None
    if not noninferiority.shown(0, 0, count, epsilon):  # too few, even if no example changed
        return None
    return metrics.sufficient_depth_of_changes(changes, count, epsilon)


def truncated_accuracy(record: RunRecord) -> float | None:
    """Test accuracy of the final model cut to its utilised depth."""
    k, curve = utilised_depth(record), depth_curve(record, "test")
    return None if k is None or curve is None else curve[k]


def _at_utilised_depth(per_depth: Callable[[RunRecord], list[int]]) -> Measure:
    def measure(record: RunRecord) -> float | None:
        k = utilised_depth(record)
        return None if k is None else float(per_depth(record)[k])

    return measure


def _full(per_depth: Callable[[RunRecord], list[int]]) -> Measure:
    return lambda record: float(per_depth(record)[-1]) if per_depth(record) else None


def _utilised(title: str, tolerance: float, name: str) -> Metric:
    whole = (
        "smallest k with a[k] ≥ a[L] − 1 point, a = held-out accuracy of the final model, mean over "
        "experiences (one on a transfer's target); no value unless a[L] is above chance by two standard errors"
    )
    other = f"as utilised depth, with {100 * tolerance:g} points in place of 1"
    return Metric(
        name,
        title,
        "blocks",
        "lower",
        whole if tolerance == TOLERANCE else other,
        "cut-off layer, ACN paper, appendix E, which states no tolerance"
        if tolerance == TOLERANCE
        else "as utilised depth",
        lambda record: utilised_depth(record, tolerance),
        "accuracy at full depth is not above chance, or there is no depth curve",
    )


_NO_DEPTH = "utilised depth has no value"
_ALL = [
    LEDGER["forgetting"],
    LEDGER["relative_forgetting"],
    LEDGER["average_accuracy"],
    LEDGER["learning_accuracy"],
    Metric(
        "masked_accuracy",
        "Masked accuracy at the end",
        "%",
        "higher",
        "class-incremental training, masked to the experience: mean over j of the accuracy on experience j at "
        "the end when only its own classes may be said; it is not task-incremental training",
        "van de Ven et al. 2022 tell the scenarios apart",
        masked_accuracy,
        "with a head each nothing else can be said",
        chance=masked_chance,
        printed_by="mammoth ([Task-IL]), FACIL (TAw Acc, Avg. of the last row)",
    ),
    LEDGER["forward_transfer"],
    *NOISE,
    _utilised("Utilised depth", TOLERANCE, "utilised_depth"),
    _utilised("Utilised depth at 0.5 points", TOLERANCES[0], "utilised_depth_half"),
    _utilised("Utilised depth at 2 points", TOLERANCES[-1], "utilised_depth_two"),
    Metric(
        "sufficient_depth",
        "Utilised depth by test",
        "blocks",
        "lower",
        "smallest k such that the final model cut to k or more blocks is shown to lose less than 1 point "
        "against L blocks: one-sided score test of paired held-out examples at 95 %, from L−1 downwards until "
        "one fails",
        "Tango 1998; fixed sequence: Maurer, Hothorn & Lehmacher 1995",
        sufficient_depth,
        "accuracy at full depth is not above chance, held-out examples are too few (360 or fewer) or were not "
        "compared, or there is no depth curve",
    ),
    Metric(
        "probed_depth",
        "Utilised depth by linear probe",
        "blocks",
        "lower",
        "as utilised depth, with a[k] the held-out accuracy of a linear classifier of its own for depth k, fitted on "
        "the frozen features of the training rows",
        "Alain & Bengio 2017; the ACN paper reads every depth by the one head",
        probed_depth,
        "no linear probe was asked for (linear_probe), or it is not above chance at full depth",
    ),
    Metric(
        "truncated_accuracy",
        "Accuracy cut to utilised depth",
        "%",
        "higher",
        "test accuracy of the final model with the head reading after the utilised depth, mean over experiences",
        "ACN paper, section 3",
        truncated_accuracy,
        _NO_DEPTH,
    ),
    Metric(
        "truncated_forgetting",
        "Forgetting cut to utilised depth",
        "points",
        "lower",
        "forgetting with the head reading after the utilised depth of the final model throughout: mean over "
        "j < T−1 of a[j][j] − a[T−1][j] there",
        "forgetting as above",
        truncated_forgetting,
        "utilised depth has no value, or joint training has only its end",
    ),
    Metric(
        "seconds",
        "Training time",
        "s",
        "lower",
        "wall-clock seconds in training, all experiences",
        "measured by the run",
        lambda r: r.result.seconds.train,
    ),
    Metric(
        "evaluate_seconds",
        "Evaluation time",
        "s",
        "lower",
        "wall-clock seconds in evaluation: every depth, held-out rows and noise included",
        "measured by the run",
        lambda r: r.result.seconds.evaluate,
    ),
    Metric(
        "images_seen",
        "Images seen",
        "images",
        "lower",
        "training images in all steps, replayed ones included",
        "measured by the run",
        lambda r: float(r.result.images_seen),
    ),
    Metric(
        "parameters",
        "Parameters",
        "M",
        "lower",
        "of the whole network, all heads included",
        "counted",
        _full(lambda r: r.result.parameters),
    ),
    Metric(
        "parameters_utilised",
        "Parameters at utilised depth",
        "M",
        "lower",
        "of the network cut to its utilised depth, all heads included",
        "counted",
        _at_utilised_depth(lambda r: r.result.parameters),
        _NO_DEPTH,
    ),
    Metric(
        "flops",
        "Work per image",
        "GFLOPs",
        "lower",
        "one image forward, 2 FLOPs per multiply-add",
        "counted",
        _full(lambda r: r.result.flops),
    ),
    Metric(
        "flops_utilised",
        "Work per image at utilised depth",
        "GFLOPs",
        "lower",
        "the same, of the network cut to its utilised depth",
        "counted",
        _at_utilised_depth(lambda r: r.result.flops),
        _NO_DEPTH,
    ),
    Metric(
        "peak_memory",
        "Peak memory",
        "MiB",
        "lower",
        "of the process on a CPU, of the allocator on a GPU",
        "measured by the run",
        lambda r: float(r.result.peak_memory),
    ),
]

_COSTS_FROM = [metric.name for metric in _ALL].index("seconds")
QUALITY = tuple(metric.name for metric in _ALL[:_COSTS_FROM])  # the table of AC beside residual
COST = tuple(metric.name for metric in _ALL[_COSTS_FROM:])  # the table of costs

# of a transfer: depths and what is cut are of the fine-tuned network there
QUALITY_TRANSFER = (
    *(metric.name for metric in TRANSFERRED),
    *("utilised_depth", "sufficient_depth", "truncated_accuracy"),
)

METRICS: dict[str, Metric] = (
    {metric.name: metric for metric in _ALL}
    | LEDGER
    | {metric.name: metric for metric in TRANSFERRED}
)


def inventory() -> dict[str, str]:
    """Name -> title, definition, source and who prints it: the metrics that a claim can be about."""
    return {m.name: f"{m.title}: {m.definition} ({m.origin})" for m in METRICS.values()}
