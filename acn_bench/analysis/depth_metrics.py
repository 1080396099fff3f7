"""RunRecord -> how many blocks its final model uses: utilised depth, by tolerance and by test.

Notation in the definitions: L blocks, a[k] an accuracy with the head after k blocks.
"""

from collections.abc import Sequence
from typing import Literal

from acn_bench import metrics, noninferiority
from acn_bench.analysis.final_model import final_model
from acn_bench.analysis.metric import Metric
from acn_bench.record import Record

TOLERANCE = 0.01  # of utilised depth, in shares: one point
TOLERANCES = (0.005, TOLERANCE, 0.02)  # reported together
NO_DEPTH = "utilised depth has no value"


def depth_curve(record: Record, split: Literal["test", "validation"]) -> list[float] | None:
    """(L+1,) accuracy of the final model after 0 … L blocks, mean over experiences where there are several."""
    model = final_model(record)
    return model.test if split == "test" else model.validation


def utilised_depth(record: Record, tolerance: float = TOLERANCE) -> int | None:
    """Blocks in use, chosen on held-out rows; None where even full depth is not above chance."""
    curve = curve_above_chance(record)
    return None if curve is None else metrics.utilised_depth(curve, tolerance)


def curve_above_chance(record: Record) -> list[float] | None:
    """The held-out depth curve, where its end is above chance by two standard errors."""
    model = final_model(record)
    curve = model.validation
    above = curve is not None and metrics.above_chance(
        curve[-1], model.held_out_chance, model.held_out
    )
    return curve if above else None


def at_chance(records: Sequence[Record]) -> bool:
    """Whether held-out rows show no network of an arm to be above chance; False where none was measured by depth."""
    measured = [r for r in records if depth_curve(r, "validation")]
    return bool(measured) and not any(curve_above_chance(r) for r in measured)


def sufficient_depth(record: Record, epsilon: float = TOLERANCE) -> int | None:
    """The fewest blocks that held-out rows show to be enough; None where they are too few to show it."""
    changes, count = final_model(record).changes, final_model(record).held_out
    if changes is None or curve_above_chance(record) is None:
        return None
    if not noninferiority.shown(0, 0, count, epsilon):  # too few, even if no example changed
        return None
    return metrics.sufficient_depth_of_changes(changes, count, epsilon)


def truncated_accuracy(record: Record) -> float | None:
    """Test accuracy of the final model cut to its utilised depth."""
    k, curve = utilised_depth(record), depth_curve(record, "test")
    return None if k is None or curve is None else curve[k]


def _utilised(title: str, tolerance: float, name: str) -> Metric:
    whole = (
        "smallest k with a[k] ≥ a[L] − 1 point, a = held-out accuracy of the final model, mean over "
        "experiences (one on a transfer's target); no value unless a[L] is two standard errors above the share of the most frequent held-out class"
    )
    other = f"as utilised depth, with {100 * tolerance:g} points in place of 1"
    return Metric(
        name,
        title,
        "blocks",
        "lower",
        whole if tolerance == TOLERANCE else other,
        "cut-off layer, ACN paper, appendix E, which states no tolerance"
        if tolerance == TOLERANCE
        else "as utilised depth",
        lambda record: utilised_depth(record, tolerance),
        "accuracy at full depth is not above chance, or there is no depth curve",
    )


UTILISED = (
    _utilised("Utilised depth", TOLERANCE, "utilised_depth"),
    _utilised("Utilised depth at 0.5 points", TOLERANCES[0], "utilised_depth_half"),
    _utilised("Utilised depth at 2 points", TOLERANCES[-1], "utilised_depth_two"),
)
SUFFICIENT = Metric(
    "sufficient_depth",
    "Utilised depth by test",
    "blocks",
    "lower",
    "smallest k such that the final model cut to k or more blocks is shown to lose less than 1 point "
    "against L blocks: one-sided score test of paired held-out examples at 95 %, from L−1 downwards until "
    "one fails",
    "Tango 1998; fixed sequence: Maurer, Hothorn & Lehmacher 1995",
    sufficient_depth,
    "accuracy at full depth is not above chance, held-out examples are too few (360 or fewer) or were not "
    "compared, or there is no depth curve",
)
TRUNCATED = Metric(
    "truncated_accuracy",
    "Accuracy cut to utilised depth",
    "%",
    "higher",
    "test accuracy of the final model with the head after the utilised depth, mean over experiences",
    "ACN paper, section 3",
    truncated_accuracy,
    NO_DEPTH,
)
