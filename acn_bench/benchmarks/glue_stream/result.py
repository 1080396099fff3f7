"""Raw measurements of a stream of text tasks."""

from acn_bench import validation
from acn_bench.benchmarks.continual import result as continual
from acn_bench.benchmarks.continual.result import ContinualResult
from acn_bench.benchmarks.glue_stream.spec import CLASSES, GlueStreamSpec


class GlueStreamResult(ContinualResult, frozen=True, kw_only=True, tag="glue_stream"):
    """As of a continual run. `classes` are numbers over all tasks: task t of `tasks` has 2t and 2t + 1."""

    vocabulary: int  # pieces of the tokenizer
    # by task in the order of `tasks`
    cut: list[int]  # texts that were longer than the longest length
    most_frequent: list[float]  # share of the most frequent class among the test texts


def validate(result: GlueStreamResult, spec: GlueStreamSpec) -> None:
    """Raise ValueError if the parts of a result do not fit each other, or its settings."""
    continual.validate(result, spec)
    validation.long("result.cut", result.cut, len(spec.tasks))
    validation.long("result.most_frequent", result.most_frequent, len(spec.tasks))
    for share in result.most_frequent:
        validation.most_frequent("result.most_frequent", share, CLASSES)
