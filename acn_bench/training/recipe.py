"""The settings of an optimisation: how to train, of any network on any task."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from acn_bench.errors import shorten
from acn_bench.registry import closest
from acn_bench.spec import PRECISIONS, Precision

Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["constant", "cosine", "linear"]
Wrapping = Literal["ddp", "fsdp"]

# how a training is computed and not what it computes: a checkpoint serves other values, too
COMPUTED_BY = ("micro_batch", "compiled", "wrapping", "unused_parameters", "loss_limit")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to optimise. A kind of benchmark builds it from its spec."""

    epochs: int
    batch_size: int  # rows of a step, over all processes and micro-batches
    # rows that one process passes through the network at a time; None: its share of a step
    micro_batch: int | None = None
    drop_last: bool = False  # leave out the last, shorter step of an epoch
    max_steps: int | None = None  # of the whole training; None: `epochs` whole epochs
    optimizer: Optimizer = "adamw"
    learning_rate: float
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)  # of Adam and AdamW
    epsilon: float = 1e-8  # likewise
    momentum: float = 0.9  # of SGD
    decay_norms: bool = (
        True  # False: no weight decay for biases and norms (parameters of 0 or 1 axes)
    )
    warmup_steps: int = 0  # the learning rate grows linearly from 0
    schedule: Schedule = "constant"  # after the warm-up
    final_learning_rate: float = 0.0  # at the end of `cosine` and `linear`
    clip_norm: float | None = None  # the largest L2 norm of the gradient of a step
    ema_decay: float | None = (
        None  # of the exponential moving average of the weights; None: no average
    )
    precision: Precision = "fp32"
    compiled: bool = False
    wrapping: Wrapping = "ddp"  # of several processes
    # a step may leave parameters without a gradient, as LayerDrop does: DDP then looks for them. FSDP cannot
    unused_parameters: bool = False
    loss_limit: float = 1e4  # a mean loss of a step above it stops the training

    def __post_init__(self) -> None:
        """Raises ValueError for a value that is out of range, LookupError for an unknown word."""
        for name, (allowed, words) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not allowed(value):
                raise ValueError(f"{name} is {words}, not {shorten(value)}")
        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                word = getattr(self, name)
                raise LookupError(f"unknown {name} {shorten(word)}. {closest(str(word), known)}")

    @property
    def identity(self) -> dict[str, object]:
        """The settings that decide what is computed: a checkpoint serves no other values of these."""
        return {k: v for k, v in asdict(self).items() if k not in COMPUTED_BY}

    def steps(self, rows: int) -> int:
        """Steps of an epoch of that many rows. Raises ValueError where there are none."""
        full, rest = divmod(rows, self.batch_size)
        steps = full + (rest > 0 and not self.drop_last)
        if not steps:
            reason = f"are no whole batch of {self.batch_size}" if rows else "cannot be trained on"
            raise ValueError(f"{rows} rows {reason}: drop_last=False or a smaller batch_size")
        return steps

    def total_steps(self, rows: int) -> int:
        """Steps of the whole training."""
        planned = self.epochs * self.steps(rows)
        return planned if self.max_steps is None else min(planned, self.max_steps)


_COUNT = (lambda v: v >= 1), "1 or more"
_POSITIVE = (lambda v: v > 0), "above 0"
_NOT_NEGATIVE = (lambda v: v >= 0), "0 or more"
_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "micro_batch": _COUNT,
    "max_steps": _COUNT,
    "learning_rate": _NOT_NEGATIVE,
    "weight_decay": _NOT_NEGATIVE,
    "warmup_steps": _NOT_NEGATIVE,
    "final_learning_rate": _NOT_NEGATIVE,
    "clip_norm": _POSITIVE,
    "epsilon": _POSITIVE,
    "loss_limit": _POSITIVE,
    "ema_decay": ((lambda v: 0 <= v < 1), "at least 0 and below 1"),
}
_WORDS: dict[str, tuple[str, ...]] = {
    "optimizer": get_args(Optimizer),
    "schedule": get_args(Schedule),
    "precision": PRECISIONS,
    "wrapping": get_args(Wrapping),
}
