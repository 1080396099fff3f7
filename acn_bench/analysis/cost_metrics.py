"""RunRecord -> what it cost: time, images, parameters, work and memory."""

from collections.abc import Callable

from acn_bench.analysis.depth_metrics import NO_DEPTH, utilised_depth
from acn_bench.analysis.metric import Measure, Metric
from acn_bench.record import Record


def _at_utilised_depth(per_depth: Callable[[Record], list[int]]) -> Measure:
    def measure(record: Record) -> float | None:
        k = utilised_depth(record)
        return None if k is None else float(per_depth(record)[k])

    return measure


def _full(per_depth: Callable[[Record], list[int]]) -> Measure:
    return lambda record: float(per_depth(record)[-1]) if per_depth(record) else None


COST = (
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
        NO_DEPTH,
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
        NO_DEPTH,
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
)
