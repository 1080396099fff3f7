"""Metrics that are read beside the tables of the ACN paper alone: each level of its noise, the size of a cut network."""

from collections.abc import Callable

from acn_bench.analysis.depth_metrics import NO_DEPTH, utilised_depth
from acn_bench.analysis.metric import Measure, Metric
from acn_bench.record import Record

LEVELS = {"gaussian": (0.1, 0.2, 0.4), "salt_and_pepper": (0.01, 0.05, 0.1)}
_TITLES = {"gaussian": "Gaussian noise of σ", "salt_and_pepper": "salt and pepper, share"}
BYTES = 4  # of a parameter in float32

AtLevel = Callable[[Record, str, float], float | None]  # of (record, noise, level)


def of_table_2(accuracy: AtLevel, chance: Measure) -> tuple[Metric, ...]:
    """One accuracy for each level of noise of Table 2; `accuracy` is None where a record has no such level."""
    return tuple(
        _at_level(name, level, accuracy, chance) for name, ls in LEVELS.items() for level in ls
    )


def _at_level(name: str, level: float, accuracy: AtLevel, chance: Measure) -> Metric:
    what = f"{_TITLES[name]} {level:g}"
    return Metric(
        f"{name}_{level:g}_accuracy",
        f"Accuracy under {what}",
        "%",
        "higher",
        f"accuracy under {what}",
        "ACN paper, section 5.1 and Table 2",
        lambda record: accuracy(record, name, level),
        "this level was not measured",
        chance,
    )


def _size(record: Record) -> float | None:
    k = utilised_depth(record)
    return None if k is None else float(BYTES * record.result.parameters[k])


SIZE = Metric(
    "size_utilised",
    "Size at utilised depth",
    "MiB",
    "lower",
    "parameters of the network cut to its utilised depth, 4 bytes each",
    "ACN paper, Table 6",
    _size,
    NO_DEPTH,
)
