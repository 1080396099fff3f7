"""The settings of a continual benchmark."""

import re
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec

from acn_bench.benchmarks import image_training
from acn_bench.benchmarks.continual import class_orders
from acn_bench.config import RunConfig
from acn_bench.errors import shorten
from acn_bench.registry import CORRUPTIONS, closest
from acn_bench.spec import Benchmark, Count, Network, NotNegative, Positive, Scheme, Share, Strategy


class ContinualSpec(Benchmark, frozen=True, kw_only=True, tag="continual"):
    """A stream of experiences, each with new classes."""

    forgets: ClassVar[bool] = True

    data: str = "cifar100"  # or pkg.module:function that returns an Avalanche benchmark
    arguments: dict[str, Any] = {}  # of that function
    experiences: Count = 20
    classes_per_experience: Count = 5
    # "each": task-incremental (multi-head); "one": class-incremental (single head)
    heads: Literal["each", "one"] = "each"
    epochs: Count = 10  # per experience
    batch_size: Count = 64
    optimizer: Literal["adamw"] = "adamw"  # one state for all experiences; no schedule
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    crop_padding: Annotated[int, msgspec.Meta(ge=0, le=32)] = 4  # pixels; 0: no random crop
    flip: bool = True  # horizontal; never on digits
    validation: Annotated[float, msgspec.Meta(gt=0, lt=1)] = (
        0.1  # share of the training rows of each class that is held out
    )
    noise: dict[str, tuple[NotNegative, ...]] = {}  # corruption -> levels
    noise_after: Literal["last", "every"] = (
        "last"  # measure noise after the last or every experience
    )
    scheme: Scheme = "plain"  # the depths in the loss, and the blocks that are dropped
    linear_probe: bool = False  # fit a linear probe for every depth of the final model
    # "seed": drawn by seeds.order; the name of a published order; or a list of classes
    class_order: str | tuple[int, ...] = "seed"
    # the training of an experience ends after its "epochs"; after as many "images" as its epochs have, replayed
    # ones included; or after seconds of training: "20s"
    budget: str = "epochs"
    # "strength": for each experience after the first, the largest strength of the strategy that still learns it
    select: Literal["none", "strength"] = "none"
    select_start: Positive = 100.0  # the first strength to try, in strengths of the strategy
    select_decay: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.25  # from one try to the next
    select_drop: Share = 0.2  # of the held-out accuracy of plain fine-tuning that may be lost
    select_tries: Annotated[int, msgspec.Meta(ge=1, le=100)] = 7  # at most, besides fine-tuning

    def __post_init__(self) -> None:
        """Raises ValueError for an invalid class order, budget or noise level, before anything runs."""
        class_orders.check(self.class_order)
        if self.arguments and ":" not in self.data:
            raise ValueError(
                f"arguments are of a benchmark function, and {shorten(self.data)} is a data set"
            )
        if self.budget not in ("epochs", "images") and not self.seconds:
            raise ValueError(
                f"unknown budget {shorten(self.budget)}. Known: epochs, images, or the seconds of an experience: 20s"
            )
        self._refuse_budget()
        for name, levels in self.noise.items():
            if name not in CORRUPTIONS:
                raise ValueError(
                    f"unknown corruption {shorten(name)}. {closest(name, CORRUPTIONS)}"
                )
            for level in levels:
                wrong = CORRUPTIONS.entry(name).level_error(name, level)
                if wrong:
                    raise ValueError(wrong)

    def _refuse_budget(self) -> None:
        """Raise ValueError where a scheme or a selection needs equal epochs or images."""
        if self.budget != "epochs" and self.scheme != "plain":
            raise ValueError(
                f"scheme={self.scheme} changes with the epochs that are to come, and budget={self.budget} "
                "does not know them: only budget=epochs will do"
            )
        if self.select != "none" and self.seconds:
            raise ValueError(
                f"select={self.select} repeats the training of an experience, and budget={self.budget} ends none twice "
                "at the same step: only budget=epochs or budget=images will do"
            )

    @property
    def datasets(self) -> tuple[str, ...]:
        return (self.data,)

    @property
    def classes(self) -> int:
        """The classes of all experiences."""
        return self.experiences * self.classes_per_experience

    @property
    def seconds(self) -> float | None:
        """Seconds of training per experience, for a budget in seconds; else None."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)s", self.budget)
        return float(match[1]) if match else None

    @property
    def data_arguments(self) -> dict[str, Any]:
        return self.arguments

    @property
    def corruption_names(self) -> tuple[str, ...]:
        return tuple(self.noise)

    @property
    def held_out(self) -> float:
        return self.validation

    @property
    def task_incremental(self) -> bool:
        """Whether each experience has its own head, and its task label is known at test time."""
        return self.heads == "each"

    def on(self, data: str) -> "ContinualSpec":
        """No mirroring for digits; `arguments` apply to their own data function only."""
        arguments = self.arguments if data == self.data else {}
        flip = self.flip and image_training.flips((data,))
        return msgspec.structs.replace(self, data=data, arguments=arguments, flip=flip)

    def as_arm(self, word: str, backbone: str) -> "ContinualSpec":
        return image_training.with_scheme(self, word, backbone)

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        self._refuse_one_class()
        image_training.check_scheme(self.scheme, backbone)
        assert strategy is not None
        if (
            self.select != "none"
            and strategy.selectable
            and not getattr(strategy, strategy.selectable)
        ):
            raise ValueError(
                f"{strategy.name}: select={self.select} starts from a multiple of {strategy.selectable}, which is 0; "
                f"write {strategy.selectable}=1"
            )
        return strategy.refusal(self)

    def _refuse_one_class(self) -> None:
        """Raise ValueError where a head has one class, so that every prediction is right."""
        if self.classes_per_experience > 1:
            return
        if self.task_incremental:
            raise ValueError(
                "classes_per_experience=1 and heads=each: a head of one class predicts nothing else; "
                "write classes_per_experience=2 or more, or heads=one"
            )
        if self.experiences == 1:
            raise ValueError(
                "experiences=1 and classes_per_experience=1: a head of one class predicts nothing else; "
                "write experiences=2 or more"
            )


ContinualConfig: TypeAlias = RunConfig[ContinualSpec]
