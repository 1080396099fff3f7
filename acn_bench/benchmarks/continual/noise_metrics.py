"""ContinualRecord -> accuracy and forgetting under noise."""

from acn_bench import metrics
from acn_bench.analysis.metric import Metric
from acn_bench.benchmarks.continual import definitions
from acn_bench.benchmarks.continual.record import ContinualRecord


def noisy_accuracy(record: ContinualRecord) -> float | None:
    """Mean over corruptions and levels of the accuracy at the end of the stream."""
    noise = record.result.noise
    return metrics.mean([metrics.mean(n.accuracy[-1]) for n in noise]) if noise else None


def noise_drop(record: ContinualRecord) -> float | None:
    """Clean less noisy accuracy at the end of the stream."""
    clean, noisy = metrics.average_accuracy(record.result.accuracy), noisy_accuracy(record)
    return None if clean is None or noisy is None else clean - noisy


def noise_kept(record: ContinualRecord) -> float | None:
    """The share of the accuracy above the chance level that noise leaves; None where it is not above it."""
    clean, noisy = metrics.average_accuracy(record.result.accuracy), noisy_accuracy(record)
    chance, count = definitions.chance(record), sum(record.result.test_counts)
    if clean is None or noisy is None or not metrics.above_chance(clean, chance, count):
        return None
    return metrics.share_of(noisy - chance, clean - chance)


def robust_forgetting(record: ContinualRecord) -> float | None:
    """Forgetting of the accuracies under noise, mean over corruptions and levels."""
    noise = record.result.noise
    if not noise or metrics.forgetting(noise[0].accuracy) is None:  # most measure the end alone
        return None
    return metrics.mean([metrics.forgetting(n.accuracy) for n in noise])


def _not_noisy_in_turn(record: ContinualRecord) -> str:
    if not record.result.noise:
        return "no noise was measured"
    if not definitions.learned_in_turn(record):
        return "joint training learns all experiences at once and has only its end"
    return "noise was measured at the end alone (--set noise_after=every: after each experience)"


NOISE: tuple[Metric, ...] = (
    Metric(
        "noise_drop",
        "Accuracy lost to noise",
        "points",
        "lower",
        "accuracy at the end, less the accuracy under noise",
        "levels of the ACN paper, section 5.1 and Table 2",
        noise_drop,
        "no noise was measured",
    ),
    Metric(
        "noisy_accuracy",
        "Accuracy under noise",
        "%",
        "higher",
        "mean over corruptions and levels of the accuracy at the end on corrupted test images; noise on "
        "[0, 1] before normalisation, clipped",
        "levels of the ACN paper, section 5.1 and Table 2",
        noisy_accuracy,
        "no noise was measured",
    ),
    Metric(
        "noise_kept",
        "Accuracy kept under noise",
        "%",
        "higher",
        "(accuracy under noise − g) ÷ (accuracy at the end − g), g: the chance level; no value unless the "
        "accuracy at the end is above g by two standard errors",
        "this project: a share, since an arm with less above the chance level has less to lose; levels of the ACN paper, section 5.1",
        noise_kept,
        "no noise was measured, or the accuracy at the end is not above the chance level",
    ),
    Metric(
        "robust_forgetting",
        "Forgetting under noise",
        "points",
        "lower",
        "mean over corruptions and levels of the forgetting of R[i][j] on corrupted test images: mean over "
        "j < T−1 of R[j][j] − R[T−1][j]",
        "forgetting as above, levels of the ACN paper, section 5.1 and Table 2",
        robust_forgetting,
        _not_noisy_in_turn,
    ),
)
