"""A stream of text tasks and its data -> its estimated work, in texts trained."""

from collections.abc import Sequence
from typing import cast

from acn_bench.benchmarks.continual import cost as continual
from acn_bench.benchmarks.continual.spec import ContinualConfig
from acn_bench.benchmarks.continual.split import split
from acn_bench.benchmarks.glue_stream.spec import GlueStreamConfig
from acn_bench.benchmarks.glue_stream.stream import TextStream
from acn_bench.benchmarks.run import Cost
from acn_bench.benchmarks.text_network import check_start
from acn_bench.data.texts import TextData

PIECES, SPECIAL = 1.3, 2  # tokens of a word, about, and of a text
SAMPLE = 2_000  # texts of a task whose words are counted


def check(config: GlueStreamConfig, data: Sequence[TextData]) -> None:
    """Raise ValueError if a class has too few rows to hold some out, and as `check_start`."""
    check_start(config)
    split(TextStream(config, data), config.benchmark, config.seeds)


def cost(config: GlueStreamConfig, data: Sequence[TextData]) -> Cost:
    """The work of the run."""
    protocol, stream = config.benchmark, TextStream(config, data)
    of_continual = cast(ContinualConfig, config)  # its spec is one of continual learning
    work = (continual.evaluated if protocol.seconds else continual.work)(of_continual, stream)
    return Cost(
        images=work,
        batch_size=protocol.batch_size,
        classes=protocol.classes_per_experience,
        seconds=protocol.experiences * (protocol.seconds or 0.0),
        tokens=min(protocol.length, max(map(_usual_length, data))),
    )


def _usual_length(data: TextData) -> int:
    """Tokens of a text on average, about."""
    columns = [column[:SAMPLE] for column in data.train.texts]
    words = sum(len(text.split()) for column in columns for text in column) / len(columns[0])
    return round(PIECES * words) + SPECIAL
