"""The settings of a masked-language pre-training."""

from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from acn_bench.benchmarks.text_start import TextBenchmark
from acn_bench.config import RunConfig
from acn_bench.errors import shorten
from acn_bench.registry import closest
from acn_bench.spec import Count, Network, NotNegative, Positive, Share, Strategy

DATA = ("text", "rules_text")
Part = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Beta = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Length = Annotated[int, msgspec.Meta(ge=3, le=2**16)]


class MlmSpec(TextBenchmark, frozen=True, kw_only=True, tag="mlm"):
    """A text network is pre-trained on masked tokens, then measured on other text at every depth."""

    arm: ClassVar[tuple[str, ...]] = ()

    data: str = "text"
    epochs: Count = 1
    max_steps: Count | None = None  # of the whole training; null: all epochs
    batch_size: Count = 2048  # sequences of a step, over all processes and micro-batches
    micro_batch: Count | None = None  # sequences of one forward pass; null: the share of a process
    length: Length = 128  # tokens of a sequence
    masked: Part = 0.15  # of the tokens that are chosen; 80 % of them become [MASK], 10 % another
    optimizer: Literal["adamw"] = "adamw"
    learning_rate: Positive = 1e-3
    betas: tuple[Beta, Beta] = (0.9, 0.98)
    epsilon: Positive = 1e-9
    weight_decay: NotNegative = 0.01
    warmup: Share = 0.5  # of the steps
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    clip_norm: Positive | None = 0.5
    validation: Part = 0.01  # share of the sequences that is held out
    compiled: bool = False

    @property
    def datasets(self) -> tuple[str, ...]:
        return (self.data,)

    @property
    def held_out(self) -> float:
        return self.validation

    def on(self, data: str) -> "MlmSpec":
        """The pre-training on that text. Raises LookupError for data of another kind."""
        if data not in DATA:
            raise LookupError(f"--data {shorten(data)}: no plain text. {closest(data, DATA)}")
        return msgspec.structs.replace(self, data=data)

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        self.check_network(backbone, self.length)
        return None


MlmConfig: TypeAlias = RunConfig[MlmSpec]
