"""A pre-training and its text -> its estimated work, in sequences trained."""

from collections.abc import Sequence

from acn_bench.benchmarks.mlm.spec import MlmConfig
from acn_bench.benchmarks.run import Cost
from acn_bench.benchmarks.text_network import check_start
from acn_bench.data.corpus import Corpus
from acn_bench.evaluation.cost import EVALUATED

TOKENS = 60  # of a paragraph, about, while the text is not yet cut into tokens


def check(config: MlmConfig, data: Sequence[Corpus]) -> None:  # noqa: ARG001 - a kind has it
    """As `check_start`; nothing is known of sequences before the text is cut into tokens."""
    check_start(config)


def cost(config: MlmConfig, data: Sequence[Corpus]) -> Cost:
    """The work of the run, about."""
    spec = config.benchmark
    train, test = (max(1, count * TOKENS // spec.length) for count in data[0].counts)
    return Cost(
        images=work(config, train, test),
        batch_size=spec.micro_batch or spec.batch_size,
        classes=1,
        tokens=spec.length,
    )


def work(config: MlmConfig, train: int, test: int) -> float:
    """Sequences trained, plus sequences evaluated at their cost in sequences trained."""
    spec = config.benchmark
    held_out = spec.validation * train
    trained = spec.epochs * (train - held_out)
    if spec.max_steps is not None:
        trained = min(trained, spec.max_steps * spec.batch_size)
    return trained + EVALUATED * (3 * held_out + test)  # guards measure held-out rows twice
