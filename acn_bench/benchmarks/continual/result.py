"""Raw measurements of a continual run."""

from acn_bench import validation
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.errors import listed
from acn_bench.result import Result
from acn_bench.spec import Struct

Matrix = list[list[float | None]]  # [i][j]: experience j after learning experience i
DepthMatrix = list[list[list[float] | None]]  # [i][j][k]: after 0 … L blocks


class NoiseResult(Struct, frozen=True, kw_only=True):
    """Accuracy on test images that were corrupted at one level."""

    corruption: str
    level: float
    accuracy: Matrix


class Validation(Struct, frozen=True, kw_only=True):
    """The same measurements on the held-out training rows: selection uses these only."""

    accuracy: Matrix
    depth_accuracy: DepthMatrix | None  # null if the network has no depths
    counts: list[int]  # held-out examples of each experience
    # (L+1, 2) at the end of the stream, over all held-out examples: how many examples each depth loses and gains
    # against full depth; null if the network has no depths, and in older records
    changes: list[list[int]] | None = None
    probe_accuracy: list[list[float]] | None = None  # as on test images
    # share of the most frequent class among the examples of each experience; null in older records
    most_frequent: list[float] | None = None


QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)  # of the importances


class StrategyMeasures(Struct, frozen=True, kw_only=True):
    """What a strategy added to the loss, and its state after each training: per experience, in turn; joint has one.

    Each is null where the strategy has nothing of the kind.
    """

    added_loss: list[float] | None = None  # mean over steps; `train_loss` holds it too
    added_varies: list[bool] | None = None  # whether it differed between any two steps
    # (·, 8) of the penalised weights' importances, at `QUANTILES`
    importance: list[list[float]] | None = None
    alike: list[float] | None = None  # share of the importances within 1 % of their median
    memory: list[list[int]] | None = None  # examples in memory, per class by its original id


class StrengthTry(Struct, frozen=True, kw_only=True):
    """One training on an experience, to select the strategy's strength."""

    strength: float  # 0: plain fine-tuning
    accuracy: float  # after it, on the held-out rows of the experience
    images: int  # trained on
    seconds: float


class ContinualResult(Result, frozen=True, kw_only=True, tag="continual"):
    """Raw measurements of a continual run. T experiences, L blocks."""

    classes: list[list[int]]  # original ids, a list per experience
    accuracy: Matrix  # (T, T) on test images
    # (T, T) among the experience's own classes; null for multi-head runs
    masked_accuracy: Matrix | None = None
    initial_accuracy: list[float] | None  # (T,) before training; null for multi-head runs
    depth_accuracy: DepthMatrix | None  # (T, T, L+1); null if the network has no depths
    # (T, L+1) of the final model, by a linear probe for each depth; null without linear_probe
    probe_accuracy: list[list[float]] | None = None
    noise: list[NoiseResult]
    validation: Validation
    test_counts: list[int]  # test examples of each experience
    train_loss: list[list[float]]  # per experience and epoch
    # per experience: the share of the penalised weights whose importance is at the strategy's limit; null where
    # the strategy has no such limit, and in older records
    share_at_limit: list[float] | None = None
    # null for strategies that neither add to the loss nor remember, and in older records
    measures: StrategyMeasures | None = None
    # (T-1, ·) the trainings on each experience after the first, fine-tuning first and the one that counts last; null
    # where no strength was selected. `seconds` and `images_seen` hold them all
    strength_tries: list[list[StrengthTry]] | None = None


def validate(result: ContinualResult, protocol: ContinualSpec) -> None:
    """Raise ValueError if the parts of a result do not fit each other, or the protocol."""
    T, held_out = protocol.experiences, result.validation
    validation.long("result.classes", result.classes, T)
    for j, own in enumerate(result.classes):
        validation.count(f"result.classes[{j}]", own, protocol.classes_per_experience, least=0)
    if len({number for own in result.classes for number in own}) < sum(map(len, result.classes)):
        raise ValueError("result.classes has a class in two places")
    validation.count("result.test_counts", result.test_counts, T)
    validation.count("result.validation.counts", held_out.counts, T)
    validation.matrix("result.accuracy", result.accuracy, T, result.test_counts)
    validation.matrix("result.validation.accuracy", held_out.accuracy, T, held_out.counts)
    if result.masked_accuracy is not None:
        validation.matrix("result.masked_accuracy", result.masked_accuracy, T, result.test_counts)
    if result.initial_accuracy is not None:
        validation.long("result.initial_accuracy", result.initial_accuracy, T)
        for j, value in enumerate(result.initial_accuracy):
            validation.share(f"result.initial_accuracy[{j}]", value, result.test_counts[j])
    if result.share_at_limit is not None:
        validation.shares("result.share_at_limit", result.share_at_limit, T)
    _validate_most_frequent(result)
    _validate_measures(result)
    _validate_tries(result, protocol)
    _validate_noise(result, protocol)
    _validate_depths(result, T)


