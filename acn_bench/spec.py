"""What a run is, before it runs: frozen, typed structs with their defaults.

A `RunConfig` is everything that decides a run's outcome. Its `run_id` hashes the fields that differ
from the defaults below, so a field that is added later changes no identity as long as its default
is the old behaviour. For the same reason a default, once released, never changes here: cards do.
"""

import hashlib
import re
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from acn_bench.benchmarks.continual import class_orders

Wiring = Literal["ac", "residual", "feedforward", "densenet", "denseformer"]
Variant = Literal["plain", "released"]
Precision = Literal["fp32", "bf16"]
Corruption = Literal["gaussian", "salt_and_pepper"]
Scheme = Literal["plain", "aligned", "layerskip", "layerdrop"]

# It names folders and files, so it is a plain word
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]

WIRINGS: tuple[Wiring, ...] = ("ac", "residual", "feedforward", "densenet", "denseformer")
VARIANTS: tuple[Variant, ...] = ("plain", "released")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of everything that a card or a record says: frozen, and strict about unknown keys."""


# ---------------------------------------------------------------- backbones


class Backbone(Struct, frozen=True, kw_only=True, tag_field="family"):
    """A network by its wiring and its depth; the subclass is the family, and adds its sizes."""

    wiring: Wiring
    variant: Variant = "plain"
    depth: Count = 5

    @property
    def name(self) -> str:
        """As written on the command line, `<wiring>_<family>:<variant>`."""
        return f"{self.wiring}_{self.__struct_config__.tag}:{self.variant}"


class ImageBackbone(Backbone, frozen=True, kw_only=True):
    """A network that sees an image as square patches."""

    image_size: Count = 32  # pixels a side
    in_channels: Count = 3
    patch_size: Count = 4  # pixels a side


class MixerSpec(ImageBackbone, frozen=True, kw_only=True, tag="mixer"):
    """MLP-Mixer (Tolstikhin et al. 2021) at the sizes of the ACN paper, appendix B."""

    width: Count = 128
    token_width: Count = 64
    channel_width: Count = 512


class ViTSpec(ImageBackbone, frozen=True, kw_only=True, tag="vit"):
    """Vision Transformer (Dosovitskiy et al. 2021); by default of the width of ViT-Tiny."""

    width: Count = 192
    heads: Count = 3
    mlp_ratio: Positive = 4.0


class BertSpec(Backbone, frozen=True, kw_only=True, tag="bert"):
    """BERT (Devlin et al. 2019); by default BERT-base but for its depth."""

    vocab_size: Count = 30522
    max_length: Count = 512  # tokens
    width: Count = 768
    heads: Count = 12
    mlp_ratio: Positive = 4.0
    dropout: Share = 0.0  # of the embeddings and of what each branch gives; the authors have none
    attention_dropout: Share = 0.0  # of the attention weights


class FactorySpec(Struct, frozen=True, kw_only=True, tag_field="family", tag="factory"):
    """Anybody's own network: `pkg.module:factory`, called with `num_classes`; `.head` is its last Linear."""

    factory: str
    source: str = ""  # hash of the file that defines it, so that an edit is another run

    @property
    def name(self) -> str:
        """As written on the command line, `pkg.module:factory`."""
        return self.factory


ImageSpec = MixerSpec | ViTSpec
BackboneSpec = MixerSpec | ViTSpec | BertSpec | FactorySpec


# ---------------------------------------------------------------- strategies


