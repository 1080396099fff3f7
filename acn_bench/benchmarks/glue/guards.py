"""Checks of a GLUE run's rows, each with its outcome."""

from acn_bench.benchmarks.glue.split import TextSplitRows
from acn_bench.data.texts import TextData
from acn_bench.result import Guard

REPEATED = (
    0.02  # tolerated share of test texts: CoLA's release repeats 1.5 % of them in its training set
)


def train_and_validation_disjoint(rows: TextSplitRows) -> Guard:
    """No held-out row was trained on."""
    train, held = set(rows.train.tolist()), set(rows.validation.tolist())
    return Guard(
        name="no row is both trained on and held out",
        passed=train.isdisjoint(held),
        detail=f"{len(train):,} trained on, {len(held):,} held out",
    )


def train_and_test_disjoint(data: TextData) -> Guard:
    """No test text equals a training text."""
    trained = set(zip(*data.train.texts, strict=True))
    tested = [pair for part in data.tests.values() for pair in zip(*part.texts, strict=True)]
    repeated = sum(pair in trained for pair in tested)
    return Guard(
        name="texts that are tested on were not trained on",
        passed=repeated <= REPEATED * len(tested),
        detail=f"{repeated} of {len(tested):,} test texts of {data.name} are among the training texts",
    )
