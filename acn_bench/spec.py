"""What a card can set: frozen, typed structs, and the bases of backbones, strategies and protocols.

A field that is added later changes no `run_id` as long as its default is the old behaviour. For the same reason
a default, once released, never changes here: cards do.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

if TYPE_CHECKING:
    from typing import Self

    from acn_bench.benchmarks.continual.spec import ContinualSpec

Wiring = Literal["ac", "residual", "feedforward", "densenet", "denseformer"]
Variant = Literal["plain", "released"]
Precision = Literal["fp32", "bf16"]
Scheme = Literal["plain", "aligned", "layerskip", "layerdrop"]
Inputs = Literal["image", "text"]

# It names folders and files, so it is a plain word
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**53)]  # as a float it is the same number
Depth = Annotated[int, msgspec.Meta(ge=1, le=10_000)]  # more blocks take minutes to build
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]

WIRINGS: tuple[Wiring, ...] = ("ac", "residual", "feedforward", "densenet", "denseformer")
VARIANTS: tuple[Variant, ...] = ("plain", "released")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of everything that a card or a record holds: frozen, and strict about unknown keys."""


# ---------------------------------------------------------------- backbones


class Network(Struct, frozen=True, kw_only=True, tag_field="family"):
    """A network to train: one of a family, or of a factory."""

    inputs: ClassVar[Inputs | None] = None  # None: unknown
    trained: ClassVar[bool] = False  # before the run, which measures it and no more
    role: ClassVar[str] = "backbone factory"  # of its function, for a message

    @property
    def name(self) -> str:
        """As written on the command line."""
        raise NotImplementedError

    @property
    def of_arm(self) -> tuple[str, ...]:
        """The fields that differ between the runs of a group."""
        return ("wiring",)

    @property
    def words(self) -> list[str]:
        """Its part of a `run_id`."""
        raise NotImplementedError

    @property
    def arm(self) -> str:
        """What tells its arm from others: the wiring; of a factory, its name."""
        raise NotImplementedError

    @property
    def family(self) -> str | None:
        """The family's tag; None for a factory's."""
        return None

    @property
    def variant(self) -> Variant | None:
        """None for a factory's."""
        return None

    @property
    def depth(self) -> int | None:
        """The number of blocks; None for a factory's, whose blocks are unknown."""
        return None

    @property
    def function(self) -> str | None:
        """The user's `pkg.module:factory` that makes it; None where the package does."""
        return None

    @property
    def source(self) -> str:
        """The hash of the file that defines the function; empty where there is none."""
        return ""

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that a run of this network executes besides those of its family."""
        return ()

    def for_images(self, shape: tuple[int, int, int]) -> "Self":
        """The network for images of shape (C, H, W). Raises ValueError where it cannot take them."""
        return self


class Backbone(Network, frozen=True, kw_only=True):
    """A network by its wiring and its depth; the subclass is the family, and adds its sizes."""

    title: ClassVar[str] = ""  # the family's name in reports
    parts: ClassVar[str] = ""  # module:function that makes its stem, blocks and readout
    # wirings whose block the authors released; the variant `released` exists for these alone
    released: ClassVar[tuple[Wiring, ...]] = ()

    wiring: Wiring
    variant: Variant = "plain"
    depth: Depth = 5

    @property
    def family(self) -> str:
        """Its tag."""
        return str(self.__struct_config__.tag)

    @property
    def name(self) -> str:
        """As written on the command line, `<wiring>_<family>:<variant>`."""
        return f"{self.wiring}_{self.family}:{self.variant}"

    @property
    def words(self) -> list[str]:
        return [self.name.replace(":", "-"), f"d{self.depth}"]

    @property
    def arm(self) -> str:
        return self.wiring


class ImageBackbone(Backbone, frozen=True, kw_only=True):
    """A network that takes an image as square patches."""

    inputs: ClassVar[Inputs | None] = "image"

    image_size: Count = 32  # pixels a side
    in_channels: Count = 3
    patch_size: Count = 4  # pixels a side

    def for_images(self, shape: tuple[int, int, int]) -> "Self":
        """The network for images of that shape. Raises ValueError where its own sizes are of other images."""
        channels, height, width = shape
        taken = self.in_channels, self.image_size, self.image_size
        if taken not in ((3, 32, 32), shape):
            raise ValueError(
                f"{self.name} takes images of {_times(taken)} (in_channels, image_size), and these are "
                f"{_times(shape)}"
            )
        if height != width or height % self.patch_size:
            raise ValueError(
                f"{self.name} cuts images into patches of {self.patch_size}×{self.patch_size}, and these are "
                f"{height}×{width}: they must be square, and patch_size must divide them (--set patch_size=…)"
            )
        return msgspec.structs.replace(self, in_channels=channels, image_size=height)


def refuse_other_shape(name: str, taken: tuple[int, int, int], shape: tuple[int, int, int]) -> None:
    """Raise ValueError where a trained network takes images of another shape (C, H, W)."""
    if taken != shape:
        raise ValueError(
            f"{name} was trained on images of {_times(taken)}, and these are {_times(shape)}"
        )


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


class FactorySpec(Network, frozen=True, kw_only=True, tag="factory"):
    """The user's own network: `pkg.module:factory`, called with `num_classes`; `.head` is its last Linear."""

    factory: str
    source: str = ""  # hash of the file that defines it, so that an edit is another run

    @property
    def name(self) -> str:
        """As written on the command line, `pkg.module:factory`."""
        return self.factory

    @property
    def words(self) -> list[str]:
        return [self.factory.replace(":", "-").replace(".", "-")]

    @property
    def arm(self) -> str:
        return self.factory

    @property
    def function(self) -> str:
        return self.factory


