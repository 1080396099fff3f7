"""RobustnessRecord -> accuracy and the other scores, over conditions and by depth."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Literal

from acn_bench import metrics
from acn_bench.analysis.image_outcomes import ByImage, unpacked
from acn_bench.analysis.robustbench import leaderboard
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.result import CorruptedScores, Scores

Score = Literal["accuracy", "nll", "ece", "brier"]
Conditions = Callable[[RobustnessRecord], Sequence[CorruptedScores]]


def chance(record: RobustnessRecord) -> float:
    """The accuracy of guessing."""
    return 1 / record.result.classes


def corrupted(record: RobustnessRecord) -> Sequence[CorruptedScores]:
    """The common corruptions at all severities."""
    return record.result.corruptions


def noise(name: str) -> Conditions:
    """The levels of one noise."""
    return lambda record: [s for s in record.result.noise if s.corruption == name]


def reached(record: RobustnessRecord) -> bool | None:
    """Whether the held-out accuracy that ends the training was reached; None where none was asked for."""
    wanted = record.config.benchmark.match
    return (
        None
        if wanted is None or not record.result.held_out
        else record.result.held_out[-1] >= wanted
    )


def mean(scores: Iterable[Scores], score: Score = "accuracy", depth: int = -1) -> float | None:
    """Mean over conditions of a score after `depth` blocks; None without conditions."""
    return metrics.mean([getattr(s, score)[depth] for s in scores])


def at_level(record: RobustnessRecord, name: str, level: float) -> float | None:
    """Accuracy at full depth under one level of noise; None where it was not measured."""
    return mean([s for s in noise(name)(record) if s.level == level])


def outcomes(scores: Sequence[Scores], images: int) -> list[float] | None:
    """For each image the share of the conditions under which it is correct at full depth, (images,).

    None without conditions, and where a record does not hold them.
    """
    if not scores or not all(s.outcomes for s in scores):
        return None
    columns = zip(*(unpacked(s.outcomes, images) for s in scores), strict=True)
    return [sum(column) / len(scores) for column in columns]


def accuracy_by_image(record: RobustnessRecord, scores: Sequence[Scores]) -> ByImage | None:
    """The mean accuracy over conditions, image by image."""
    shares = outcomes(scores, record.result.rows.test)
    return None if shares is None else ByImage((shares,))


def kept_by_image(record: RobustnessRecord, scores: Sequence[Scores]) -> ByImage | None:
    """What `kept` is made of, image by image."""
    images, g = record.result.rows.test, chance(record)
    clean, left = outcomes([record.result.clean], images), outcomes(scores, images)
    if clean is None or left is None:
        return None
    return ByImage((clean, left), lambda clean, left: (left - g) / (clean - g))


def area_by_image(record: RobustnessRecord, scores: Sequence[CorruptedScores]) -> ByImage | None:
    """The area of each image's own outcomes, whose mean is `area`."""
    images = record.result.rows.test
    conditions = sorted((s for s in scores if s.level > 0), key=lambda s: s.level)
    if not conditions or not all(s.outcomes for s in (record.result.clean, *conditions)):
        return None
    levels = [0.0, *(s.level for s in conditions)]
    curves = zip(
        *(unpacked(s.outcomes, images) for s in (record.result.clean, *conditions)), strict=True
    )
    return ByImage(([_height(levels, curve) for curve in curves],))


def by_depth(scores: Sequence[CorruptedScores]) -> list[float] | None:
    """Mean accuracy over conditions after 0 … L blocks, (L+1,); None without conditions."""
    if not scores:
        return None
    return [sum(column) / len(scores) for column in zip(*(s.accuracy for s in scores), strict=True)]


def kept(
    record: RobustnessRecord, scores: Sequence[CorruptedScores], depth: int = -1
) -> float | None:
    """The share of the clean accuracy above the chance level that is left; None where there is none above it."""
    clean, left = record.result.clean.accuracy[depth], mean(scores, depth=depth)
    if left is None or not metrics.above_chance(clean, chance(record), record.result.rows.test):
        return None
    return metrics.share_of(left - chance(record), clean - chance(record))


def area(record: RobustnessRecord, scores: Sequence[CorruptedScores]) -> float | None:
    """The mean height of accuracy over the level, by the trapezoid rule from clean (level 0) to the highest level."""
    points = sorted({0.0: record.result.clean.accuracy[-1]}.items()) + sorted(
        (s.level, s.accuracy[-1]) for s in scores if s.level > 0
    )
    levels, heights = zip(*points, strict=True)
    return _height(levels, heights) if levels[-1] > 0 else None


def _height(levels: Sequence[float], heights: Sequence[float]) -> float:
    """The mean height over levels from 0 to the last."""
    pairs = pairwise(zip(levels, heights, strict=True))
    return sum((b - a) * (low + high) / 2 for (a, low), (b, high) in pairs) / levels[-1]


def leaderboard_of(record: RobustnessRecord) -> str | None:
    """RobustBench's leaderboard of a record's data and corruptions; None where it has none."""
    data = record.provenance.data.name
    name = {"c": data, "3dcc": f"{data}_3d"}.get(record.config.benchmark.official_set)
    return name if name in leaderboard.LEADERBOARDS else None


# ---------------------------------------------------------------- against AlexNet


def alexnet_mce(record: RobustnessRecord) -> float | None:
    """MCE against AlexNet on official files in full; None on others, and on those without AlexNet."""
    return _against_alexnet(record, leaderboard.mean_corruption_error)


def alexnet_relative_mce(record: RobustnessRecord) -> float | None:
    """Relative mCE against AlexNet, likewise."""
    clean = 1 - record.result.clean.accuracy[-1]
    return _against_alexnet(
        record,
        lambda board, errors: leaderboard.relative_mean_corruption_error(board, errors, clean),
    )


def _against_alexnet(
    record: RobustnessRecord, measure: Callable[[str, dict[str, Sequence[float]]], float]
) -> float | None:
    spec = record.config.benchmark
    board = leaderboard_of(record)
    whole = all(data.canonical for data in record.provenance.datasets)
    if board is None or not (spec.official and whole and spec.severities == leaderboard.SEVERITIES):
        return None
    errors = {c: e for c, e in _errors(record).items() if c in spec.standard_corruptions}
    try:
        return measure(board, errors)
    except (LookupError, ValueError):  # no AlexNet on CIFAR; a corruption that was not measured
        return None


# ---------------------------------------------------------------- against the residual arm


def mean_corruption_error(record: RobustnessRecord, residual: RobustnessRecord) -> float | None:
    """Mean over corruptions of the errors summed over severities, divided by the residual arm's."""
    try:
        return metrics.mean_corruption_error(_errors(record), _errors(residual))
    except ValueError:  # no corruptions, or a residual network without errors
        return None


def relative_mean_corruption_error(
    record: RobustnessRecord, residual: RobustnessRecord
) -> float | None:
    """The same of errors less the clean error of each network."""
    clean, other = (1 - r.result.clean.accuracy[-1] for r in (record, residual))
    try:
        return metrics.relative_mean_corruption_error(
            _errors(record), clean, _errors(residual), other
        )
    except ValueError:
        return None


def _errors(record: RobustnessRecord) -> dict[str, Sequence[float]]:
    errors: dict[str, list[float]] = {}
    for scores in record.result.corruptions:
        errors.setdefault(scores.corruption, []).append(1 - scores.accuracy[-1])
    return dict(errors)