def _validate_most_frequent(result: ContinualResult) -> None:
    place, shares = "result.validation.most_frequent", result.validation.most_frequent
    if shares is not None:
        validation.long(place, shares, len(result.classes))
        for j, (share, own) in enumerate(zip(shares, result.classes, strict=True)):
            validation.most_frequent(f"{place}[{j}]", share, len(own))


def _validate_measures(result: ContinualResult) -> None:
    """One entry for each training; distributions ascend, shares lie in [0, 1], nothing is remembered below zero."""
    if (measures := result.measures) is None:
        return
    trainings = len(result.train_loss)
    for name in measures.__struct_fields__:
        if (entries := getattr(measures, name)) is not None:
            validation.long(f"result.measures.{name}", entries, trainings)
    for k, values in enumerate(measures.importance or []):
        place = f"result.measures.importance[{k}]"
        validation.long(place, values, len(QUANTILES))
        if values != sorted(values):
            raise ValueError(f"{place} does not ascend: quantiles do")
    if measures.alike is not None:
        validation.shares("result.measures.alike", measures.alike, trainings)
    for k, counts in enumerate(measures.memory or []):
        validation.count(f"result.measures.memory[{k}]", counts, len(counts), least=0)


def _validate_tries(result: ContinualResult, protocol: ContinualSpec) -> None:
    """Tries only where they were asked for: fine-tuning first, then falling strengths."""
    if result.strength_tries is None:
        return
    place = "result.strength_tries"
    if protocol.select == "none":
        raise ValueError(f"{place} are given, and the config has select=none")
    validation.long(place, result.strength_tries, protocol.experiences - 1)
    for k, tries in enumerate(result.strength_tries):
        here, held_out = f"{place}[{k}]", result.validation.counts[k + 1]
        if not 2 <= len(tries) <= protocol.select_tries + 1:
            raise ValueError(
                f"{here} has {len(tries)} entries, not fine-tuning and 1 to {protocol.select_tries} strengths"
            )
        strengths = [t.strength for t in tries]
        if strengths[0] or strengths[1:] != sorted(strengths[1:], reverse=True):
            raise ValueError(f"{here} has the strengths {strengths}: 0 comes first, then they fall")
        for n, one in enumerate(tries):
            validation.share(f"{here}[{n}].accuracy", one.accuracy, held_out)
            validation.at_least(f"{here}[{n}].images", one.images, 0)
            if one.seconds < 0:
                raise ValueError(f"{here}[{n}].seconds is {one.seconds}: it must be at least 0")


def _validate_noise(result: ContinualResult, protocol: ContinualSpec) -> None:
    levels = [(name, level) for name, levels in protocol.noise.items() for level in levels]
    measured = [(noise.corruption, noise.level) for noise in result.noise]
    if measured != list(dict.fromkeys(levels)):
        raise ValueError(
            f"result.noise is of the levels {_levels(measured)}, and the config has {_levels(levels)}"
        )
    for k, noise in enumerate(result.noise):
        validation.matrix(
            f"result.noise[{k}].accuracy",
            noise.accuracy,
            protocol.experiences,
            result.test_counts,
        )


def _levels(pairs: list[tuple[str, float]]) -> str:
    return listed(f"{name} {level:g}" for name, level in pairs) or "no noise"


def _validate_depths(result: ContinualResult, T: int) -> None:
    """Accuracy by depth ends with the accuracy at full depth; probes and changes are of as many depths."""
    depths, held_out = len(result.parameters), result.validation
    for name, split, R, counts in (
        ("result", result, result.accuracy, result.test_counts),
        ("result.validation", held_out, held_out.accuracy, held_out.counts),
    ):
        if split.depth_accuracy is not None:
            place = f"{name}.depth_accuracy"
            validation.curves(place, split.depth_accuracy, R, depths, counts)
        if split.probe_accuracy is not None:
            validation.long(f"{name}.probe_accuracy", split.probe_accuracy, T)
            for j, curve in enumerate(split.probe_accuracy):
                validation.shares(f"{name}.probe_accuracy[{j}]", curve, depths, counts[j])
    if held_out.changes is None:
        return
    if held_out.depth_accuracy is None:
        raise ValueError("result.validation.changes are by depth, and there is no depth_accuracy")
    curves = [curve or [] for curve in held_out.depth_accuracy[-1]]  # a checked row: none is null
    right = [
        sum(round(n * value) for n, value in zip(held_out.counts, at_depth, strict=True))
        for at_depth in zip(*curves, strict=True)
    ]
    validation.changes("result.validation.changes", held_out.changes, right)