# ---------------------------------------------------------------- strategies


class Strategy(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A method against forgetting; the subclass is the kind of learner, and adds its hyper-parameters."""

    # naive (lower) and joint (upper) training: between them the other strategies are read
    bound: ClassVar[Literal["lower", "upper"] | None] = None
    rank: ClassVar[int] = 0  # its place in reports: lower bounds below 0, upper bounds above
    at_once: ClassVar[bool] = (
        False  # trains on all experiences together, after the last has arrived
    )
    restarts: ClassVar[bool] = False  # trains from scratch after each experience
    cost_factor: ClassVar[float] = 1.0  # time of a step, in steps of naive training
    # the hyper-parameter that trades learning for not forgetting, and is plain fine-tuning at 0; None: there is none
    selectable: ClassVar[str | None] = None

    name: Name

    @property
    def function(self) -> str | None:
        """The user's `pkg.module:builder` that makes it; None where the package does."""
        return None

    @property
    def source(self) -> str:
        """The hash of the file that defines the function; empty where there is none."""
        return ""

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        """Why it cannot serve the protocol, a sentence without its full stop; None where it can."""
        return None

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        """Images that pass forward and backward, for each of `rows` of the stream in each epoch."""
        return 1.0

    def after_each(self, protocol: "ContinualSpec") -> float:
        """Passes over an experience's rows after its training, in epochs of it: 0 where there are none."""
        return 0.0

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        """The Avalanche learner: `heads` names the parameters that belong to one experience alone."""
        raise NotImplementedError


def options(strategy: Strategy) -> dict[str, Any]:
    """A strategy's hyper-parameters, as its card's [options] name them, less the kind."""
    return {f.name: getattr(strategy, f.name) for f in msgspec.structs.fields(strategy)[1:]}


# ---------------------------------------------------------------- benchmarks


class Benchmark(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What is measured, and by which protocol; the subclass is the kind of protocol."""

    forgets: ClassVar[bool] = False  # whether something can be forgotten, so that strategies apply
    takes_trained: ClassVar[bool] = (
        False  # whether it can measure networks that were trained before
    )
    trains_photographs: ClassVar[bool] = True  # whether it trains on images in class folders
    arm: ClassVar[tuple[str, ...]] = ()  # settings that tell arms apart, as the wiring does
    # settings that follow from others and from the seed: they part no groups
    derived: ClassVar[tuple[str, ...]] = ()

    name: Name

    @property
    def kind(self) -> str:
        """The protocol's tag, e.g. `continual`."""
        return str(self.__struct_config__.tag)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of all data sets that a run reads; the first is trained on."""
        raise NotImplementedError

    @property
    def official_files(self) -> tuple[str, ...]:
        """The names of sets of official corrupted images that a run reads after its data sets."""
        return ()

    @property
    def data_arguments(self) -> dict[str, Any]:
        """Arguments of the function that makes the data, where a function does."""
        return {}

    @property
    def corruption_names(self) -> tuple[str, ...]:
        """The names of the corruptions that a run measures under."""
        return ()

    @property
    def held_out(self) -> float:
        """The share of the training rows that is held out; 0 where none is."""
        return 0.0

    def image_shape(self, loaded: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        """(C, H, W) of the network's images; `loaded` is that of the data set, None where its images differ."""
        return loaded

    def on(self, data: str) -> "Self":
        """The protocol on the data set `data`. Raises LookupError where it cannot be."""
        raise NotImplementedError

    def as_arm(self, word: str, backbone: str) -> "Self":
        """The protocol of the arm `<backbone>+<word>`. Raises LookupError where there is no such arm."""
        raise LookupError(
            f"unknown arm {backbone}+{word}: a {self.kind} benchmark has no such arms"
        )

    def resolved(self, backbone: Network, seed: int) -> "tuple[Self, Network]":
        """The protocol and the network with what files decide: a checkpoint to start from has a hash, and its sizes.

        `seed` is that of the initial weights. Raises LookupError, ValueError.
        """
        return self, backbone

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        """Raise ValueError for a backbone that cannot be trained; why the strategy cannot serve, or None."""
        return None
