"""Every metric of a masked-language pre-training, by table. Scores are of the other text at full depth unless a metric states another."""

from math import exp

from acn_bench.analysis.cost_metrics import COST
from acn_bench.analysis.depth_metrics import SUFFICIENT, TRUNCATED, UTILISED
from acn_bench.analysis.metric import Metric
from acn_bench.benchmarks.kind import TableName
from acn_bench.benchmarks.mlm.record import MlmRecord
from acn_bench.benchmarks.mlm.result import MaskedScores

_BERT = "Devlin et al. 2019"


def chance(record: MlmRecord) -> float:
    """The accuracy of answering the most frequent masked token of the text to test on."""
    return most_frequent(record.result.test)


def most_frequent(scores: MaskedScores) -> float:
    """The share of the most frequent one among masked tokens."""
    return scores.most_frequent / scores.tokens


QUALITY = (
    Metric(
        "loss",
        "Masked loss",
        "nats",
        "lower",
        "mean cross-entropy of the masked tokens of the text to test on; one mask a sequence, the same for all arms",
        _BERT,
        lambda r: r.result.test.loss[-1],
    ),
    Metric(
        "perplexity",
        "Masked perplexity",
        "score",
        "lower",
        "exp of the masked loss",
        _BERT,
        lambda r: exp(r.result.test.loss[-1]),
    ),
    Metric(
        "accuracy",
        "Masked accuracy",
        "%",
        "higher",
        "share of the masked tokens that are predicted",
        _BERT,
        lambda r: r.result.test.correct[-1] / r.result.test.tokens,
        chance=chance,
    ),
    Metric(
        "train_loss",
        "Training loss",
        "nats",
        "lower",
        "mean over the masked tokens of the last epoch",
        "measured by the run",
        lambda r: r.result.train_loss[-1],
    ),
    *UTILISED,
    SUFFICIENT,
    TRUNCATED,
    Metric(
        "tokens_per_second",
        "Training speed",
        "tokens/s",
        "higher",
        "tokens, masked or not, that a second of training takes in",
        "measured by the run",
        lambda r: r.result.tokens / r.result.seconds.train,
    ),
)
_BY_NAME = {metric.name: metric for metric in QUALITY}
_OVERVIEW = ("loss", "accuracy", "utilised_depth", "truncated_accuracy")
TABLES: dict[TableName, tuple[Metric, ...]] = {
    "quality": QUALITY,
    "cost": COST,
    "overview": tuple(_BY_NAME[name] for name in _OVERVIEW),
    "runs": tuple(_BY_NAME[name] for name in (*_OVERVIEW, "tokens_per_second")),
}
