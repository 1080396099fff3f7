"""A network that was trained before: by a run of this package, or by others."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from acn_bench.spec import Depth, Inputs, Network, Variant, Wiring, refuse_other_shape

if TYPE_CHECKING:
    from typing import Self

ZOO_MODULE = (
    "acn_bench.backbones.robustbench"  # that a run of a model of RobustBench's zoo executes
)


class TrainedSpec(Network, frozen=True, kw_only=True, tag="trained"):
    """The network of a weights file or of RobustBench's zoo, or the one that `pkg.module:function` returns.

    A run measures it and no more.
    """

    inputs: ClassVar[Inputs | None] = "image"
    trained: ClassVar[bool] = True
    role: ClassVar[str] = "trained network"

    checkpoint: str  # the file's path, or the function
    source: str = ""  # hash of the file, or of the file that defines the function
    zoo: str = (
        ""  # of RobustBench's zoo: `<dataset>/<threat model>/<name>`, the end of the file's path
    )
    # of a weights file, from its header
    architecture: str = ""  # the family's tag
    wiring: Wiring | None = None
    variant: Variant | None = None
    depth: Depth | None = None  # blocks, after a cut
    image_shape: tuple[int, int, int] | None = None  # (C, H, W) of its images; None: unknown

    @property
    def family(self) -> str | None:
        return self.architecture or None

    @property
    def name(self) -> str:
        """The wiring, family and variant of a weights file; else the zoo's name, or the function."""
        if self.zoo:
            return f"robustbench:{self.zoo}"
        if self.wiring is None:
            return self.checkpoint
        return f"{self.wiring}_{self.architecture}:{self.variant}"

    @property
    def modules(self) -> tuple[str, ...]:
        return (ZOO_MODULE,) if self.zoo else ()

    @property
    def of_arm(self) -> tuple[str, ...]:
        return ("wiring", "checkpoint", "source") if self.wiring else ()

    @property
    def words(self) -> list[str]:
        if self.zoo:
            return ["trained", "robustbench", *self.zoo.split("/")]
        if self.wiring is None:
            return ["trained", self.checkpoint.replace(":", "-").replace(".", "-")]
        return ["trained", self.name.replace(":", "-"), f"d{self.depth}"]

    @property
    def arm(self) -> str:
        return self.wiring or self.name

    @property
    def function(self) -> str | None:
        return None if self.wiring or self.zoo else self.checkpoint

    @property
    def file(self) -> Path:
        """The weights file."""
        assert self.function is None
        return Path(self.checkpoint)

    def for_images(self, shape: tuple[int, int, int]) -> "Self":
        """This network. Raises ValueError where it takes images of another shape."""
        if self.image_shape is not None:
            refuse_other_shape(self.checkpoint, self.image_shape, shape)
        return self
