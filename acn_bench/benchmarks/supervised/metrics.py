"""Every metric of a supervised run, by table. Accuracies are of clean test rows at full depth unless a metric states another.

Notation in the definitions: g the chance level, L blocks.
"""

from acn_bench.analysis.cost_metrics import COST
from acn_bench.analysis.depth_metrics import NO_DEPTH, SUFFICIENT, TRUNCATED, UTILISED
from acn_bench.analysis.metric import Metric
from acn_bench.analysis.paper_metrics import SIZE, of_table_2
from acn_bench.benchmarks.kind import TableName
from acn_bench.benchmarks.supervised import measures
from acn_bench.benchmarks.supervised.measures import Levels, chance, noise

_NOISE = "ACN paper, section 5.1 and Table 2"
_EXITS = "ACN paper, appendix H and Table 7"
_NO_NOISE = "no such noise was measured"
_NO_EXITS = "early exit was not measured"

ACCURACY = Metric(
    "accuracy",
    "Accuracy",
    "%",
    "higher",
    "share of test images that are classified correctly, by the network of the last step: nothing is selected",
    "a count",
    measures.accuracy,
    chance=chance,
)
TOP5 = Metric(
    "top5_accuracy",
    "Top-5 accuracy",
    "%",
    "higher",
    "share of test images whose class is among the five with the largest logits",
    "a count",
    measures.top5,
    "there are five classes or fewer",
    lambda record: min(5 / record.result.classes, 1.0),
)
HELD_OUT = Metric(
    "held_out_accuracy",
    "Accuracy, held-out rows",
    "%",
    "higher",
    "accuracy on the held-out training rows",
    "a count",
    lambda r: r.result.validation.top1[-1] / r.result.rows.validation,
    chance=chance,
)
DEPTHS = (
    *UTILISED,
    SUFFICIENT,
    Metric(
        "depth_share",
        "Share of depth used",
        "%",
        "lower",
        "utilised depth ÷ L",
        "ACN paper, Table 5 (% network used)",
        measures.depth_share,
        NO_DEPTH,
    ),
    Metric(
        "depth_area",
        "Area under the depth curve",
        "%",
        "higher",
        "area under test accuracy against the share of blocks before the head, from 0 to L: trapezoid rule",
        "this project: the whole curve of the ACN paper's Figures 3 and 4 as one number",
        measures.depth_area,
        "there is no depth curve",
        chance,
    ),
    TRUNCATED,
)
LOSSES = (
    Metric(
        "test_loss",
        "Test loss",
        "nats",
        "lower",
        "mean cross-entropy of test images, without label smoothing",
        "ACN paper, section 5.2 and Figure 6",
        lambda r: r.result.test.loss[-1],
    ),
    Metric(
        "train_loss",
        "Training loss",
        "nats",
        "lower",
        "mean loss of the last epoch, by the scheme, with augmented images and mixed and smoothed labels",
        "ACN paper, section 5.2 and Figure 6",
        lambda r: r.result.train_loss[-1],
    ),
)


def _of_noise(name: str, title: str, levels: Levels) -> tuple[Metric, ...]:
    return (
        Metric(
            f"{name}_accuracy",
            f"Accuracy under {title}",
            "%",
            "higher",
            f"mean accuracy over the levels of {title}",
            _NOISE,
            lambda r: measures.mean(r, levels(r)),
            _NO_NOISE,
            chance,
        ),
        Metric(
            f"{name}_kept",
            f"Accuracy kept under {title}",
            "%",
            "higher",
            "(mean accuracy under it − g) ÷ (clean accuracy − g); no value unless clean accuracy is above g by two "
            "standard errors",
            f"{_NOISE}; as a share: this project, since an arm with less above the chance level has less to lose",
            lambda r: measures.kept(r, levels(r)),
            f"{_NO_NOISE}, or clean accuracy is not above the chance level",
        ),
    )


NOISE = (
    *_of_noise("gaussian", "Gaussian noise", noise("gaussian")),
    *_of_noise("salt_and_pepper", "salt and pepper", noise("salt_and_pepper")),
)
EXITS = (
    Metric(
        "exit_accuracy",
        "Accuracy with early exit",
        "%",
        "higher",
        "an image leaves at the first exit where the entropy of the softmax is below the first threshold of the card; "
        "exits are the branches, or the one head after each block",
        _EXITS,
        measures.exit_accuracy,
        _NO_EXITS,
        chance,
    ),
    Metric(
        "exit_depth",
        "Blocks before the exit",
        "blocks",
        "lower",
        "mean over test images of the blocks before the exit that each leaves at",
        _EXITS,
        measures.exit_depth,
        _NO_EXITS,
    ),
    Metric(
        "speed_up",
        "Speed-up in FLOPs",
        "×",
        "higher",
        "FLOPs of the whole network without exits ÷ FLOPs of an image with early exit, mean over test images; of an arm "
        "that is trained without exits, ÷ FLOPs at utilised depth",
        f"{_EXITS}, whose reference is the whole residual Mixer, of as many FLOPs",
        measures.speed_up,
        f"{_NO_EXITS}, or {NO_DEPTH}",
    ),
)
RATE = Metric(
    "images_per_second",
    "Training speed",
    "images/s",
    "higher",
    "images seen ÷ seconds of training, reading and augmenting included",
    "measured by the run",
    measures.images_per_second,
)

QUALITY = (ACCURACY, TOP5, *DEPTHS, *LOSSES, *NOISE, *EXITS, HELD_OUT)
_BY_NAME = {metric.name: metric for metric in QUALITY}


def _named(*names: str) -> tuple[Metric, ...]:
    return tuple(_BY_NAME[name] for name in names)


TABLES: dict[TableName, tuple[Metric, ...]] = {
    "quality": QUALITY,
    "cost": (*COST, RATE),
    "overview": _named("accuracy", "utilised_depth", "truncated_accuracy", "gaussian_accuracy"),
    "runs": _named(
        "accuracy", "test_loss", "gaussian_accuracy", "utilised_depth", "sufficient_depth"
    ),
    "published": (*of_table_2(measures.at_level, chance), SIZE),
}
