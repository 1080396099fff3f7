"""Every metric of a robustness run, by table. Accuracies are of test rows at full depth unless a metric states another.

Notation in the definitions: g the chance level, L blocks.
"""

from acn_bench.analysis.cost_metrics import COST
from acn_bench.analysis.depth_metrics import (
    NO_DEPTH,
    SUFFICIENT,
    TRUNCATED,
    UTILISED,
    utilised_depth,
)
from acn_bench.analysis.metric import Metric
from acn_bench.analysis.paper_metrics import of_table_2
from acn_bench.analysis.robustbench.leaderboard import SOURCE
from acn_bench.benchmarks.kind import TableName
from acn_bench.benchmarks.robustness import measures
from acn_bench.benchmarks.robustness.attack_metrics import ATTACKED
from acn_bench.benchmarks.robustness.measures import Conditions, chance, corrupted, noise
from acn_bench.benchmarks.robustness.record import RobustnessRecord

_NOISE = "ACN paper, section 5.1 and Table 2"
_CORRUPTIONS = "Hendrycks & Dietterich 2019"
_NOT_MEASURED = "no such corruption was measured"
_NO_ALEXNET = "not the official files of ImageNet-C or ImageNet-3DCC in full, at all severities"
_CLEAN = ("clean", "clean test images")
_COMMON = ("corrupted", "corrupted test images, mean over corruptions and severities")
_KEPT = (
    "(mean accuracy under it − g) ÷ (clean accuracy − g); no value unless clean accuracy is above g by two standard "
    "errors"
)

CLEAN = Metric(
    "clean_accuracy",
    "Clean accuracy",
    "%",
    "higher",
    "share of clean test images that are classified correctly",
    "a count",
    lambda r: r.result.clean.accuracy[-1],
    chance=chance,
    by_image=lambda r: measures.accuracy_by_image(r, [r.result.clean]),
)
HELD_OUT = Metric(
    "held_out_accuracy",
    "Clean accuracy, held-out rows",
    "%",
    "higher",
    "accuracy on the held-out training rows at the end of the training: what `match` stops at",
    "a count",
    lambda r: r.result.held_out[-1] if r.result.held_out else None,
    chance=chance,
)


def _accuracy(name: str, title: str, what: str, source: str, conditions: Conditions) -> Metric:
    return Metric(
        f"{name}_accuracy",
        f"Accuracy under {title}",
        "%",
        "higher",
        f"mean accuracy over {what}",
        source,
        lambda r: measures.mean(conditions(r)),
        _NOT_MEASURED,
        chance,
        by_image=lambda r: measures.accuracy_by_image(r, conditions(r)),
    )


def _kept(name: str, title: str, source: str, conditions: Conditions) -> Metric:
    return Metric(
        f"{name}_kept",
        f"Accuracy kept under {title}",
        "%",
        "higher",
        _KEPT,
        f"{source}; as a share: this project, since an arm with less above the chance level has less to lose",
        lambda r: measures.kept(r, conditions(r)),
        f"{_NOT_MEASURED}, or clean accuracy is not above the chance level",
        by_image=lambda r: measures.kept_by_image(r, conditions(r)),
    )


def _area(name: str, title: str) -> Metric:
    return Metric(
        f"{name}_area",
        f"Area under {title}",
        "%",
        "higher",
        "area under accuracy against the level, from 0 (clean) to the highest level, ÷ that level: trapezoid rule",
        "this project; levels of the ACN paper, section 5.1",
        lambda r: measures.area(r, noise(name)(r)),
        _NOT_MEASURED,
        chance,
        by_image=lambda r: measures.area_by_image(r, noise(name)(r)),
    )


def _of_noise(name: str, title: str) -> tuple[Metric, ...]:
    what = f"the levels of {title}"
    return (
        _accuracy(name, title, what, _NOISE, noise(name)),
        _kept(name, title, _NOISE, noise(name)),
        _area(name, title),
    )


def _truncated_accuracy(record: RobustnessRecord) -> float | None:
    k = utilised_depth(record)
    return None if k is None else measures.mean(corrupted(record), depth=k)


def _truncated_kept(record: RobustnessRecord) -> float | None:
    k = utilised_depth(record)
    return None if k is None else measures.kept(record, corrupted(record), depth=k)


