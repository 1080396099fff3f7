"""Every metric of a fine-tuning on GLUE, by table. Scores are of the development set at full depth unless a metric states another.

Notation in the definitions: L blocks.
"""

from acn_bench.analysis.cost_metrics import COST
from acn_bench.analysis.depth_metrics import NO_DEPTH, SUFFICIENT, UTILISED, utilised_depth
from acn_bench.analysis.metric import Measure, Metric
from acn_bench.analysis.paper_metrics import SIZE
from acn_bench.benchmarks.glue import measures
from acn_bench.benchmarks.glue.record import GlueRecord
from acn_bench.benchmarks.kind import TableName

_GLUE = "Wang et al. 2019"
_NO_SUCH = "the task has no such score"
_NOT_PRUNED = "nothing was pruned"


def _truncated(record: GlueRecord) -> float | None:
    k = utilised_depth(record)
    return None if k is None else measures.score(record)[k]


def _speed_up(record: GlueRecord) -> float | None:
    k, rates = utilised_depth(record), record.result.texts_per_second
    return None if k is None else rates[k] / rates[-1]


def _score(
    name: str, title: str, unit: str, definition: str, of: Measure, *, chance: bool = False
) -> Metric:
    level = measures.chance if chance else None
    return Metric(name, title, unit, "higher", definition, _GLUE, of, _NO_SUCH, level)


SCORES = (
    _score(
        "score",
        "GLUE score",
        "%",
        "mean of the official scores of the task, over both development sets of MNLI",
        lambda r: measures.score(r)[-1],
    ),
    _score(
        "accuracy",
        "Accuracy",
        "%",
        "share of the development set that is classified correctly; of MNLI the matched one",
        measures.of_first("accuracy"),
        chance=True,
    ),
    _score(
        "mismatched_accuracy",
        "Accuracy, mismatched",
        "%",
        "the same on MNLI's mismatched development set",
        measures.mismatched,
        chance=True,
    ),
    _score("f1", "F1", "%", "harmonic mean of precision and recall of class 1", measures.of_first("f1")),
    _score("matthews", "Matthews correlation", "score", "Matthews' correlation of labels and predictions, in [−1, 1]", measures.of_first("matthews")),
    _score("pearson", "Pearson correlation", "score", "Pearson's correlation of labels and predictions", measures.of_first("pearson")),
    _score("spearman", "Spearman correlation", "score", "Spearman's rank correlation of labels and predictions", measures.of_first("spearman")),
)  # fmt: skip
TRUNCATED = Metric(
    "truncated_score",
    "GLUE score cut to utilised depth",
    "%",
    "higher",
    "GLUE score with pooler and head after the utilised depth",
    "ACN paper, section 4.2 and Figure 5",
    _truncated,
    NO_DEPTH,
)
SPEED_UP = Metric(
    "speed_up",
    "Speed-up at utilised depth",
    "×",
    "higher",
    "texts per second of a forward pass of the network cut to its utilised depth ÷ those of the whole network",
    "measured by the run",
    _speed_up,
    NO_DEPTH,
)
PRUNED = (
    Metric(
        "pruned_score",
        "GLUE score, pruned",
        "%",
        "higher",
        "GLUE score at full depth, mean over the pruned networks: each share, or each epoch from the first pruning on",
        "ACN paper, appendix G and Figure 7",
        measures.pruned_mean,
        _NOT_PRUNED,
    ),
    Metric(
        "pruned_most_score",
        "GLUE score, pruned most",
        "%",
        "higher",
        "the same of the network that has the fewest weights left",
        "ACN paper, appendix G and Figure 7",
        measures.pruned_last,
        _NOT_PRUNED,
    ),
)
QUALITY = (*SCORES, *UTILISED, SUFFICIENT, TRUNCATED, SPEED_UP, *PRUNED)
_BY_NAME = {metric.name: metric for metric in QUALITY}
_OVERVIEW = ("score", "accuracy", "utilised_depth", "truncated_score")
TABLES: dict[TableName, tuple[Metric, ...]] = {
    "quality": QUALITY,
    "cost": COST,
    "overview": tuple(_BY_NAME[name] for name in _OVERVIEW),
    "runs": tuple(_BY_NAME[name] for name in (*_OVERVIEW, "speed_up")),
    "published": (SIZE,),
}
