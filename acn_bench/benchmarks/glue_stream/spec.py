"""The settings of a stream of text tasks."""

from pathlib import Path
from typing import ClassVar, Self, TypeAlias

import msgspec

from acn_bench.benchmarks import text_start
from acn_bench.benchmarks.continual import class_orders
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.text_start import Start
from acn_bench.config import RunConfig
from acn_bench.data.glue.tasks import PREFIX, TASKS
from acn_bench.errors import shorten
from acn_bench.registry import closest
from acn_bench.spec import Count, Network, Strategy

CLASSES = 2  # of each task: heads of one width


class GlueStreamSpec(ContinualSpec, frozen=True, kw_only=True, tag="glue_stream"):
    """A stream of GLUE's tasks of two classes, each an experience with a head of its own.

    `class_order` "seed" draws the order of the tasks; "natural" is that of `tasks`.
    """

    derived: ClassVar[tuple[str, ...]] = ("checkpoint_hash",)

    tasks: tuple[str, ...] = ("cola", "sst2", "mrpc", "rte")
    embedded: bool = False  # texts made by rule in place of the release's
    experiences: Count = 4
    classes_per_experience: Count = CLASSES
    length: Count = 128  # tokens of a text; longer ones are cut, and counted
    # training rows of each class, at most, the held-out ones among them, the same for every seed; null: all
    class_rows: Count | None = None
    start: Start = "scratch"
    checkpoint: str = ""  # a folder in Transformers' format, or the folder of a benchmark's runs
    checkpoint_hash: str = ""  # of its files; filled in before a run

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown task, one that is named twice, and one that has not two classes."""
        super().__post_init__()
        for name in self.tasks:
            if name not in TASKS:
                raise ValueError(f"unknown task {shorten(name)}. {closest(name, TASKS)}")
            if len(TASKS[name].labels) != CLASSES:
                raise ValueError(
                    f"tasks: {name} has not {CLASSES} classes, as all heads of a stream have"
                )
        if len(set(self.tasks)) != len(self.tasks):
            raise ValueError(f"tasks: {shorten(self.tasks)} names a task twice")

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(f"{PREFIX * self.embedded}{name}" for name in self.tasks)

    def on(self, data: str) -> "GlueStreamSpec":
        """The stream on embedded texts for `rules_<task>` of one of its tasks, on the release's for the task's name."""
        known = [*self.tasks, *(f"{PREFIX}{name}" for name in self.tasks)]
        if data not in known:
            raise LookupError(
                f"--data {shorten(data)}: no task of this stream; that of any one is for all. {closest(data, known)}"
            )
        return msgspec.structs.replace(self, embedded=data.startswith(PREFIX))

    def resolved(self, backbone: Network, seed: int) -> "tuple[Self, Network]":
        changed, network = text_start.of_checkpoint(self, backbone, seed)
        return msgspec.structs.replace(self, **changed), network

    def folder(self, backbone: Network, seed: int) -> Path:
        """The folder of the checkpoint that a network with this seed starts from. Raises LookupError, ValueError."""
        return text_start.found(self, backbone, seed)[0]

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        text_start.check_network(self, backbone, self.length)
        if (self.experiences, self.classes_per_experience) != (len(self.tasks), CLASSES):
            raise ValueError(
                f"tasks: {len(self.tasks)} tasks of {CLASSES} classes need experiences={len(self.tasks)} and "
                f"classes_per_experience={CLASSES}"
            )
        if self.heads != "each":
            raise ValueError("heads=one: the tasks of a stream have a head each")
        if self.noise:
            raise ValueError("noise: texts have none")
        if self.class_order not in (class_orders.FROM_SEED, "natural"):
            raise ValueError("class_order: a stream of tasks has seed or natural")
        return super().check(backbone, strategy)


GlueStreamConfig: TypeAlias = RunConfig[GlueStreamSpec]
