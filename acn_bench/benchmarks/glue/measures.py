"""GlueRecord -> scores of its development sets, and the curves that utilised depth is chosen by."""

from collections.abc import Callable

from acn_bench import metrics
from acn_bench.benchmarks.glue.record import GlueRecord
from acn_bench.benchmarks.glue.result import Scored
from acn_bench.data.glue.tasks import GlueTask


def task(record: GlueRecord) -> GlueTask:
    """The task of a record."""
    return record.config.benchmark.facts


def official(of: Scored, facts: GlueTask) -> list[float]:
    """The mean of the official scores of a task by depth, (L+1,)."""
    curves = [of.scores[name] for name in facts.scores]
    return [sum(values) / len(values) for values in zip(*curves, strict=True)]


def score(record: GlueRecord) -> list[float]:
    """GLUE's score by depth: the mean over official scores and development sets, (L+1,)."""
    curves = [official(s, task(record)) for s in record.result.tests.values()]
    return [sum(values) / len(values) for values in zip(*curves, strict=True)]


def curve(of: Scored, facts: GlueTask) -> list[float]:
    """What utilised depth is chosen by: accuracy, or the mean correlation of a regression, (L+1,)."""
    return official(of, facts) if facts.is_regression else of.scores["accuracy"]


def chance(record: GlueRecord) -> float:
    """The accuracy of answering the most frequent class of the first development set; 0 for a correlation."""
    return most_frequent(next(iter(record.result.tests.values())))


def most_frequent(of: Scored) -> float:
    """The share of the most frequent class in a set of rows; 0 for a regression."""
    return max(map(sum, of.confusion[-1])) / of.rows if of.confusion else 0.0


def of_first(name: str) -> Callable[[GlueRecord], float | None]:
    """A score at full depth on the first development set; None where the task has no such score."""

    def measure(record: GlueRecord) -> float | None:
        values = next(iter(record.result.tests.values())).scores.get(name)
        return None if values is None else values[-1]

    return measure


def mismatched(record: GlueRecord) -> float | None:
    """Accuracy on MNLI's mismatched set."""
    scored = record.result.tests.get("mismatched")
    return None if scored is None else scored.scores["accuracy"][-1]


def pruned_scores(record: GlueRecord) -> list[tuple[float, list[float]]]:
    """(share of the blocks' weights that is left, GLUE's score by depth) of each pruned network, in order."""
    made = []
    for pruned in record.result.pruned:
        curves = [official(s, task(record)) for s in pruned.tests.values()]
        mean = [sum(values) / len(values) for values in zip(*curves, strict=True)]
        made.append((pruned.left / pruned.total, mean))
    return made


def pruned_mean(record: GlueRecord) -> float | None:
    """GLUE's score at full depth, mean over the networks that pruning took weights from; None without any."""
    return metrics.mean([curve[-1] for left, curve in pruned_scores(record) if left < 1])


def pruned_last(record: GlueRecord) -> float | None:
    """GLUE's score at full depth of the network that is pruned most; None without any."""
    made = pruned_scores(record)
    return made[-1][1][-1] if made else None
