"""The settings of a transfer benchmark."""

from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from acn_bench.benchmarks import image_training
from acn_bench.config import RunConfig
from acn_bench.registry import DATA, closest
from acn_bench.spec import Benchmark, Count, Network, NotNegative, Positive, Scheme, Share, Strategy


class TransferSpec(Benchmark, frozen=True, kw_only=True, tag="transfer"):
    """A network is trained on a source, then fine-tuned and measured by linear probes on a target."""

    arm: ClassVar[tuple[str, ...]] = ("scheme",)

    data: str = "cifar100"  # the source
    target: str = "cifar10"
    scheme: Scheme = "plain"  # of the training on the source
    epochs: Count = 100  # on the source, at most
    source_accuracy: Share | None = None  # held-out; training stops there; null: all epochs
    checks_per_epoch: Count = 1  # on the source: measurements of the held-out accuracy
    finetune_epochs: Count = 20
    finetune_scheme: Literal["plain", "source"] = "plain"  # `source`: the same as on the source
    batch_size: Count = 64
    optimizer: Literal["adamw"] = "adamw"  # a new one for each training; no schedule
    learning_rate: Positive = 1e-3
    finetune_learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    crop_padding: Annotated[int, msgspec.Meta(ge=0, le=32)] = 4  # pixels; 0: no random crop
    flip: bool = True  # horizontal; never on digits
    validation: Annotated[float, msgspec.Meta(gt=0, lt=1)] = (
        0.1  # share of the training rows of each class that is held out, in both data sets
    )
    # share of accuracy that the cut network may lose on held-out source rows
    tolerance: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.01
    probe_penalties: tuple[NotNegative, ...] = (1e-5, 1e-3, 1e-1)  # L2, chosen on held-out rows

    def __post_init__(self) -> None:
        """Raises ValueError if `probe_penalties` is empty."""
        if not self.probe_penalties:
            raise ValueError("probe_penalties is empty: a linear probe needs one penalty or more")

    @property
    def datasets(self) -> tuple[str, ...]:
        return (self.data, self.target)

    @property
    def held_out(self) -> float:
        return self.validation

    def on(self, data: str) -> "TransferSpec":
        """The transfer from `data` to its own target; no mirroring for digits.

        Raises LookupError if `data` has no target.
        """
        target = self.target
        if data != self.data:
            targets = {name: t for name in DATA if (t := DATA.load(name).transfers_to)}
            if data not in targets:
                raise LookupError(
                    f"--data {data}: no target is known to transfer to. {closest(data, targets)}"
                )
            target = targets[data]
        flip = self.flip and image_training.flips((data, target))
        return msgspec.structs.replace(self, data=data, target=target, flip=flip)

    def as_arm(self, word: str, backbone: str) -> "TransferSpec":
        return image_training.with_scheme(self, word, backbone)

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        image_training.check_scheme(self.scheme, backbone)
        return None


TransferConfig: TypeAlias = RunConfig[TransferSpec]
