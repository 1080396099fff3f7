"""The settings of supervised training on images."""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args

import msgspec

from acn_bench.benchmarks import image_training
from acn_bench.benchmarks.noise_conditions import check_noise, refuse_repeated
from acn_bench.config import RunConfig
from acn_bench.errors import shorten
from acn_bench.registry import DATA, closest
from acn_bench.spec import Benchmark, Count, Network, NotNegative, Positive, Share, Strategy

# `branches` trains a classifier after some blocks, beside the head (ACN paper, appendix H)
TrainingScheme = Literal["plain", "aligned", "layerskip", "layerdrop", "branches"]
Policy = Literal["none", "autoaugment_cifar10", "autoaugment_imagenet", "randaugment"]
BelowOne = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
SCHEMES: tuple[str, ...] = get_args(TrainingScheme)


class SupervisedSpec(Benchmark, frozen=True, kw_only=True, tag="supervised"):
    """A network is trained on images by a recipe, then measured at every depth, clean and under noise."""

    arm: ClassVar[tuple[str, ...]] = ("scheme",)

    data: str = "cifar10"
    # ------------------------------------------------------------ the task
    # how many classes of the data are trained and tested, the first in the order below; null: all
    classes: Annotated[int, msgspec.Meta(ge=2, le=2**53)] | None = None
    class_order: Literal["seed", "natural"] = "seed"  # seed: drawn from `seed.order`
    per_class: Count | None = None  # training rows of each class, held-out rows aside; null: all
    per_class_draw: Literal["random", "first"] = "random"  # which rows; random: by `seed.data`
    validation: Annotated[float, msgspec.Meta(gt=0, lt=1)] = (
        0.1  # share of the training rows of each class that is held out
    )
    # ------------------------------------------------------------ the network's training
    scheme: TrainingScheme = "plain"
    branches: tuple[Count, ...] = (4, 8, 12)  # blocks with a branch after them
    branch_weights: tuple[NotNegative, ...] = (0.8, 0.6, 0.4)  # of their losses
    drop_path: BelowOne = (
        0.0  # rate of the last block, from 0 at the first; whole blocks, per image
    )
    epochs: Count = 100
    batch_size: Count = 64  # over all processes
    micro_batch: Count | None = None  # rows of one pass in one process; null: all at once
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: Positive = 1e-3
    final_learning_rate: NotNegative = 0.0  # at the end of the schedule
    schedule: Literal["constant", "cosine", "linear"] = "constant"  # after the warm-up
    warmup_epochs: NotNegative = 0.0  # the rate rises linearly from 0
    weight_decay: NotNegative = 0.01
    decay_norms: bool = True  # weight decay on biases and norms, too
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    momentum: BelowOne = 0.9  # of sgd
    clip_norm: Positive | None = None  # of all gradients together
    # what gradients are multiplied by where they are clipped; 65536 clips scaled gradients, as a GradScaler without
    # `unscale_` does
    clip_scale: Positive = 1.0
    ema_decay: BelowOne | None = None  # then the average is measured and saved; null: the weights
    label_smoothing: BelowOne = 0.0
    compiled: bool = False  # by torch.compile
    wrapping: Literal["ddp", "fsdp"] = "ddp"  # of several processes
    # whether each block's gradient is split into its direct and its mediated part at the end of each epoch
    gradients: bool = False
    # ------------------------------------------------------------ images
    # pixels a side of images that lie in folders, and the shorter side before a test image's centre is cropped;
    # images in memory keep their own size
    image_size: Count = 224
    resized: Count = 256
    # photographs are decoded once, into a file of squares of `resized` pixels, from which training crops are drawn
    cached: bool = False
    damaged: Literal["stop", "skip"] = "stop"  # what an image that cannot be read does to the run
    normalisation: Literal["half", "cifar10", "imagenet"] = "half"  # half: mean and std 0.5
    crop: Literal["shift", "resized"] = "shift"  # shift: pad with black, crop at the same size
    crop_padding: Annotated[int, msgspec.Meta(ge=0, le=32)] = 4  # of shift, pixels; 0: none
    crops: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1  # of shift, one after the other
    crop_scale: tuple[Positive, Positive] = (0.08, 1.0)  # of resized, shares of the area
    flip: bool = True  # horizontal; never on digits
    policy: Policy = "none"
    policy_operations: Count = 2  # of randaugment
    policy_magnitude: Annotated[int, msgspec.Meta(ge=0, le=30)] = 9  # of randaugment
    cutmix: Share = 0.0  # of the images, each with a box and a partner of its own
    cutmix_alpha: Positive = 1.0  # Beta(α, α)
    mixup: Share = 0.0  # of the images; never of those that CutMix changes
    mixup_alpha: Positive = 0.2
    erasing: Share = 0.0  # of the images
    # ------------------------------------------------------------ the measurements
    evaluate_every: Count | None = None  # epochs; null: measure the trained network alone
    noise: dict[str, tuple[NotNegative, ...]] = {}  # gaussian, salt_and_pepper -> levels
    noise_clip: bool = True  # to [0, 1]; salt and pepper never leaves it
    noise_quantise: bool = False  # noisy images in steps of 1/255, truncated as np.uint8 does
    noise_per_value: bool = False  # salt and pepper: a share of the values, not of the pixels
    # early exit where the entropy, in nats, is below; the first one is the metrics'
    exit_thresholds: tuple[NotNegative, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for options that cannot be, or that exclude each other."""
        check_noise(self.noise)
        refuse_repeated("exit_thresholds", self.exit_thresholds)
        if len(self.branches) != len(self.branch_weights):
            raise ValueError(
                f"branches has {len(self.branches)} blocks, and branch_weights has "
                f"{len(self.branch_weights)} weights: give one for each"
            )
        if list(self.branches) != sorted(set(self.branches)):
            raise ValueError(
                f"branches are blocks in ascending order, not {shorten(self.branches)}"
            )
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup_epochs:g}, and the training has {self.epochs} epochs"
            )
        low, high = self.crop_scale
        if not low <= high <= 1:
            raise ValueError(
                f"crop_scale is two shares of the area in ascending order, not {low:g} and {high:g}"
            )
        if self.image_size > self.resized:
            raise ValueError(
                f"image_size is {self.image_size}, larger than resized, {self.resized}, whose centre it is"
            )
        if self.gradients and (self.compiled or self.wrapping == "fsdp"):
            other = "compiled" if self.compiled else "wrapping=fsdp"
            raise ValueError(
                f"gradients takes the gradients of whole blocks apart, and excludes {other}"
            )
        if self.cutmix + self.mixup > 1:
            raise ValueError(
                f"cutmix={self.cutmix:g} and mixup={self.mixup:g} are shares of the images: together at most 1"
            )

    @property
    def datasets(self) -> tuple[str, ...]:
        return (self.data,)

    @property
    def corruption_names(self) -> tuple[str, ...]:
        return tuple(self.noise)

    @property
    def held_out(self) -> float:
        return self.validation

    @property
    def evaluated_epochs(self) -> list[int]:
        """After how many epochs the network is measured while it is trained."""
        if self.evaluate_every is None:
            return []
        last = self.epochs - self.epochs % self.evaluate_every
        every = range(self.evaluate_every, last + 1, self.evaluate_every)
        return [*every, *([self.epochs] if last < self.epochs else [])]

    @property
    def clipped_at(self) -> float | None:
        """The norm that gradients are clipped to, in their own scale."""
        return None if self.clip_norm is None else self.clip_norm / self.clip_scale

    @property
    def conditions(self) -> int:
        """How many times the test images are measured besides clean."""
        return sum(len(levels) for levels in self.noise.values())

    def image_shape(self, loaded: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        return loaded or (3, self.image_size, self.image_size)

    def on(self, data: str) -> "SupervisedSpec":
        """On other data: no mirroring for digits, and no number of classes, except on the embedded substitute."""
        flip = self.flip and image_training.flips((data,))
        substitute = self.data in DATA and DATA.load(self.data).embedded == data
        classes = self.classes if data == self.data or substitute else None
        return msgspec.structs.replace(self, data=data, flip=flip, classes=classes)

    def as_arm(self, word: str, backbone: str) -> "SupervisedSpec":
        if word not in SCHEMES:
            raise LookupError(
                f"unknown scheme {shorten(word)} of {backbone}. {closest(word, SCHEMES)}"
            )
        values: dict[str, Any] = {"scheme": word}
        return msgspec.structs.replace(self, **values)

    def check(self, backbone: Network, strategy: Strategy | None) -> str | None:
        needs = f"scheme={self.scheme}" if self.scheme != "plain" else ""
        needs = needs or (f"drop_path={self.drop_path:g}" if self.drop_path else "")
        needs = needs or ("gradients" if self.gradients else "")
        if needs and backbone.depth is None:
            raise ValueError(
                f"{backbone.name}: {needs} needs a network with known blocks, and a factory's network has none"
            )
        if self.drop_path and self.scheme != "plain":
            raise ValueError(
                f"drop_path={self.drop_path:g} is for scheme=plain: {self.scheme} has rules of its own"
            )
        last = self.branches[-1] if self.scheme == "branches" and self.branches else 0
        if backbone.depth is not None and last >= backbone.depth:
            raise ValueError(
                f"branches: one comes after block {last}, and {backbone.name} has {backbone.depth} blocks; a branch "
                "comes before the last one (--set branches=[…])"
            )
        return None


SupervisedConfig: TypeAlias = RunConfig[SupervisedSpec]
