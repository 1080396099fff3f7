"""Raw measurements of supervised training."""

from typing import Literal

from acn_bench import validation
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.errors import shorten
from acn_bench.result import Result, RowCounts
from acn_bench.spec import Struct

TOP = 5  # classes of top-5 accuracy


class Scores(Struct, frozen=True, kw_only=True):
    """Of the same predictions after 0 … L blocks, each (L+1,); one value if the network has no depths."""

    top1: list[int]  # examples whose label has the largest logit
    top5: list[
        int
    ]  # whose label is among the five largest; all where there are five classes or fewer
    loss: list[float]  # mean cross-entropy, in nats, without label smoothing


class NoiseScores(Scores, frozen=True, kw_only=True):
    """The scores on test images under one level of noise."""

    corruption: str
    level: float


class ExitCounts(Struct, frozen=True, kw_only=True):
    """Where test examples leave at one threshold."""

    threshold: float  # of the entropy, in nats
    left: list[int]  # (E,) examples that leave at each exit
    correct: list[int]  # (E,) of them correct


class Exits(Struct, frozen=True, kw_only=True):
    """Early exit on the test examples; E exits, the last of which is the output."""

    by: Literal["head", "branches"]
    depths: list[int]  # (E,) blocks before each exit
    flops: list[int]  # (E,) of one image that leaves there, the exits before it included
    counts: list[ExitCounts]  # by threshold, in the card's order


class GradientNorms(Struct, frozen=True, kw_only=True):
    """Euclidean norms of the gradient of each block's weights, over one micro-batch, each (L,)."""

    full: list[float]  # |FG|
    direct: list[float]  # |DG|: through the block's own connection to the output
    mediated: list[float]  # |FG − DG|: through later blocks


class CurvePoint(Struct, frozen=True, kw_only=True):
    """Clean examples that are right at full depth, while the network is trained."""

    epoch: int  # from 1; after it
    validation: int
    test: int


class SupervisedResult(Result, frozen=True, kw_only=True, tag="supervised"):
    """The network of the last step, or its moving average: nothing is selected."""

    classes: int
    # numbers of these classes in the data set, in the order of the labels
    class_order: list[int]
    rows: RowCounts
    steps: int  # of the optimizer
    train_loss: list[float]  # mean of each epoch, by the scheme and with mixed and smoothed labels
    weights: Literal["raw", "average"]  # which ones were measured and saved
    validation: Scores  # on clean held-out rows
    # (L+1, 2) over the held-out rows: how many examples each depth loses and gains against full depth
    changes: list[list[int]]
    test: Scores  # on clean test images
    noise: list[NoiseScores]
    exits: Exits | None = None
    skipped: int = 0  # damaged images that were left out
    # share of the most frequent class among the held-out rows; null in older records
    held_out_most_frequent: float | None = None
    gradients: list[GradientNorms] | None = None  # at the end of each epoch, of the first process
    curve: list[CurvePoint] = []  # every `evaluate_every` epochs, and after the last


def validate(result: SupervisedResult, spec: SupervisedSpec) -> None:
    """Raise ValueError if the parts of a result do not fit each other, or its settings."""
    validation.at_least("result.classes", result.classes, 2)
    if spec.classes is not None:
        validation.same("result.classes", result.classes, spec.classes)
    validation.long("result.class_order", result.class_order, result.classes)
    if len(set(result.class_order)) != result.classes:
        raise ValueError("result.class_order names a class twice")
    rows, depths = result.rows, len(result.test.top1)
    validation.count("result.rows", (rows.train, rows.validation, rows.test), 3)
    validation.most_frequent(
        "result.held_out_most_frequent", result.held_out_most_frequent, result.classes
    )
    validation.at_least("result.steps", result.steps, 1)
    validation.at_least("result.skipped", result.skipped, 0)
    validation.long("result.train_loss", result.train_loss, spec.epochs)
    if (result.weights == "average") != (spec.ema_decay is not None):
        raise ValueError("result.weights and benchmark.ema_decay: one of them has no average")
    if depths not in (1, len(result.parameters)):
        raise ValueError(
            f"result.test has {depths} depths, and the network {len(result.parameters)}"
        )
    _scores("test", result.test, depths, rows.test)
    _scores("validation", result.validation, depths, rows.validation)
    validation.changes("result.changes", result.changes, result.validation.top1)
    expected = [(name, level) for name, levels in spec.noise.items() for level in levels]
    if [(n.corruption, n.level) for n in result.noise] != expected:
        raise ValueError("result.noise does not hold the levels of its settings, in order")
    for k, scores in enumerate(result.noise):
        _scores(f"noise[{k}]", scores, depths, rows.test)
    _exits(result, spec)
    _gradients(result, spec)
    _curve(result, spec)


def _gradients(result: SupervisedResult, spec: SupervisedSpec) -> None:
    if (result.gradients is None) == spec.gradients:
        raise ValueError("result.gradients and benchmark.gradients: one is there, the other is not")
    if result.gradients is None:
        return
    validation.long("result.gradients", result.gradients, spec.epochs)
    for k, norms in enumerate(result.gradients):
        for name in norms.__struct_fields__:
            place, values = f"result.gradients[{k}].{name}", getattr(norms, name)
            validation.not_negative(place, values, len(result.test.top1) - 1)


def _curve(result: SupervisedResult, spec: SupervisedSpec) -> None:
    if [point.epoch for point in result.curve] != spec.evaluated_epochs:
        raise ValueError("result.curve does not hold the epochs of its settings, in order")
    rows = result.rows
    if any(not (0 <= p.validation <= rows.validation and 0 <= p.test <= rows.test) for p in result.curve):  # fmt: skip
        raise ValueError("result.curve: of the examples of an epoch, more are right")


def _scores(place: str, scores: Scores, depths: int, examples: int) -> None:
    for name in ("top1", "top5"):
        validation.long(f"result.{place}.{name}", getattr(scores, name), depths)
    validation.not_negative(f"result.{place}.loss", scores.loss, depths)
    for k, (one, five) in enumerate(zip(scores.top1, scores.top5, strict=True)):
        if not 0 <= one <= five <= examples:
            raise ValueError(
                f"result.{place}: after {k} blocks {shorten(one)} and {shorten(five)} of {examples:,} examples are "
                "top-1 and top-5"
            )


def _exits(result: SupervisedResult, spec: SupervisedSpec) -> None:
    exits = result.exits
    if exits is None:
        if spec.exit_thresholds and len(result.test.top1) > 1:
            raise ValueError("result.exits is null, and the settings have exit_thresholds")
        return
    if [c.threshold for c in exits.counts] != list(spec.exit_thresholds):
        raise ValueError("result.exits does not hold the thresholds of its settings, in order")
    if exits.depths != sorted(set(exits.depths)) or exits.depths[-1:] != [
        len(result.test.top1) - 1
    ]:
        raise ValueError("result.exits.depths must ascend to the network's depth")
    validation.count("result.exits.flops", exits.flops, len(exits.depths))
    for k, counts in enumerate(exits.counts):
        place = f"result.exits.counts[{k}]"
        validation.long(f"{place}.left", counts.left, len(exits.depths))
        validation.long(f"{place}.correct", counts.correct, len(exits.depths))
        if any(not 0 <= c <= n for n, c in zip(counts.left, counts.correct, strict=True)):
            raise ValueError(f"{place}: of the examples that leave at an exit, more are correct")
        if sum(counts.left) != result.rows.test:
            raise ValueError(
                f"{place}.left is of {sum(counts.left):,} examples, and {result.rows.test:,} were tested"
            )
