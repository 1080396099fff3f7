"""The settings of the task that several groups differ in: classes, images a class."""

from acn_bench.analysis.groups import Group
from acn_bench.reports.figures.sweeps import Setting


def _classes(group: Group) -> int:
    """All classes where the setting is null."""
    classes: int = group.config.benchmark.classes or group.records[0].result.classes
    return classes


def _per_class(group: Group) -> int:
    """The mean number of rows of a class where the setting is null."""
    result = group.records[0].result
    rows: int = group.config.benchmark.per_class or round(result.rows.train / result.classes)
    return rows


CLASSES = Setting("classes", "classes", _classes)
PER_CLASS = Setting("per_class", "training images of each class", _per_class)
