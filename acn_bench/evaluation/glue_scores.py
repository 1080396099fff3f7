"""Predictions of every depth and labels -> the scores of a GLUE task, by scikit-learn and SciPy."""

from collections.abc import Callable
from warnings import catch_warnings, simplefilter

import numpy as np
import numpy.typing as npt
from scipy.stats import ConstantInputWarning, pearsonr, spearmanr
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef
from torch import Tensor

from acn_bench.data.glue.tasks import GlueTask, Score

Values = npt.NDArray[np.generic]
DIGITS = 9  # decimals of a correlation in a record

_SCORES: dict[Score, Callable[[Values, Values], float]] = {
    "accuracy": accuracy_score,
    # of class 1; 0 where nothing is predicted as such
    "f1": lambda labels, predicted: f1_score(labels, predicted, zero_division=0.0),
    "matthews": matthews_corrcoef,
    "pearson": lambda labels, predicted: _correlation(pearsonr, labels, predicted),
    "spearman": lambda labels, predicted: _correlation(spearmanr, labels, predicted),
}


def scores(task: GlueTask, predictions: Tensor, labels: Tensor) -> dict[Score, list[float]]:
    """Predictions (L+1, N), classes or numbers, and labels (N,) -> each score by depth, (L+1,).

    The official scores of the task, and accuracy where there are classes. A correlation with constant predictions
    is 0, as Matthews' coefficient is.
    """
    names = task.scores if task.is_regression else dict.fromkeys((*task.scores, "accuracy"))
    truth, rows = labels.cpu().numpy(), predictions.cpu().numpy()
    return {name: [_score(name, truth, row) for row in rows] for name in names}


def confusion(task: GlueTask, predictions: Tensor, labels: Tensor) -> list[list[list[int]]]:
    """How often each class (rows) is predicted as each class (columns), by depth, (L+1, K, K); empty for numbers."""
    if task.is_regression:
        return []
    truth, classes = labels.cpu().numpy(), range(task.outputs)
    return [
        confusion_matrix(truth, row, labels=classes).tolist() for row in predictions.cpu().numpy()
    ]


def _score(name: Score, labels: Values, predicted: Values) -> float:
    value = float(_SCORES[name](labels, predicted))
    return value if name == "accuracy" else round(value, DIGITS) + 0.0


def _correlation(measure: Callable[..., tuple[float, float]], a: Values, b: Values) -> float:
    with catch_warnings():
        simplefilter("ignore", ConstantInputWarning)
        value = float(measure(a, b)[0])
    return 0.0 if np.isnan(value) else value
