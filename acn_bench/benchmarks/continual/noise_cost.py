"""The settings of a continual benchmark -> how many test images it measures under noise and corruptions, for its plan."""

from collections.abc import Sequence

from acn_bench.benchmarks.continual.spec import ContinualConfig, ContinualSpec
from acn_bench.data.data_set import DataSet
from acn_bench.registry import COMMON, EXTRA
from acn_bench.wording import plural


def common_levels(spec: ContinualSpec) -> int:
    """The severities of all common corruptions: noise costs next to nothing to make."""
    return sum(len(levels) for name, levels in spec.noise.items() if name in (*COMMON, *EXTRA))


def times(spec: ContinualSpec) -> float:
    """How often all rows of the stream are measured under one level."""
    if spec.noise_after == "last":
        return 1.0
    return measured(spec)


def measured(spec: ContinualSpec) -> float:
    """How often all rows of the stream are measured on clean images."""
    return (spec.experiences + 1) / 2 if spec.heads == "each" else spec.experiences + 1.0


def corrupted_images(spec: ContinualSpec, classes: int, tests: int) -> float:
    """Test images that a common corruption is made of, over the run; of data with so many classes and test rows."""
    used = spec.classes / classes
    return common_levels(spec) * times(spec) * used * tests


def expenses(config: ContinualConfig, data: Sequence[DataSet]) -> list[str]:
    """The cost of common corruptions, for a plan; none without them."""
    spec = config.benchmark
    levels = common_levels(spec)
    if not levels:
        return []
    after = "the last experience" if spec.noise_after == "last" else "every experience"
    images = round(corrupted_images(spec, len(data[0].class_names), data[0].counts.test))
    return [
        f"{plural(levels, 'common corruption')} by severity after {after}: {images:,} test images are corrupted and "
        "measured in each run; the estimate counts them"
    ]