GAUSSIAN = _of_noise("gaussian", "Gaussian noise")
SALT_AND_PEPPER = _of_noise("salt_and_pepper", "salt and pepper")
CORRUPTED = (
    _accuracy(
        "corrupted",
        "common corruptions",
        "corruptions and severities; every pair of them counts alike",
        _CORRUPTIONS,
        corrupted,
    ),
    _kept("corrupted", "common corruptions", _CORRUPTIONS, corrupted),
    Metric(
        "mce",
        "mCE against residual",
        "%",
        "lower",
        "mean over corruptions of Σ error over severities ÷ Σ error of the residual arm of the same seeds and settings",
        f"{_CORRUPTIONS}, with AlexNet as the reference",
        lambda _: None,
        "the residual arm was not run with these seeds, or no corruption was measured",
        against=measures.mean_corruption_error,
        reference="residual",
    ),
    Metric(
        "relative_mce",
        "Relative mCE against residual",
        "%",
        "lower",
        "the same of errors less the clean error of each network",
        f"{_CORRUPTIONS}, with AlexNet as the reference",
        lambda _: None,
        "the residual arm was not run with these seeds, no corruption was measured, or one costs residual nothing",
        against=measures.relative_mean_corruption_error,
        reference="residual",
    ),
    Metric(
        "mce_alexnet",
        "mCE against AlexNet",
        "%",
        "lower",
        "mean over corruptions of Σ error over severities ÷ Σ error of AlexNet, as RobustBench measured it on 5,000 "
        "images of the same official files",
        f"{_CORRUPTIONS}; errors of AlexNet: {SOURCE}",
        measures.alexnet_mce,
        _NO_ALEXNET,
    ),
    Metric(
        "relative_mce_alexnet",
        "Relative mCE against AlexNet",
        "%",
        "lower",
        "the same of errors less the clean error of each network",
        f"{_CORRUPTIONS}; errors of AlexNet: {SOURCE}",
        measures.alexnet_relative_mce,
        _NO_ALEXNET,
    ),
)


def _calibration(of: tuple[str, str], common: bool) -> tuple[Metric, ...]:
    name, what = of

    def metric(
        score: measures.Score, title: str, unit: str, definition: str, source: str
    ) -> Metric:
        def measure(record: RobustnessRecord) -> float | None:
            if common:
                return measures.mean(corrupted(record), score)
            value: float = getattr(record.result.clean, score)[-1]
            return value

        full = f"{definition}; {what}"
        return Metric(f"{name}_{score}", f"{title}, {name}", unit, "lower", full, source, measure, _NOT_MEASURED)  # fmt: skip

    return (
        metric("nll", "NLL", "nats", "mean of −log of the label's probability", "a mean"),
        metric(
            "ece",
            "Calibration error",
            "%",
            "expected calibration error: Σ over 15 bins of equal width of confidence, n/N · |accuracy − mean confidence|",
            "Guo et al. 2017",
        ),
        metric(
            "brier",
            "Brier score",
            "score",
            "mean of Σ over classes of (probability − [class is the label])², in [0, 2]",
            "Brier 1950",
        ),
    )


TRUNCATED_CORRUPTED = (
    Metric(
        "corrupted_truncated_accuracy",
        "Corrupted accuracy cut to utilised depth",
        "%",
        "higher",
        "mean accuracy over corruptions and severities with the head after the utilised depth, which clean held-out "
        "rows choose",
        f"{_CORRUPTIONS}; cut as in the ACN paper, section 3",
        _truncated_accuracy,
        f"{NO_DEPTH}, or {_NOT_MEASURED}",
        chance,
    ),
    Metric(
        "corrupted_truncated_kept",
        "Accuracy kept, cut to utilised depth",
        "%",
        "higher",
        "as the accuracy kept under common corruptions, both accuracies with the head after the utilised depth",
        f"{_CORRUPTIONS}; cut as in the ACN paper, section 3",
        _truncated_kept,
        f"{NO_DEPTH}, {_NOT_MEASURED}, or clean accuracy there is not above the chance level",
    ),
)

QUALITY = (
    CLEAN,
    *GAUSSIAN,
    *SALT_AND_PEPPER,
    *CORRUPTED,
    *_calibration(_CLEAN, common=False),
    *_calibration(_COMMON, common=True),
    *UTILISED,
    SUFFICIENT,
    TRUNCATED,
    *TRUNCATED_CORRUPTED,
    *ATTACKED,
    HELD_OUT,
)
_BY_NAME = {metric.name: metric for metric in QUALITY}
TABLES: dict[TableName, tuple[Metric, ...]] = {
    "quality": QUALITY,
    "cost": COST,
    "overview": tuple(
        _BY_NAME[n]
        for n in (
            "clean_accuracy",
            "gaussian_accuracy",
            "salt_and_pepper_accuracy",
            "corrupted_accuracy",
        )
    ),
    "runs": tuple(
        _BY_NAME[n]
        for n in (
            "clean_accuracy",
            "gaussian_accuracy",
            "salt_and_pepper_accuracy",
            "corrupted_accuracy",
            "corrupted_kept",
            "utilised_depth",
        )
    ),
    "published": of_table_2(measures.at_level, chance),
}
