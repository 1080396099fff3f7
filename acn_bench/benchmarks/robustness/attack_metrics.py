"""Metrics of a robustness run under an attack in Linf, at full depth."""

from collections.abc import Callable

from acn_bench.analysis.image_outcomes import ByImage, unpacked
from acn_bench.analysis.metric import Metric
from acn_bench.benchmarks.robustness.measures import chance
from acn_bench.benchmarks.robustness.record import RobustnessRecord

_NO_ATTACK = "no attack was made"


def robust(record: RobustnessRecord) -> float | None:
    """Share of the attacked images that are correct after every step; None without an attack."""
    attack = record.result.attack
    return None if attack is None else attack.steps[-1].correct / attack.images


def unattacked(record: RobustnessRecord) -> float | None:
    """Share of the attacked images that are correct without the attack; None without one."""
    attack = record.result.attack
    return None if attack is None else attack.clean / attack.images


def outcomes(record: RobustnessRecord, step: int | None = None) -> list[float] | None:
    """Correct or not of each attacked image, after a step or without the attack; None where a record has none."""
    attack = record.result.attack
    if attack is None:
        return None
    text = attack.clean_outcomes if step is None else attack.steps[step].outcomes
    return [*map(float, unpacked(text, attack.images))] if text else None


def _by_image(step: int | None) -> Callable[[RobustnessRecord], ByImage | None]:
    def made(record: RobustnessRecord) -> ByImage | None:
        found = outcomes(record, step)
        return None if found is None else ByImage((found,))

    return made


ATTACKED = (
    Metric(
        "attacked_clean_accuracy",
        "Clean accuracy, attacked images",
        "%",
        "higher",
        "share of the images that are attacked which are classified correctly without the attack",
        "a count",
        unattacked,
        _NO_ATTACK,
        chance,
        by_image=_by_image(None),
    ),
    Metric(
        "robust_accuracy",
        "Robust accuracy in Linf",
        "%",
        "higher",
        "share of the attacked images that are classified correctly without an attack and after each of its steps; no "
        "value of an image in [0, 1] changes by more than ε. An upper bound of the accuracy under the worst change; g "
        "is that of a network that answers one class for every image",
        "Croce & Hein 2020",
        robust,
        _NO_ATTACK,
        chance,
        by_image=_by_image(-1),
    ),
)