class Strategy(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """How forgetting is resisted; the subclass is the kind of learner."""

    name: Name


class NaiveSpec(Strategy, frozen=True, kw_only=True, tag="naive"):
    """Fine-tuning on one experience after the other: the floor."""


class JointSpec(Strategy, frozen=True, kw_only=True, tag="joint"):
    """Training on all experiences at once: the ceiling."""


class SiSpec(Strategy, frozen=True, kw_only=True, tag="si"):
    """Synaptic Intelligence (Zenke et al. 2017), as Avalanche has it."""

    strength: NotNegative = 1.0  # lambda
    damping: Positive = 1e-3  # epsilon
    importance_max: Positive | None = 1e-3  # what the importance is clipped to; null leaves it


class EwcSpec(Strategy, frozen=True, kw_only=True, tag="ewc"):
    """Elastic Weight Consolidation (Kirkpatrick et al. 2017), as Avalanche has it."""

    strength: NotNegative = 1.0  # lambda
    fisher_batch_size: Count = 64  # the squared gradient is of the mean over this many examples


class ReplaySpec(Strategy, frozen=True, kw_only=True, tag="replay"):
    """Experience replay from a memory balanced over experiences."""

    memory: Count = 500  # examples in all
    memory_batch_size: Count = 64  # examples of the memory beside each batch


class CumulativeSpec(Strategy, frozen=True, kw_only=True, tag="cumulative"):
    """Training on each experience together with all earlier ones."""


class LwfSpec(Strategy, frozen=True, kw_only=True, tag="lwf"):
    """Learning without Forgetting (Li & Hoiem 2016): the model of before is the teacher."""

    alpha: NotNegative = 1.0  # weight of the distillation
    temperature: Positive = 2.0


class MasSpec(Strategy, frozen=True, kw_only=True, tag="mas"):
    """Memory Aware Synapses (Aljundi et al. 2018)."""

    strength: NotNegative = 1.0  # lambda
    decay: Share = 0.5  # share of the earlier importance that is kept after each experience


class GemSpec(Strategy, frozen=True, kw_only=True, tag="gem"):
    """Gradient Episodic Memory (Lopez-Paz & Ranzato 2017)."""

    memory_per_experience: Count = 256  # examples
    margin: NotNegative = 0.5  # gamma


class AgemSpec(Strategy, frozen=True, kw_only=True, tag="agem"):
    """Averaged GEM (Chaudhry et al. 2019)."""

    memory_per_experience: Count = 250  # examples
    sample_size: Count = 256  # examples of the memory that give the reference gradient


class DerSpec(Strategy, frozen=True, kw_only=True, tag="der"):
    """Dark Experience Replay (Buzzega et al. 2020); with a beta it is DER++."""

    memory: Count = 500  # examples in all
    memory_batch_size: Count = 64  # examples of the memory beside each batch
    alpha: NotNegative = 0.3  # weight of the distance to the logits of the memory
    beta: NotNegative = 0.0  # weight of the labels of the memory


class IcarlSpec(Strategy, frozen=True, kw_only=True, tag="icarl"):
    """iCaRL (Rebuffi et al. 2017): herding, distillation and the nearest class mean."""

    memory: Count = 500  # examples in all


class ErAceSpec(Strategy, frozen=True, kw_only=True, tag="er_ace"):
    """ER-ACE (Caccia et al. 2022): new classes compete with each other alone."""

    memory: Count = 500  # examples in all
    memory_batch_size: Count = 64  # examples of the memory beside each batch


class GdumbSpec(Strategy, frozen=True, kw_only=True, tag="gdumb"):
    """GDumb (Prabhu et al. 2020): from scratch on a balanced memory, after each experience."""

    memory: Count = 500  # examples in all


class BuilderSpec(Strategy, frozen=True, kw_only=True, tag="builder"):
    """Anybody's own strategy: `pkg.module:builder` makes the learner, as those of `strategies.learner` do."""

    builder: str
    values: dict[str, Any] = {}  # its hyper-parameters
    source: str = ""  # hash of the file that defines it, so that an edit is another run


def options(strategy: Strategy) -> dict[str, Any]:
    """A strategy's hyper-parameters, as its card's [options] say them, less the kind."""
    return {f.name: getattr(strategy, f.name) for f in msgspec.structs.fields(strategy)[1:]}


StrategySpec = (
    NaiveSpec
    | JointSpec
    | CumulativeSpec
    | ReplaySpec
    | EwcSpec
    | SiSpec
    | LwfSpec
    | MasSpec
    | GemSpec
    | AgemSpec
    | DerSpec
    | IcarlSpec
    | ErAceSpec
    | GdumbSpec
    | BuilderSpec
)


# ---------------------------------------------------------------- benchmarks


class Benchmark(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What is measured, and by which protocol; the subclass is the kind of protocol."""

    forgets: ClassVar[bool] = False  # whether something can be forgotten, so that strategies apply
    arm: ClassVar[tuple[str, ...]] = ()  # settings that tell arms apart, as the wiring does

    name: Name

    @property
    def kind(self) -> str:
        """The protocol's tag, e.g. `continual`."""
        return str(self.__struct_config__.tag)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of all data sets that a run reads, the one that is trained on first."""
        raise NotImplementedError


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
    noise: dict[Corruption, tuple[NotNegative, ...]] = {}  # corruption -> levels
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
        for share in self.noise.get("salt_and_pepper", ()):
            if share > 1:
                raise ValueError(f"salt_and_pepper is a share of pixels, at most 1, not {share:g}")

    @property
    def datasets(self) -> tuple[str, ...]:
        return (self.data,)

    @property
    def seconds(self) -> float | None:
        """How long an experience is trained on, where seconds are its budget."""
        said = re.fullmatch(r"(\d+(?:\.\d+)?)s", self.budget)
        return float(said[1]) if said else None


class TransferSpec(Benchmark, frozen=True, kw_only=True, tag="transfer"):
    """A network trained on a source, then fine-tuned, and read by linear probes, on a target."""

    arm: ClassVar[tuple[str, ...]] = ("scheme",)

    data: str = "cifar100"  # the source
    target: str = "cifar10"
    scheme: Scheme = "plain"  # of the training on the source
    epochs: Count = 100  # on the source, at most
    source_accuracy: Share | None = None  # held-out: who reaches it stops; null: equal epochs
    checks_per_epoch: Count = 1  # on the source: how often the held-out rows are asked
    finetune_epochs: Count = 20
    finetune_scheme: Literal["plain", "source"] = "plain"  # `source`: the one of the source
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
    tolerance: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.01  # of the depth that it is cut to
    probe_penalties: tuple[NotNegative, ...] = (1e-5, 1e-3, 1e-1)  # L2, chosen on held-out rows

    def __post_init__(self) -> None:
        """Raises ValueError where there is nothing to choose the probes' penalty from."""
        if not self.probe_penalties:
            raise ValueError("probe_penalties is empty: a linear probe needs one penalty or more")

    @property
    def datasets(self) -> tuple[str, ...]:
        return (self.data, self.target)


BenchmarkSpec = ContinualSpec | TransferSpec


# ---------------------------------------------------------------- a run


class Seeds(Struct, frozen=True, kw_only=True):
    """Four independent sources of chance; the arms of a pair share all of them."""

    order: int = 0  # which classes come when
    init: int = 0  # initial weights
    data: int = 0  # held-out rows, batch order, augmentation, replay memories
    noise: int = 0  # test-time corruptions

    def joined(self, between: str) -> str:
        """Order, init, data, noise; one number where they are all the same."""
        values = (self.order, self.init, self.data, self.noise)
        return between.join(map(str, values if len(set(values)) > 1 else values[:1]))


class RunConfig(Struct, frozen=True, kw_only=True):
    """Everything that decides a run's outcome, resolved."""

    benchmark: BenchmarkSpec
    strategy: StrategySpec | None  # null where nothing can be forgotten
    backbone: BackboneSpec
    seeds: Seeds
    fingerprint: str  # of the data: the same name with other rows is another run; joined by "+"
    precision: Precision = "fp32"
    quick: bool = False  # the card's [quick] values: figures are not comparable
    preset: str = ""  # the card's [preset.…] whose values were asked for

    @property
    def continual(self) -> ContinualSpec:
        """The protocol of a run that is known to be continual."""
        assert isinstance(self.benchmark, ContinualSpec)
        return self.benchmark

    @property
    def transfer(self) -> TransferSpec:
        """The protocol of a run that is known to be a transfer."""
        assert isinstance(self.benchmark, TransferSpec)
        return self.benchmark

    @property
    def run_id(self) -> str:
        """Readable words and 8 hex digits of the hash of all that differs from the defaults."""
        digest = hashlib.sha256(_canonical(self)).hexdigest()[:8]
        backbone = self.backbone
        if isinstance(backbone, FactorySpec):
            words = [backbone.factory.replace(":", "-").replace(".", "-")]
        else:
            words = [backbone.name.replace(":", "-"), f"d{backbone.depth}"]
        seed = f"s{self.seeds.joined('.')}"
        if self.strategy is not None:
            words = [self.strategy.name, *words]
        else:
            words += [
                v for v in (getattr(self.benchmark, f) for f in self.benchmark.arm) if v != "plain"
            ]
        return "-".join([*words, seed, digest])


def _canonical(config: RunConfig) -> bytes:
    return msgspec.json.encode(_without_defaults(config), order="deterministic")


def _without_defaults(value: Any) -> Any:
    """A struct as builtins, less the fields that hold their default."""
    if not isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    kept = {}
    for field in msgspec.structs.fields(value):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if getattr(value, field.name) != default:
            kept[field.name] = _without_defaults(getattr(value, field.name))
    tag = value.__struct_config__
    return kept | ({tag.tag_field: tag.tag} if tag.tag_field else {})
