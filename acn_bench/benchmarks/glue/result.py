"""Raw measurements of a fine-tuning on GLUE. L blocks, K classes."""

from math import isfinite

from acn_bench import validation
from acn_bench.benchmarks.glue.spec import GlueSpec
from acn_bench.data.glue.tasks import GlueTask
from acn_bench.errors import shorten
from acn_bench.result import Result, RowCounts
from acn_bench.spec import Struct


class Scored(Struct, frozen=True, kw_only=True):
    """The scores of one set of rows after 0 … L blocks; `examples` of the record hold each prediction."""

    rows: int
    scores: dict[str, list[float]]  # score -> (L+1,): accuracy and the official ones of the task
    # (L+1, K, K): how often each class (row) is predicted as each class (column); empty for a regression
    confusion: list[list[list[int]]]


class Pruned(Struct, frozen=True, kw_only=True):
    """The same network with part of its weights at zero."""

    epoch: int | None  # after which one it was measured; null: after fine-tuning
    left: int  # weights of the blocks' Linears that are not zero
    total: int
    validation: Scored
    tests: dict[str, Scored]


class Lengths(Struct, frozen=True, kw_only=True):
    """The sequences of a split in tokens, special ones included."""

    mean: float
    longest: int
    cut: int  # texts that were longer than the longest length


class GlueResult(Result, frozen=True, kw_only=True, tag="glue"):
    """Raw measurements of one task."""

    rows: RowCounts  # test: of all development sets
    vocabulary: int  # pieces of the tokenizer
    lengths: dict[str, Lengths]  # by split
    left_out: list[str]  # file and line of rows that the release itself has incomplete
    steps: int
    train_loss: list[float]  # per epoch
    validation: Scored  # on held-out training rows
    # (L+1, 2) over the held-out rows: how many examples each depth loses and gains; empty for a regression
    changes: list[list[int]]
    tests: dict[str, Scored]  # by development set
    texts_per_second: list[float]  # (L+1,) of a forward pass of the network cut to k blocks
    pruned: list[Pruned]


def validate(result: GlueResult, spec: GlueSpec) -> None:
    """Raise ValueError if the parts of a result do not fit each other, or its settings."""
    task, depths = spec.facts, len(result.parameters)
    counts = (result.rows.train, result.rows.validation, result.rows.test)
    validation.count("result.rows", counts, 3)
    validation.same("result.tests", list(result.tests), list(task.dev))
    validation.same(
        "result.rows.test", result.rows.test, sum(s.rows for s in result.tests.values())
    )
    validation.same("result.validation.rows", result.validation.rows, result.rows.validation)
    _scored("result.validation", result.validation, task, depths)
    for name, scored in result.tests.items():
        _scored(f"result.tests.{name}", scored, task, depths)
    validation.long("result.train_loss", result.train_loss, spec.epochs)
    validation.long("result.texts_per_second", result.texts_per_second, depths)
    if not task.is_regression:
        right = [sum(m[k][k] for k in range(len(m))) for m in result.validation.confusion]
        validation.changes("result.changes", result.changes, right)
    if (spec.pruning == "none") != (not result.pruned):
        raise ValueError("result.pruned does not fit benchmark.pruning: one of them has no pruning")
    for k, pruned in enumerate(result.pruned):
        _pruned(f"result.pruned[{k}]", pruned, result, task)


def _pruned(place: str, pruned: Pruned, result: GlueResult, task: GlueTask) -> None:
    validation.at_least(f"{place}.left", pruned.left, 0)
    if pruned.left > pruned.total:
        raise ValueError(f"{place}.left is {pruned.left}, of {pruned.total} weights")
    depths = len(result.parameters)
    _scored(f"{place}.validation", pruned.validation, task, depths)
    validation.same(f"{place}.tests", list(pruned.tests), list(task.dev))
    for name, scored in pruned.tests.items():
        validation.same(f"{place}.tests.{name}.rows", scored.rows, result.tests[name].rows)
        _scored(f"{place}.tests.{name}", scored, task, depths)


def _scored(place: str, scored: Scored, task: GlueTask, depths: int) -> None:
    """Raise ValueError where scores lie outside their range, or do not follow from the counts."""
    validation.at_least(f"{place}.rows", scored.rows, 1)
    wanted = {*task.scores} | ({"accuracy"} if task.labels else set())
    validation.same(f"{place}.scores", sorted(scored.scores), sorted(wanted))
    for name, values in scored.scores.items():
        validation.long(f"{place}.scores.{name}", values, depths)
        wrong = next((v for v in values if not (isfinite(v) and -1 <= v <= 1)), None)
        if wrong is not None:
            raise ValueError(f"{place}.scores.{name} holds {wrong}: it must lie in [-1, 1]")
    if task.is_regression:
        validation.long(f"{place}.confusion", scored.confusion, 0)
        return
    validation.long(f"{place}.confusion", scored.confusion, depths)
    for k, matrix in enumerate(scored.confusion):
        _confusion(f"{place}.confusion[{k}]", matrix, scored, k, task.outputs)


def _confusion(place: str, matrix: list[list[int]], scored: Scored, k: int, classes: int) -> None:
    validation.long(place, matrix, classes)
    for row in matrix:
        validation.long(place, row, classes)
        for count in row:
            validation.at_least(place, count, 0)
    validation.same(f"{place}, its sum,", sum(map(sum, matrix)), scored.rows)
    right = sum(matrix[c][c] for c in range(classes)) / scored.rows
    if abs(right - scored.scores["accuracy"][k]) > validation.ROUNDING:
        raise ValueError(
            f"{place} has {shorten(right)} of its examples on the diagonal, and the accuracy is "
            f"{scored.scores['accuracy'][k]}"
        )
