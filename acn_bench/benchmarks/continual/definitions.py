"""ContinualRecord -> accuracy, forgetting, transfer and intransigence, by every definition that is in use.

All are computed from one matrix: R[i][j], the test accuracy on experience j after learning experience i of T.
`printed_by` lists the names by which Avalanche, mammoth, PyCIL and FACIL print the same number.
"""

from itertools import chain
from typing import Literal

from acn_bench import metrics
from acn_bench.analysis.metric import Metric
from acn_bench.benchmarks.continual.record import ContinualRecord

_NONE = "none of Avalanche, mammoth, PyCIL and FACIL"
_JOINT = "joint training learns all experiences at once and has only its end"
_ONE = "there is one experience"


# ---------------------------------------------------------------- why there is no value


def _not_in_turn(record: ContinualRecord) -> str:
    return _ONE if len(record.result.accuracy) == 1 else _JOINT


def _no_forward_transfer(record: ContinualRecord) -> str:
    if record.config.benchmark.heads == "each":
        return (
            "each experience has a head of its own, and that of one yet to be learned is untrained"
        )
    if learned_in_turn(record):
        return "before its first training the strategy has nothing to predict with"
    return _not_in_turn(record)


def _no_joint(record: ContinualRecord) -> str:
    if record.config.strategy and record.config.strategy.at_once:
        return "this is joint training"
    return "joint training was not run with the same network, seeds and settings"


# ---------------------------------------------------------------- the matrix and its chance level


def chance(record: ContinualRecord) -> float:
    """The chance level of an accuracy: task-incremental among an experience's classes, else among all."""
    sizes = [len(classes) for classes in record.result.classes]
    if record.config.benchmark.heads == "each":
        return sum(1 / size for size in sizes) / len(sizes)
    return 1 / sum(sizes)


def held_out_chance(record: ContinualRecord) -> float:
    """The accuracy on held-out rows of a network that answers one class alone, the most frequent one; at least `chance`."""
    shares = record.result.validation.most_frequent
    if shares is None:
        return chance(record)
    if record.config.benchmark.heads == "each":
        return sum(shares) / len(shares)
    return max(shares) / len(shares)


def learned_in_turn(record: ContinualRecord) -> bool:
    """Whether the accuracy was measured more than once along the stream; joint training has one row."""
    return sum(row.count(None) < len(row) for row in record.result.accuracy) > 1


def highest_accuracy(record: ContinualRecord) -> float:
    """The highest accuracy of the matrix: the top of a scale that figures share."""
    return max(filter(None, chain.from_iterable(record.result.accuracy)), default=0.0)


def forgetting(
    record: ContinualRecord, kind: Literal["first_last", "chaudhry", "max"] = "first_last"
) -> float | None:
    """Mean over all experiences but the last; None for joint, which has one row."""
    return metrics.forgetting(record.result.accuracy, kind)


def _intransigence(
    kind: Literal["last", "mean"], record: ContinualRecord, joint: ContinualRecord
) -> float | None:
    return metrics.intransigence(record.result.accuracy, joint.result.accuracy[-1], kind)


