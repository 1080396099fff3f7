"""The settings of a fine-tuning on GLUE."""

from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from acn_bench.benchmarks.text_start import TextBenchmark
from acn_bench.config import RunConfig
from acn_bench.data.glue.tasks import PREFIX, TASKS, GlueTask
from acn_bench.errors import shorten
from acn_bench.registry import closest
from acn_bench.spec import Count, Network, NotNegative, Positive, Share, Strategy

Pruning = Literal["none", "magnitude", "movement"]
PRUNED = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Part = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class GlueSpec(TextBenchmark, frozen=True, kw_only=True, tag="glue"):
    """A text network is fine-tuned on one task of GLUE, then measured on its development set at every depth."""

    arm: ClassVar[tuple[str, ...]] = ()

    task: str = "sst2"
    embedded: bool = False  # texts made by rule in place of the release's
    epochs: Count = 6
    batch_size: Count = 64
    micro_batch: Count | None = None  # rows of one forward pass; null: the whole batch
    by_length: bool = True  # batches of texts of similar length
    optimizer: Literal["adamw"] = "adamw"
    learning_rate: Positive = 2e-5
    weight_decay: NotNegative = 0.01
    warmup: Share = 0.0  # of the steps
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    clip_norm: Positive | None = None
    length: Count = 128  # tokens of a text; longer ones are cut, and counted
    token_types: bool = True  # whether the network is told which sentence of a pair a token is of
    validation: Part = 0.1  # share of the training rows of each class that is held out
    train_rows: Count | None = (
        None  # of those that are not held out, at most, drawn by the seed; null: all
    )
    # after fine-tuning, at each of `pruned`; or `movement` after each epoch, `prune_share` of what is left
    pruning: Pruning = "none"
    pruned: tuple[Part, ...] = PRUNED
    prune_share: Part = 0.2
    compiled: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown task, and for shares of pruning that do not rise."""
        if self.task not in TASKS:
            raise ValueError(f"unknown task {shorten(self.task)}. {closest(self.task, TASKS)}")
        if list(self.pruned) != sorted(set(self.pruned)):
            raise ValueError(f"pruned must rise from share to share: {shorten(self.pruned)}")

    @property
    def facts(self) -> GlueTask:
        """The task."""
        return TASKS[self.task]

    @property
    def datasets(self) -> tuple[str, ...]:
        return (f"{PREFIX}{self.task}" if self.embedded else self.task,)

    @property
    def held_out(self) -> float:
        return self.validation

    def on(self, data: str) -> "GlueSpec":
        """The task of that name; `rules_<task>` is its embedded substitute."""
        known = [*TASKS, *(f"{PREFIX}{name}" for name in TASKS)]
        if data not in known:
            raise LookupError(f"--data {shorten(data)}: no task of GLUE. {closest(data, known)}")
        task, embedded = data.removeprefix(PREFIX), data.startswith(PREFIX)
        return msgspec.structs.replace(self, task=task, embedded=embedded)

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        self.check_network(backbone, self.length)
        default = GlueSpec(name=self.name)
        if self.pruning != "magnitude" and self.pruned != default.pruned:
            raise ValueError("pruned needs pruning=magnitude")
        if self.pruning != "movement" and self.prune_share != default.prune_share:
            raise ValueError("prune_share needs pruning=movement")
        return None


GlueConfig: TypeAlias = RunConfig[GlueSpec]
