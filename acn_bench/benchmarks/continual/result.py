"""Raw measurements of a continual run."""

from acn_bench import validation
from acn_bench.benchmarks.continual.spec import ContinualSpec
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


def validate(result: ContinualResult, protocol: ContinualSpec) -> None:
    """Raise ValueError if the parts of a result do not fit each other, or the protocol."""
    T = protocol.experiences
    held_out, depths = result.validation, len(result.parameters)
    validation.long("result.classes", result.classes, T)
    validation.count("result.test_counts", result.test_counts, T)
    validation.count("result.validation.counts", held_out.counts, T)
    validation.matrix("result.accuracy", result.accuracy, T)
    validation.matrix("result.validation.accuracy", held_out.accuracy, T)
    for k, noise in enumerate(result.noise):
        validation.matrix(f"result.noise[{k}].accuracy", noise.accuracy, T)
    if result.masked_accuracy is not None:
        validation.matrix("result.masked_accuracy", result.masked_accuracy, T)
    if result.initial_accuracy is not None:
        validation.long("result.initial_accuracy", result.initial_accuracy, T)
    for name, curves, R in (
        ("result", result.depth_accuracy, result.accuracy),
        ("result.validation", held_out.depth_accuracy, held_out.accuracy),
    ):
        if curves is not None:
            validation.curves(f"{name}.depth_accuracy", curves, R, depths)
    if result.share_at_limit is not None:
        validation.shares("result.share_at_limit", result.share_at_limit, T)
    if held_out.changes is not None:
        validation.long("result.validation.changes", held_out.changes, depths)