_ACCURACY = [
    Metric(
        "average_accuracy",
        "Accuracy at the end",
        "%",
        "higher",
        "mean over j of R[T−1][j]",
        "Lopez-Paz & Ranzato 2017 (GEM)",
        lambda r: metrics.average_accuracy(r.result.accuracy),
        chance=chance,
        printed_by="mammoth (Accuracy for T tasks), FACIL (Avg. of the last row)",
    ),
    Metric(
        "stream_accuracy",
        "Stream accuracy",
        "%",
        "higher",
        "share of test examples of all experiences that are right at the end: accuracy at the end where "
        "experiences have as many each",
        "a count",
        lambda r: metrics.stream_accuracy(r.result.accuracy, r.result.test_counts),
        chance=chance,
        printed_by="Avalanche (Top1_Acc_Stream), PyCIL (end of its top1 curve)",
    ),
    Metric(
        "learning_accuracy",
        "Accuracy just after learning",
        "%",
        "higher",
        "mean over j of R[j][j]",
        "Riemer et al. 2019 (MER)",
        lambda r: metrics.learning_accuracy(r.result.accuracy),
        _not_in_turn,
        chance,
        _NONE,
    ),
    Metric(
        "average_incremental_accuracy",
        "Average incremental accuracy",
        "%",
        "higher",
        "mean over i of the mean over j ≤ i of R[i][j]",
        "Rebuffi et al. 2017 (iCaRL)",
        lambda r: metrics.average_incremental_accuracy(r.result.accuracy),
        _not_in_turn,
        chance,
        "PyCIL (Average Accuracy, over examples in place of experiences)",
    ),
    Metric(
        "anytime_accuracy",
        "Anytime accuracy",
        "%",
        "higher",
        "mean of every R[i][j] with j ≤ i, each once",
        "Díaz-Rodríguez et al. 2018 (A); the average anytime accuracy of Caccia et al. 2022, taken after each "
        "experience, is the average incremental accuracy",
        lambda r: metrics.anytime_accuracy(r.result.accuracy),
        _not_in_turn,
        chance,
        _NONE,
    ),
]
_FORGETTING = [
    Metric(
        "forgetting",
        "Forgetting",
        "points",
        "lower",
        "mean over j < T−1 of R[j][j] − R[T−1][j]",
        "“first − last”: ACN paper, section 6",
        forgetting,
        _not_in_turn,
        printed_by="Avalanche (StreamForgetting)",
    ),
    Metric(
        "relative_forgetting",
        "Forgetting, of what was learned",
        "%",
        "lower",
        "forgetting, first − last, divided by the mean over j < T−1 of R[j][j] − g, g: the chance level",
        "this project: an arm that learns less has less to forget, and this takes that out",
        lambda r: metrics.relative_forgetting(r.result.accuracy, chance(r)),
        _not_in_turn,
        printed_by=_NONE,
    ),
    Metric(
        "forgetting_chaudhry",
        "Forgetting from the best before the end",
        "points",
        "lower",
        "mean over j < T−1 of max(R[j][j], …, R[T−2][j]) − R[T−1][j]",
        "Chaudhry et al. 2018 (RWalk), equation 3",
        lambda r: forgetting(r, "chaudhry"),
        _not_in_turn,
        printed_by="FACIL (forg, Avg. of the last row)",
    ),
    Metric(
        "forgetting_max",
        "Forgetting from the best of all",
        "points",
        "lower",
        "mean over j < T−1 of max(R[j][j], …, R[T−1][j]) − R[T−1][j], never below 0",
        "as mammoth and PyCIL compute it",
        lambda r: forgetting(r, "max"),
        _not_in_turn,
        printed_by="mammoth (forgetting), PyCIL (Forgetting)",
    ),
    Metric(
        "backward_transfer",
        "Backward transfer",
        "points",
        "higher",
        "mean over j < T−1 of R[T−1][j] − R[j][j]: minus forgetting",
        "Lopez-Paz & Ranzato 2017 (GEM)",
        lambda r: metrics.backward_transfer(r.result.accuracy),
        _not_in_turn,
        printed_by="Avalanche (StreamBWT), mammoth (bwt)",
    ),
    Metric(
        "backward_transfer_every_row",
        "Backward transfer, every row",
        "points",
        "higher",
        "mean over every j < i of R[i][j] − R[j][j]",
        "Díaz-Rodríguez et al. 2018",
        lambda r: metrics.backward_transfer(r.result.accuracy, "diaz_rodriguez"),
        _not_in_turn,
        printed_by=_NONE,
    ),
]
_TRANSFER = [
    Metric(
        "forward_transfer",
        "Forward transfer",
        "points",
        "higher",
        "mean over j ≥ 1 of R[j−1][j] − b[j], b: before any training",
        "Lopez-Paz & Ranzato 2017 (GEM)",
        lambda r: metrics.forward_transfer(r.result.accuracy, r.result.initial_accuracy),
        _no_forward_transfer,
        printed_by="Avalanche (StreamForwardTransfer), mammoth (fwt)",
    ),
    Metric(
        "forward_transfer_no_initial",
        "Forward transfer, nothing taken off",
        "%",
        "higher",
        "mean over j ≥ 1 of R[j−1][j]",
        "as Lopez-Paz & Ranzato 2017, without b",
        lambda r: metrics.forward_transfer(r.result.accuracy, kind="no_initial"),
        _no_forward_transfer,
        printed_by=_NONE,
    ),
    Metric(
        "forward_transfer_every_row",
        "Forward transfer, every row",
        "%",
        "higher",
        "mean over every i < j of R[i][j]",
        "Díaz-Rodríguez et al. 2018",
        lambda r: metrics.forward_transfer(r.result.accuracy, kind="diaz_rodriguez"),
        _no_forward_transfer,
        printed_by=_NONE,
    ),
    Metric(
        "intransigence",
        "Intransigence",
        "points",
        "lower",
        "J[T−1] − R[T−1][T−1], J: joint training on all experiences, of the same wiring and seeds",
        "Chaudhry et al. 2018 (RWalk), section 3, after the last experience",
        lambda _: None,
        _no_joint,
        printed_by=_NONE,
        against=lambda r, joint: _intransigence("last", r, joint),
    ),
    Metric(
        "intransigence_mean",
        "Intransigence, mean",
        "points",
        "lower",
        "mean over j of J[j] − R[j][j]; the publication would train a joint network for each j",
        "after Chaudhry et al. 2018 (RWalk), section 3",
        lambda _: None,
        _no_joint,
        printed_by=_NONE,
        against=lambda r, joint: _intransigence("mean", r, joint),
    ),
]

DEFINITIONS: tuple[Metric, ...] = (*_ACCURACY, *_FORGETTING, *_TRANSFER)
