"""Raw measurements of a masked-language pre-training. L blocks."""

from acn_bench import validation
from acn_bench.benchmarks.mlm.spec import MlmSpec
from acn_bench.result import Result, RowCounts
from acn_bench.spec import Struct


class MaskedScores(Struct, frozen=True, kw_only=True):
    """Masked tokens of one set of sequences, predicted after 0 … L blocks."""

    tokens: int  # that were masked
    correct: list[int]  # (L+1,) of them predicted right
    loss: list[float]  # (L+1,) mean cross-entropy in nats
    most_frequent: int  # of them that are the most frequent one among them


class MlmResult(Result, frozen=True, kw_only=True, tag="mlm"):
    """Raw measurements; one mask a sequence, the same for both arms."""

    rows: RowCounts  # sequences
    vocabulary: int  # pieces of the tokenizer
    steps: int
    tokens: int  # trained on, masked or not
    train_loss: list[float]  # per epoch, mean over masked tokens
    validation: MaskedScores  # on held-out sequences
    # (L+1, 2) over their masked tokens: how many each depth loses and gains against full depth
    changes: list[list[int]]
    test: MaskedScores  # on the other text


def validate(result: MlmResult, _: MlmSpec) -> None:
    """Raise ValueError if the parts of a result do not fit each other."""
    depths = len(result.parameters)
    counts = (result.rows.train, result.rows.validation, result.rows.test)
    validation.count("result.rows", counts, 3)
    validation.at_least("result.steps", result.steps, 1)
    validation.at_least("result.tokens", result.tokens, 1)
    if not result.train_loss:
        raise ValueError("result.train_loss is empty: a training has one epoch or more")
    for name, scores in (("validation", result.validation), ("test", result.test)):
        _scores(f"result.{name}", scores, depths)
    validation.changes("result.changes", result.changes, result.validation.correct)


def _scores(place: str, scores: MaskedScores, depths: int) -> None:
    validation.at_least(f"{place}.tokens", scores.tokens, 1)
    validation.long(f"{place}.correct", scores.correct, depths)
    validation.not_negative(f"{place}.loss", scores.loss, depths)
    for count in (*scores.correct, scores.most_frequent):
        if not 0 <= count <= scores.tokens:
            raise ValueError(f"{place} has {count} tokens right, of {scores.tokens}")
