"""The settings of a robustness benchmark."""

from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from acn_bench.benchmarks import image_training
from acn_bench.benchmarks.noise_conditions import NOISE, check_noise, refuse_repeated
from acn_bench.config import RunConfig
from acn_bench.errors import shorten
from acn_bench.evaluation.attack_cost import (
    ITERATIONS,
    QUERIES,
    Attack,
    AttackName,
    epsilon_name,
    epsilon_of,
)
from acn_bench.registry import COMMON, EXTRA, OFFICIAL, closest
from acn_bench.spec import Benchmark, Count, Network, NotNegative, Positive, Scheme, Share, Strategy

Constants = Literal["cifar_c", "imagenet_c"]

TRAINED_MODULE = (
    "acn_bench.benchmarks.robustness.trained"  # that a run of a trained network executes
)
ATTACK_MODULE = "acn_bench.benchmarks.robustness.attack"  # that a run with an attack executes
SETS = {"common15": COMMON, "all19": (*COMMON, *EXTRA)}


class RobustnessSpec(Benchmark, frozen=True, kw_only=True, tag="robustness"):
    """A network is trained on clean images, then measured on clean, noisy and corrupted test images."""

    arm: ClassVar[tuple[str, ...]] = ("scheme",)
    takes_trained: ClassVar[bool] = True
    trains_photographs: ClassVar[bool] = False

    data: str = "cifar10"
    scheme: Scheme = "plain"
    epochs: Count = 100  # at most
    # held-out accuracy at which the training stops, so that arms are similar on clean images; null: all epochs
    match: Share | None = None
    checks_per_epoch: Count = 1  # measurements of the held-out accuracy
    batch_size: Count = 64
    optimizer: Literal["adamw"] = "adamw"  # no schedule
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    crop_padding: Annotated[int, msgspec.Meta(ge=0, le=32)] = 4  # pixels; 0: no random crop
    flip: bool = True  # horizontal; never on digits
    validation: Annotated[float, msgspec.Meta(gt=0, lt=1)] = (
        0.1  # share of the training rows of each class that is held out
    )
    noise: dict[str, tuple[NotNegative, ...]] = {}  # gaussian, salt_and_pepper -> levels
    noise_clip: bool = True  # to [0, 1]; salt and pepper never leaves it
    noise_quantise: bool = False  # noisy images in steps of 1/255, truncated as np.uint8 does
    # σ counts in normalised pixels (mean and standard deviation 0.5): gaussian alone
    noise_after_normalisation: bool = False
    noise_per_value: bool = False  # salt and pepper: a share of the values, not of the pixels
    corruptions: str | tuple[str, ...] = ()  # names, "common15" or "all19"
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)  # of each of them
    constants: Constants = "cifar_c"  # of corruptions that are made here
    official: bool = False  # corrupted images are read from the official files, not made here
    official_set: Literal["c", "c_bar", "3dcc"] = "c"  # of ImageNet: -C, -C-bar or -3DCC
    # pixels a side of photographs in class folders, and the shorter side before the centre is cropped; images in
    # memory keep their own size
    image_size: Count = 224
    resized: Count = 256
    attack: Literal["none", "linf"] = "none"  # on clean test images, at full depth
    attack_method: AttackName = "standard"  # apgd: APGD-CE and APGD-T alone, a fifth of the passes
    epsilon: str | float = "8/255"  # of pixels in [0, 1]: a number, or a fraction such as 8/255
    attack_images: Count = 1000  # the first test images by row; all of them where there are fewer
    attack_iterations: Count = ITERATIONS  # of APGD and FAB; fewer than AutoAttack's are weaker
    attack_queries: Count = QUERIES  # of Square; likewise

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown corruption, an impossible level, and options that exclude each other."""
        msgspec.structs.force_setattr(self, "epsilon", epsilon_name(self.epsilon))  # one run_id
        named = self.corruptions
        if isinstance(named, str):  # a record names each corruption: a set may grow
            named = SETS.get(named, (named,))
            msgspec.structs.force_setattr(self, "corruptions", named)
        self._check_official()
        known = self.known_corruptions
        for name in named:
            _check_corruption(name, known)
        refuse_repeated("corruptions", named)
        refuse_repeated("severities", self.severities)
        if named and not self.severities:
            raise ValueError("severities is empty: each corruption needs one severity or more")
        for severity in self.severities:
            if severity not in range(1, 6):
                raise ValueError(f"severities: they are 1, 2, 3, 4 and 5, not {shorten(severity)}")
        check_noise(self.noise)
        if self.image_size > self.resized:
            raise ValueError(
                f"image_size is {self.image_size}, larger than resized, {self.resized}, whose centre it is"
            )
        self._check_noise_options()

    def _check_noise_options(self) -> None:
        if self.noise_quantise and not self.noise_clip:
            raise ValueError("noise_quantise needs noise_clip: 8 bits hold nothing outside [0, 1]")
        others = [name for name in self.noise if name != "gaussian"]
        if self.noise_after_normalisation and others:
            raise ValueError(
                f"noise_after_normalisation is of gaussian noise alone: leave {others[0]} out of noise"
            )

    def _check_attack(self) -> None:
        """An option of an attack that is off would make another run of the same measurements."""
        options = ("attack_method", "epsilon", "attack_images", "attack_iterations", "attack_queries")  # fmt: skip
        default = RobustnessSpec(name=self.name)
        changed = [name for name in options if getattr(self, name) != getattr(default, name)]
        if self.attack == "none" and changed:
            raise ValueError(
                f'{changed[0]} needs an attack: --attack linf, or attack = "linf" in the card'
            )

    def _check_official(self) -> None:
        if not self.official:
            if self.official_set != "c":
                raise ValueError(f"official_set={self.official_set} needs official=true")
            return
        if self.files not in OFFICIAL:
            raise ValueError(
                f"official: files of corrupted images are known by the names {', '.join(OFFICIAL)}, and "
                f"{shorten(self.files)} is none of them; the benchmark noise_cifar10 makes corruptions of any images"
            )
        if self.constants != "cifar_c":
            raise ValueError(
                f"official files have constants of their own: leave out constants={self.constants}"
            )
        if not self.corruptions:
            raise ValueError("official files are of corruptions, and corruptions is empty")

    @property
    def files(self) -> str:
        """The name that official files of corrupted images have, of these data."""
        return f"{self.data}_{self.official_set}"

    @property
    def known_corruptions(self) -> tuple[str, ...]:
        """Those that can be made here, or that the official files may have."""
        if not self.official:
            return SETS["all19"]
        info = OFFICIAL.load(self.files)
        return (*info.corruptions, *info.extra)

    @property
    def standard_corruptions(self) -> tuple[str, ...]:
        """Those that a published mean is over."""
        return OFFICIAL.load(self.files).corruptions if self.official else SETS["common15"]

    @property
    def common(self) -> tuple[str, ...]:
        """The corruptions by name."""
        assert not isinstance(self.corruptions, str)
        return self.corruptions

    @property
    def datasets(self) -> tuple[str, ...]:
        return (self.data,)

    def image_shape(self, loaded: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        return loaded or (3, self.image_size, self.image_size)

    @property
    def official_files(self) -> tuple[str, ...]:
        return (self.files,) if self.official else ()

    @property
    def corruption_names(self) -> tuple[str, ...]:
        """Those that are made here."""
        return (*self.noise, *(() if self.official else self.common))

    @property
    def conditions(self) -> int:
        """How many times the test images are measured besides clean."""
        levels = sum(len(levels) for levels in self.noise.values())
        return levels + len(self.common) * len(self.severities)

    @property
    def linf(self) -> Attack | None:
        """The attack; None without one."""
        if self.attack == "none":
            return None
        return Attack(
            self.attack_method,
            epsilon_of(self.epsilon),
            self.attack_iterations,
            self.attack_queries,
        )

    def attacked(self, tests: int) -> int:
        """How many of so many test images are attacked."""
        return 0 if self.attack == "none" else min(self.attack_images, tests)

    @property
    def held_out(self) -> float:
        return self.validation

    def on(self, data: str) -> "RobustnessSpec":
        """No mirroring for digits."""
        flip = self.flip and image_training.flips((data,))
        return msgspec.structs.replace(self, data=data, flip=flip)

    def as_arm(self, word: str, backbone: str) -> "RobustnessSpec":
        return image_training.with_scheme(self, word, backbone)

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        image_training.check_scheme(self.scheme, backbone)
        self._check_attack()
        if self.noise_after_normalisation and backbone.family is None:
            raise ValueError(
                f"{backbone.name}: noise_after_normalisation needs a network whose normalisation is known, and a "
                "factory's is not"
            )
        return None


def _check_corruption(name: str, known: tuple[str, ...]) -> None:
    if name in NOISE:
        raise ValueError(
            f"corruptions: {name} has levels, not severities; write noise = {{ {name} = […] }}"
        )
    if name not in known:
        raise ValueError(f"unknown corruption {shorten(name)}. {closest(name, (*known, *SETS))}")


RobustnessConfig: TypeAlias = RunConfig[RobustnessSpec]
