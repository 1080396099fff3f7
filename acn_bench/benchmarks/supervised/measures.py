"""SupervisedRecord -> accuracies, by depth, under noise and with early exit."""

from collections.abc import Callable, Sequence

from acn_bench import metrics
from acn_bench.analysis.depth_metrics import depth_curve, utilised_depth
from acn_bench.benchmarks.supervised.record import SupervisedRecord
from acn_bench.benchmarks.supervised.result import TOP, ExitCounts, NoiseScores

Levels = Callable[[SupervisedRecord], Sequence[NoiseScores]]


def chance(record: SupervisedRecord) -> float:
    """The accuracy of guessing."""
    return 1 / record.result.classes


def accuracy(record: SupervisedRecord) -> float:
    """Top-1 accuracy on test rows at full depth."""
    return record.result.test.top1[-1] / record.result.rows.test


def top5(record: SupervisedRecord) -> float | None:
    """Top-5 accuracy on test rows at full depth; None for five classes or fewer, of which it says nothing."""
    if record.result.classes <= TOP:
        return None
    return record.result.test.top5[-1] / record.result.rows.test


def noise(name: str) -> Levels:
    """The levels of one noise."""
    return lambda record: [n for n in record.result.noise if n.corruption == name]


def mean(record: SupervisedRecord, levels: Sequence[NoiseScores]) -> float | None:
    """Mean accuracy at full depth over levels of noise; None without levels."""
    return metrics.mean([n.top1[-1] / record.result.rows.test for n in levels])


def at_level(record: SupervisedRecord, name: str, level: float) -> float | None:
    """Accuracy at full depth under one level of noise; None where it was not measured."""
    return mean(record, [n for n in noise(name)(record) if n.level == level])


def kept(record: SupervisedRecord, levels: Sequence[NoiseScores]) -> float | None:
    """The share of the clean accuracy above the chance level that is left; None where there is none above it."""
    clean, left, guess = accuracy(record), mean(record, levels), chance(record)
    if left is None or not metrics.above_chance(clean, guess, record.result.rows.test):
        return None
    return metrics.share_of(left - guess, clean - guess)


def depth_share(record: SupervisedRecord) -> float | None:
    """The utilised depth as a share of the blocks."""
    k, curve = utilised_depth(record), depth_curve(record, "test")
    return None if k is None or curve is None else k / (len(curve) - 1)


def depth_area(record: SupervisedRecord) -> float | None:
    """The mean height of test accuracy over depth, by the trapezoid rule; None where there are no depths."""
    curve = depth_curve(record, "test")
    if curve is None:
        return None
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)


# ---------------------------------------------------------------- early exit


def exit_counts(record: SupervisedRecord) -> ExitCounts | None:
    """Of the first threshold of the card; None where early exit was not measured."""
    exits = record.result.exits
    return exits.counts[0] if exits and exits.counts else None


def exit_accuracy(record: SupervisedRecord) -> float | None:
    """Test accuracy with early exit."""
    counts = exit_counts(record)
    return None if counts is None else sum(counts.correct) / record.result.rows.test


def exit_depth(record: SupervisedRecord) -> float | None:
    """Blocks before the exit at the first threshold, mean over test examples."""
    counts = exit_counts(record)
    return None if counts is None else mean_exit(record, counts)


def mean_exit(record: SupervisedRecord, counts: ExitCounts) -> float:
    """Blocks before the exit, mean over test examples."""
    exits = record.result.exits
    assert exits is not None
    return sum(k * n for k, n in zip(exits.depths, counts.left, strict=True)) / sum(counts.left)


def exit_speed_up(record: SupervisedRecord, counts: ExitCounts) -> float:
    """FLOPs of the whole network without exits ÷ FLOPs with them, mean over test examples."""
    exits = record.result.exits
    assert exits is not None
    used = sum(f * n for f, n in zip(exits.flops, counts.left, strict=True)) / sum(counts.left)
    return record.result.flops[-1] / used


def speed_up(record: SupervisedRecord) -> float | None:
    """FLOPs of full depth ÷ FLOPs of use: with early exit, or, of a network trained without exits, at utilised depth."""
    if record.config.benchmark.scheme != "plain":
        counts = exit_counts(record)
        return None if counts is None else exit_speed_up(record, counts)
    k = utilised_depth(record)
    return None if k is None else record.result.flops[-1] / max(record.result.flops[k], 1)


def images_per_second(record: SupervisedRecord) -> float | None:
    """Of training, its data included."""
    seconds = record.result.seconds.train
    return record.result.images_seen / seconds if seconds > 0 else None
