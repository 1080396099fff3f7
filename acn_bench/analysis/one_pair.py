"""A group with one pair of runs -> an interval of their difference over the test images, which both arms share."""

from collections.abc import Callable

from acn_bench.analysis.groups import Group
from acn_bench.analysis.image_outcomes import ByImage, interval_by_image
from acn_bench.record import Record


def interval_over_images(
    group: Group, by_image: Callable[[Record], ByImage | None], against: str = "residual"
) -> tuple[float, float] | None:
    """95 % interval of AC - `against`; None for several pairs or none, and where a record has no outcomes."""
    arms = [group.arms[arm] for arm in ("ac", against) if arm in group.arms]
    shared = set.intersection(*(set(arm.seeds) for arm in arms)) if len(arms) == 2 else set()
    if len(shared) != 1:
        return None
    (seed,) = shared
    one, other = (by_image(arm.records[arm.seeds.index(seed)]) for arm in arms)
    if one is None or other is None or len(one.columns[0]) != len(other.columns[0]):
        return None
    return interval_by_image(one, other)
