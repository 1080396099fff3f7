"""A supervised run and its data -> its estimated work, in images trained."""

from collections.abc import Callable, Sequence

from acn_bench.benchmarks.run import Cost
from acn_bench.benchmarks.supervised.images import prepare_cache
from acn_bench.benchmarks.supervised.spec import SupervisedConfig
from acn_bench.benchmarks.supervised.split import split
from acn_bench.data.data_set import DataSet
from acn_bench.data.split import Labelled, Split
from acn_bench.evaluation.cost import EVALUATED


def check(config: SupervisedConfig, data: Sequence[Labelled]) -> None:
    """Raise ValueError if data and protocol do not fit: too few classes or rows."""
    split(data[0], config)


def cost(config: SupervisedConfig, data: Sequence[Labelled]) -> Cost:
    """The work of the run."""
    rows = split(data[0], config)
    return Cost(
        images=work(config, rows),
        batch_size=config.benchmark.batch_size,
        classes=len(rows.classes[0]),
    )


def train_rows(config: SupervisedConfig, data: Sequence[Labelled]) -> list[int]:
    """The rows that the training cuts into batches."""
    return [len(split(data[0], config).train[0])]


def prepare(
    config: SupervisedConfig, data: Sequence[DataSet], report: Callable[[int, int], None]
) -> None:
    """Make the caches that the run reads, once; `report` counts their images. Raises ValueError and OSError."""
    prepare_cache(data[0], config.benchmark, report)


def work(config: SupervisedConfig, rows: Split) -> float:
    """Images trained, plus images evaluated at their cost in images trained: clean and under each noise."""
    spec = config.benchmark
    branched = spec.scheme == "branches" and bool(spec.exit_thresholds)
    tests = (1 + spec.conditions + branched) * len(rows.test[0])
    # held-out rows are measured once, and twice more by the checks at the end
    held_out = 3 * len(rows.validation[0])
    return training_work(config, rows) + EVALUATED * (held_out + tests)


def training_work(config: SupervisedConfig, rows: Split) -> float:
    """Of the epochs, with the measurements between them."""
    spec = config.benchmark
    measured = len(spec.evaluated_epochs) * (len(rows.validation[0]) + len(rows.test[0]))
    return spec.epochs * len(rows.train[0]) + EVALUATED * measured
