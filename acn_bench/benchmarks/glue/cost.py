"""A fine-tuning and its data -> its estimated work, in texts trained."""

from collections.abc import Sequence

from acn_bench.benchmarks.glue.spec import GlueConfig
from acn_bench.benchmarks.glue.split import split
from acn_bench.benchmarks.run import Cost
from acn_bench.benchmarks.text_network import check_start
from acn_bench.data.texts import TextData
from acn_bench.evaluation.cost import EVALUATED

PIECES = 1.3  # tokens a word, about
SPECIAL = 2  # tokens of a text
SAMPLE = 10_000  # texts whose words are counted


def check(config: GlueConfig, data: Sequence[TextData]) -> None:
    """Raise ValueError if a class has too few rows to hold some out, and as `check_start`."""
    check_start(config)
    spec = config.benchmark
    split(data[0], spec.validation, config.seeds.data, spec.train_rows)


def cost(config: GlueConfig, data: Sequence[TextData]) -> Cost:
    """The work of the run."""
    spec, (one,) = config.benchmark, data
    return Cost(
        images=work(config, data),
        batch_size=spec.batch_size,
        classes=one.task.outputs,
        tokens=_usual_length(one, spec.length),
    )


def work(config: GlueConfig, data: Sequence[TextData]) -> float:
    """Texts trained, plus texts evaluated at their cost in texts trained."""
    spec, (train, tests) = config.benchmark, data[0].counts
    held_out = spec.validation * train
    points = {"none": 0, "magnitude": len(spec.pruned), "movement": spec.epochs}[spec.pruning]
    evaluated = (
        3 * held_out + tests + points * (held_out + tests)
    )  # guards measure held-out rows twice
    trained = min(train - held_out, spec.train_rows or train)
    return spec.epochs * trained + EVALUATED * evaluated


def _usual_length(data: TextData, longest: int) -> int:
    """Tokens of a text on average, about."""
    columns = [column[:SAMPLE] for column in data.train.texts]
    words = sum(len(text.split()) for column in columns for text in column) / len(columns[0])
    return min(longest, round(PIECES * words) + SPECIAL)
