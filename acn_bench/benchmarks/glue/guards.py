"""Checks of a GLUE run's rows, each with its outcome."""

from acn_bench.benchmarks.glue.split import TextSplitRows
from acn_bench.result import Guard


def train_and_validation_disjoint(rows: TextSplitRows) -> Guard:
    """No held-out row was trained on."""
    train, held = set(rows.train.tolist()), set(rows.validation.tolist())
    return Guard(
        name="no row is both trained on and held out",
        passed=train.isdisjoint(held),
        detail=f"{len(train):,} trained on, {len(held):,} held out",
    )
