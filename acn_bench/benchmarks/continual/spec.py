"""The settings of a continual benchmark."""

import re
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec

from acn_bench.benchmarks import image_training
from acn_bench.benchmarks.continual import class_orders
from acn_bench.config import RunConfig
from acn_bench.registry import CORRUPTIONS, closest
from acn_bench.spec import Benchmark, Count, Network, NotNegative, Positive, Scheme, Strategy


class ContinualSpec(Benchmark, frozen=True, kw_only=True, tag="continual"):
    """Classes that arrive in experiences, one after the other."""

    forgets: ClassVar[bool] = True

    data: str = "cifar100"  # or pkg.module:function, which makes an Avalanche benchmark
    arguments: dict[str, Any] = {}  # of that function
    experiences: Count = 20
    classes_per_experience: Count = 5
    heads: Literal["each", "one"] = "each"  # a head each: task-incremental
    epochs: Count = 10  # per experience
    batch_size: Count = 64
    optimizer: Literal["adamw"] = "adamw"  # its state is kept across experiences; no schedule
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    crop_padding: Annotated[int, msgspec.Meta(ge=0, le=32)] = 4  # pixels; 0: no random crop
    flip: bool = True  # horizontal; never on digits
    validation: Annotated[float, msgspec.Meta(gt=0, lt=1)] = (
        0.1  # share of the training rows of each class that is held out
    )
    noise: dict[str, tuple[NotNegative, ...]] = {}  # corruption -> levels
    noise_after: Literal["last", "every"] = "last"  # experience
    scheme: Scheme = "plain"  # which depths the loss is of, and which blocks drop
    linear_probe: bool = False  # of every depth of the final model, beside its head
    class_order: str | tuple[int, ...] = "seed"  # drawn by seeds.order; a named order; or a list
    # what ends an experience: "epochs"; "images", as many as its epochs hold, replayed ones among them; or
    # seconds of training, "20s"
    budget: str = "epochs"

    def __post_init__(self) -> None:
        """Raises ValueError for an order, a budget or a noise level that cannot be: later would be too late."""
        class_orders.check(self.class_order)
        if self.arguments and ":" not in self.data:
            raise ValueError(
                f"arguments are of a benchmark function, and {self.data!r} is a data set"
            )
        if self.budget not in ("epochs", "images") and not self.seconds:
            raise ValueError(
                f"unknown budget {self.budget!r}. Known: epochs, images, or the seconds of an experience: 20s"
            )
        if self.budget != "epochs" and self.scheme != "plain":
            raise ValueError(
                f"scheme={self.scheme} changes with the epochs that are to come, and budget={self.budget} "
                "does not know them: only budget=epochs will do"
            )
        for name, levels in self.noise.items():
            if name not in CORRUPTIONS:
                raise ValueError(f"unknown corruption {name!r}. {closest(name, CORRUPTIONS)}")
            limit = CORRUPTIONS.entry(name).limit
            for level in levels:
                if limit is not None and level > limit:
                    raise ValueError(
                        f"{name} is a share of pixels, at most {limit:g}, not {level:g}"
                    )

    @property
    def datasets(self) -> tuple[str, ...]:
        return (self.data,)

    @property
    def seconds(self) -> float | None:
        """How long an experience is trained on, where seconds are its budget."""
        said = re.fullmatch(r"(\d+(?:\.\d+)?)s", self.budget)
        return float(said[1]) if said else None

    @property
    def data_arguments(self) -> dict[str, Any]:
        return self.arguments

    @property
    def corruptions(self) -> tuple[str, ...]:
        return tuple(self.noise)

    @property
    def held_out(self) -> float:
        return self.validation

    @property
    def task_incremental(self) -> bool:
        """Whether each experience has a head, and is known when tested."""
        return self.heads == "each"

    def on(self, data: str) -> "ContinualSpec":
        """Mirrors no digits; `arguments` stay with the function that they are of."""
        arguments = self.arguments if data == self.data else {}
        flip = self.flip and image_training.flips((data,))
        return msgspec.structs.replace(self, data=data, arguments=arguments, flip=flip)

    def as_arm(self, word: str, backbone: str) -> "ContinualSpec":
        return image_training.with_scheme(self, word, backbone)

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        image_training.check_scheme(self.scheme, backbone)
        assert strategy is not None
        return strategy.refusal(self)


ContinualConfig: TypeAlias = RunConfig[ContinualSpec]
