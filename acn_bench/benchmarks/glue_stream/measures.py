"""GlueStreamRecord -> the accuracy, forgetting and utilised depth of one task."""

from statistics import fmean

from acn_bench import metrics
from acn_bench.analysis.depth_metrics import TOLERANCE
from acn_bench.benchmarks.glue_stream.record import GlueStreamRecord
from acn_bench.benchmarks.glue_stream.spec import CLASSES


def chance(record: GlueStreamRecord) -> float:
    """The accuracy of the most frequent class, mean over tasks."""
    return fmean(record.result.most_frequent)


def held_out_shares(record: GlueStreamRecord) -> list[float]:
    """The share of the most frequent class among the held-out texts of each task; of the test texts in older records."""
    measured = record.result.validation.most_frequent
    if measured is None:
        return record.result.most_frequent
    return [measured[experience(record, task)] for task in range(len(measured))]


def experience(record: GlueStreamRecord, task: int) -> int:
    """When a task of `tasks` arrived."""
    return [own[0] // CLASSES for own in record.result.classes].index(task)


def learned(record: GlueStreamRecord, task: int) -> float | None:
    """Test accuracy of a task just after it was learned."""
    e = experience(record, task)
    return record.result.accuracy[e][e]


def final(record: GlueStreamRecord, task: int) -> float | None:
    """Test accuracy of a task after the last one."""
    return record.result.accuracy[-1][experience(record, task)]


def forgotten(record: GlueStreamRecord, task: int) -> float | None:
    """The accuracy that a task lost since it was learned; None for the last one, and where it was not measured."""
    before, after = learned(record, task), final(record, task)
    last = experience(record, task) == len(record.result.classes) - 1
    return None if last or before is None or after is None else before - after


def utilised_depth(record: GlueStreamRecord, task: int, *, at_end: bool) -> int | None:
    """Blocks that a task uses just after it was learned or at the end, chosen on its held-out texts.

    None where even full depth is not above its most frequent class.
    """
    held, e = record.result.validation, experience(record, task)
    row = len(record.result.classes) - 1 if at_end else e
    curve = None if held.depth_accuracy is None else held.depth_accuracy[row][e]
    if curve is None:
        return None
    level = held_out_shares(record)[task]
    above = metrics.above_chance(curve[-1], level, held.counts[e])
    return metrics.utilised_depth(curve, TOLERANCE) if above else None
