"""RobustBench's accuracies under corruption -> models, means and mCE, to stand beside our own. Never torch.

On CIFAR RobustBench took all 10,000 test images, on ImageNet 5,000 of them. Accuracies are shares in [0, 1].
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from statistics import fmean

from acn_bench import metrics
from acn_bench.metrics import Curve
from acn_bench.registry import closest

COMMIT = "78fcc9e48a07a861268f295a777b975f25155964"
SOURCE = (
    f"RobustBench (Croce et al. 2021), github.com/RobustBench/robustbench, commit {COMMIT[:7]}, MIT"
)
REFERENCE = "AlexNet"  # the denominator of mCE

# name of a leaderboard -> the data set of `models.csv`, and the suffix of its published means
LEADERBOARDS = {
    "cifar10": ("cifar10", ""),
    "cifar100": ("cifar100", ""),
    "imagenet": ("imagenet", ""),
    "imagenet_3d": ("imagenet", "_3d"),  # 3D Common Corruptions (Kar et al. 2022)
}
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class LeaderboardModel:
    """One model of one leaderboard."""

    name: str  # in RobustBench's model zoo
    architecture: str
    venue: str  # empty where it has no publication
    additional_data: bool  # trained on more than the data set
    clean: float
    accuracy: dict[str, tuple[float, ...]]  # accuracy[corruption][severity - 1]
    published_mean: float  # as RobustBench states it, over corruptions and severities
    published_mce: float | None

    @property
    def corruption_accuracy(self) -> float:
        """The mean over corruptions and severities."""
        return fmean(fmean(curve) for curve in self.accuracy.values())

    @property
    def errors(self) -> dict[str, Curve]:
        """`errors[corruption][severity - 1]`, an argument of `metrics.mean_corruption_error`."""
        return {name: tuple(1 - a for a in curve) for name, curve in self.accuracy.items()}


@lru_cache
def models(leaderboard: str) -> tuple[LeaderboardModel, ...]:
    """Every model of a leaderboard, in RobustBench's order. Raises LookupError with the nearest known name."""
    if leaderboard not in LEADERBOARDS:
        raise LookupError(
            f"unknown leaderboard {leaderboard!r:.60}. {closest(str(leaderboard), LEADERBOARDS)}"
        )
    data_set, suffix = LEADERBOARDS[leaderboard]
    described = {row["row"]: row for row in _models_table() if row["dataset"] == data_set}
    return tuple(
        LeaderboardModel(
            name=described[row]["name"],
            architecture=described[row]["architecture"],
            venue=described[row]["venue"],
            additional_data=described[row]["additional_data"] == "yes",
            clean=_share(described[row]["clean_acc"]),
            accuracy=accuracy,
            published_mean=_share(described[row][f"corruptions_acc{suffix}"]),
            published_mce=_optional_share(described[row][f"corruptions_mce{suffix}"]),
        )
        for row, accuracy in _accuracies(leaderboard)
    )


def model(leaderboard: str, name: str) -> LeaderboardModel:
    """One model by its name in the zoo. Raises LookupError with the nearest known name."""
    known = {m.name: m for m in models(leaderboard)}
    if name not in known:
        raise LookupError(f"no model {name!r:.60} on {leaderboard}. {closest(str(name), known)}")
    return known[name]


def mean_corruption_error(leaderboard: str, errors: dict[str, Curve]) -> float:
    """Errors by corruption and severity -> mCE against AlexNet (Hendrycks & Dietterich 2019); AlexNet has 1.

    Raises LookupError for a leaderboard of CIFAR, which has no AlexNet, ValueError where a corruption is missing.
    """
    names = [m.name for m in models(leaderboard)]
    if REFERENCE not in names:
        raise LookupError(
            f"{leaderboard} has no {REFERENCE}: mCE needs a reference of your own there "
            "(acn_bench.metrics.mean_corruption_error)"
        )
    return metrics.mean_corruption_error(errors, model(leaderboard, REFERENCE).errors)


def relative_mean_corruption_error(
    leaderboard: str, errors: dict[str, Curve], clean_error: float
) -> float:
    """Relative mCE against AlexNet: each model's clean error is taken off. Raises as `mean_corruption_error`."""
    mean_corruption_error(leaderboard, errors)
    reference = model(leaderboard, REFERENCE)
    return metrics.relative_mean_corruption_error(
        errors, clean_error, reference.errors, 1 - reference.clean
    )


# ---------------------------------------------------------------- the files


def _models_table() -> list[dict[str, str]]:
    return list(csv.DictReader(_lines("models")))


def _accuracies(leaderboard: str) -> Iterator[tuple[str, dict[str, tuple[float, ...]]]]:
    """The row's name, and accuracy by corruption and severity; two header lines name the columns."""
    corruptions, severities, *rows = csv.reader(_lines(leaderboard))
    assert severities[1:] == [str(s) for s in SEVERITIES] * (len(severities[1:]) // 5)
    for name, *values in rows:
        by_corruption = {
            corruptions[i + 1]: tuple(map(float, values[i : i + 5]))
            for i in range(0, len(values), 5)
        }
        yield name, by_corruption


def _lines(table: str) -> list[str]:
    file = resources.files(__package__) / f"{table}.csv"
    return file.read_text(encoding="utf-8").splitlines()


def _share(percent: str) -> float:
    return float(percent) / 100


def _optional_share(percent: str) -> float | None:
    return _share(percent) if percent else None
