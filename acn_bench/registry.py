"""A name -> what it names: kinds of benchmark, strategies, backbone families, data sets and corruptions.

One line each. Naming a thing imports nothing; `load` imports its module on first use. These tables are no part
of a run's code hash: the modules that a run's own names lead to are.
"""

import difflib
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from acn_bench.errors import QUOTED, listed, message, shorten

if TYPE_CHECKING:
    from acn_bench.benchmarks.kind import Kind
    from acn_bench.data.sets.info import DataSetInfo
    from acn_bench.spec import Network, Strategy

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One line of a table."""

    target: str  # module:object
    description: str = ""  # one line for `acn-bench list`
    limit: float | None = None  # of a corruption: its largest level
    group: str = ""  # of one of the common corruptions: its group; its levels are severities 1 … 5

    def level_error(self, name: str, level: float) -> str | None:
        """What is wrong with the level of the corruption of this name."""
        if self.group:
            whole = level in range(1, 6)
            return None if whole else f"{name} has severities 1, 2, 3, 4 and 5, not {level:g}"
        if self.limit is not None and level > self.limit:
            return f"{name} is a share of pixels, at most {self.limit:g}, not {level:g}"
        return None

    @property
    def module(self) -> str:
        """The module that defines the object."""
        return self.target.partition(":")[0]


class Registry(Generic[T]):
    """A table of names, in order."""

    def __init__(self, what: str, entries: dict[str, Entry]) -> None:
        self.what = what
        self._entries = entries

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def entry(self, name: object) -> Entry:
        """The line of that name. Raises LookupError with the nearest known name."""
        if not isinstance(name, str) or name not in self._entries:
            raise LookupError(f"unknown {self.what} {shorten(name)}. {closest(name, self)}")
        return self._entries[name]

    def load(self, name: object) -> T:
        """The object of that name. Raises LookupError with the nearest known name."""
        value: T = load(self.entry(name).target)
        return value

    def tag(self, raw: Any, field: str, place: str) -> str:
        """The tag of a tagged JSON object. Raises ValueError where it has none, or where none is known by it."""
        if not isinstance(raw, dict) or field not in raw:
            raise ValueError(f"Object missing required field `{field}` - at `{place}`")
        try:
            self.entry(raw[field])
        except LookupError as e:
            raise ValueError(f"{e} - at `{place}.{field}`") from e
        return str(raw[field])

    def add(self, name: str, entry: Entry) -> None:
        """Add a line. Raises ValueError where the name is taken by another object."""
        if self._entries.get(name, entry) != entry:
            taken = self._entries[name].target
            raise ValueError(
                f"{self.what} {name!r} is {taken} already, and cannot be {entry.target}"
            )
        self._entries[name] = entry


def load(target: str) -> Any:
    """`module:object` -> the object."""
    module, _, name = target.partition(":")
    return getattr(sys.modules.get(module) or importlib.import_module(module), name)


def on_first_use(package: str, names: dict[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__` that loads these names, "module:object", when they are asked for."""

    def getattribute(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return load(names[name])

    return getattribute


def closest(word: object, known: Iterable[str]) -> str:
    """The end of an error message: the nearest right word, or all of them."""
    known = list(known)
    text = word[:QUOTED] if isinstance(word, str) else shorten(word)
    near = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
    return f"Did you mean {shorten(near[0])}?" if near else f"Known: {listed(known, 100)}."


def suggest_key(error: msgspec.ValidationError, known: Iterable[str]) -> str:
    """A validation error's sentence; for an unknown key, with the nearest right one."""
    text = message(error)
    unknown = re.match(r"Object contains unknown field `(?P<key>.*?)`(?P<place> - at `.*`)?", text)
    if unknown is None:
        return text
    place = (unknown["place"] or "").replace(" - at `$.", " in `")
    return f"unknown key {shorten(unknown['key'])}{place}. {closest(unknown['key'], known)}"


KINDS: "Registry[Kind]" = Registry(
    "kind of benchmark",
    {
        "continual": Entry("acn_bench.benchmarks.continual.kind:KIND"),
        "glue_stream": Entry("acn_bench.benchmarks.glue_stream.kind:KIND"),
        "transfer": Entry("acn_bench.benchmarks.transfer.kind:KIND"),
        "robustness": Entry("acn_bench.benchmarks.robustness.kind:KIND"),
        "supervised": Entry("acn_bench.benchmarks.supervised.kind:KIND"),
        "mlm": Entry("acn_bench.benchmarks.mlm.kind:KIND"),
        "glue": Entry("acn_bench.benchmarks.glue.kind:KIND"),
    },
)

FAMILIES: "Registry[type[Network]]" = Registry(
    "backbone family",
    {
        "mixer": Entry("acn_bench.families.mixer:MixerSpec"),
        "vit": Entry("acn_bench.families.vit:ViTSpec"),
        "bert": Entry("acn_bench.families.bert:BertSpec"),
        "factory": Entry("acn_bench.spec:FactorySpec"),
        "trained": Entry("acn_bench.families.trained:TrainedSpec"),
    },
)

STRATEGIES: "Registry[type[Strategy]]" = Registry(
    "kind of strategy",
    {
        "naive": Entry("acn_bench.strategies.naive:NaiveSpec"),
        "joint": Entry("acn_bench.strategies.joint:JointSpec"),
        "cumulative": Entry("acn_bench.strategies.cumulative:CumulativeSpec"),
        "replay": Entry("acn_bench.strategies.replay:ReplaySpec"),
        "ewc": Entry("acn_bench.strategies.ewc:EwcSpec"),
        "si": Entry("acn_bench.strategies.si:SiSpec"),
        "lwf": Entry("acn_bench.strategies.lwf:LwfSpec"),
        "mas": Entry("acn_bench.strategies.mas:MasSpec"),
        "gem": Entry("acn_bench.strategies.gem:GemSpec"),
        "agem": Entry("acn_bench.strategies.agem:AgemSpec"),
        "der": Entry("acn_bench.strategies.der:DerSpec"),
        "icarl": Entry("acn_bench.strategies.icarl:IcarlSpec"),
        "er_ace": Entry("acn_bench.strategies.er_ace:ErAceSpec"),
        "gdumb": Entry("acn_bench.strategies.gdumb:GdumbSpec"),
        "builder": Entry("acn_bench.strategies.builder:BuilderSpec"),
    },
)

DATA: "Registry[DataSetInfo]" = Registry(
    "data",
    {
        "cifar100": Entry("acn_bench.data.sets.cifar100:CIFAR100"),
        "cifar10": Entry("acn_bench.data.sets.cifar10:CIFAR10"),
        "imagenet": Entry("acn_bench.data.sets.imagenet:IMAGENET"),
        "imagenette": Entry("acn_bench.data.sets.imagenette:IMAGENETTE"),
        "imagefolder10": Entry("acn_bench.data.sets.imagefolder10:IMAGEFOLDER10"),
        "digits100": Entry("acn_bench.data.sets.digits100:DIGITS100"),
        "digits10": Entry("acn_bench.data.sets.digits10:DIGITS10"),
        "cola": Entry("acn_bench.data.sets.glue:COLA"),
        "sst2": Entry("acn_bench.data.sets.glue:SST2"),
        "mrpc": Entry("acn_bench.data.sets.glue:MRPC"),
        "stsb": Entry("acn_bench.data.sets.glue:STSB"),
        "qqp": Entry("acn_bench.data.sets.glue:QQP"),
        "mnli": Entry("acn_bench.data.sets.glue:MNLI"),
        "qnli": Entry("acn_bench.data.sets.glue:QNLI"),
        "rte": Entry("acn_bench.data.sets.glue:RTE"),
        "wnli": Entry("acn_bench.data.sets.glue:WNLI"),
        "text": Entry("acn_bench.data.sets.text:TEXT"),
        "rules_cola": Entry("acn_bench.data.sets.glue:RULES_COLA"),
        "rules_sst2": Entry("acn_bench.data.sets.glue:RULES_SST2"),
        "rules_mrpc": Entry("acn_bench.data.sets.glue:RULES_MRPC"),
        "rules_stsb": Entry("acn_bench.data.sets.glue:RULES_STSB"),
        "rules_qqp": Entry("acn_bench.data.sets.glue:RULES_QQP"),
        "rules_mnli": Entry("acn_bench.data.sets.glue:RULES_MNLI"),
        "rules_qnli": Entry("acn_bench.data.sets.glue:RULES_QNLI"),
        "rules_rte": Entry("acn_bench.data.sets.glue:RULES_RTE"),
        "rules_wnli": Entry("acn_bench.data.sets.glue:RULES_WNLI"),
        "rules_text": Entry("acn_bench.data.sets.text:RULES_TEXT"),
    },
)

# official files of corrupted test images: the name of their data set, and of the set
OFFICIAL: "Registry[DataSetInfo]" = Registry(
    "set of official corruptions",
    {
        "cifar10_c": Entry("acn_bench.data.sets.cifar10_c:CIFAR10_C"),
        "cifar100_c": Entry("acn_bench.data.sets.cifar100_c:CIFAR100_C"),
        "imagenet_c": Entry("acn_bench.data.sets.imagenet_c:IMAGENET_C"),
        "imagenet_c_bar": Entry("acn_bench.data.sets.imagenet_c_bar:IMAGENET_C_BAR"),
        "imagenet_3dcc": Entry("acn_bench.data.sets.imagenet_3dcc:IMAGENET_3DCC"),
    },
)

USER_DATA = Entry("acn_bench.data.streams:load")  # of a function that makes an Avalanche benchmark

CORRUPTIONS: Registry[Any] = Registry(
    "corruption",
    {
        "gaussian": Entry(
            "acn_bench.data.noise:gaussian",
            "N(0, σ²) added to each value of an image in [0, 1], clipped; the level is σ",
        ),
        "salt_and_pepper": Entry(
            "acn_bench.data.noise:salt_and_pepper",
            "a share of the pixels, all channels at once: half of them 0, half of them 1; the level is the share",
            limit=1,
        ),
        "gaussian_noise": Entry(
            "acn_bench.data.corruptions.gaussian_noise:gaussian_noise",
            "N(0, σ²) added to each value; severities 1 to 5",
            group="noise",
        ),
        "shot_noise": Entry(
            "acn_bench.data.corruptions.shot_noise:shot_noise",
            "a Poisson number of photons for each value; severities 1 to 5",
            group="noise",
        ),
        "impulse_noise": Entry(
            "acn_bench.data.corruptions.impulse_noise:impulse_noise",
            "a share of the values, each channel for itself, 0 or 1; severities 1 to 5",
            group="noise",
        ),
        "defocus_blur": Entry(
            "acn_bench.data.corruptions.defocus_blur:defocus_blur",
            "each point becomes a disk; severities 1 to 5",
            group="blur",
        ),
        "glass_blur": Entry(
            "acn_bench.data.corruptions.glass_blur:glass_blur",
            "pixels replaced by near ones between two Gaussian blurs; severities 1 to 5",
            group="blur",
        ),
        "motion_blur": Entry(
            "acn_bench.data.corruptions.motion_blur:motion_blur",
            "a blur along a random direction; severities 1 to 5",
            group="blur",
        ),
        "zoom_blur": Entry(
            "acn_bench.data.corruptions.zoom_blur:zoom_blur",
            "the mean of the image and of its enlarged centre; severities 1 to 5",
            group="blur",
        ),
        "snow": Entry(
            "acn_bench.data.corruptions.snow:snow",
            "flakes that fall, and a paler image; severities 1 to 5",
            group="weather",
        ),
        "frost": Entry(
            "acn_bench.data.corruptions.frost:frost",
            "photographs of frost over the image; they come with imagecorruptions-imaug; severities 1 to 5",
            group="weather",
        ),
        "fog": Entry(
            "acn_bench.data.corruptions.fog:fog",
            "a random landscape of fog; severities 1 to 5",
            group="weather",
        ),
        "brightness": Entry(
            "acn_bench.data.corruptions.brightness:brightness",
            "the value in HSV, raised; severities 1 to 5",
            group="digital",
        ),
        "contrast": Entry(
            "acn_bench.data.corruptions.contrast:contrast",
            "distances to the mean of the channel, scaled; severities 1 to 5",
            group="digital",
        ),
        "elastic_transform": Entry(
            "acn_bench.data.corruptions.elastic_transform:elastic_transform",
            "a random affine map and a smooth random field; severities 1 to 5",
            group="digital",
        ),
        "pixelate": Entry(
            "acn_bench.data.corruptions.pixelate:pixelate",
            "fewer pixels; severities 1 to 5",
            group="digital",
        ),
        "jpeg_compression": Entry(
            "acn_bench.data.corruptions.jpeg_compression:jpeg_compression",
            "JPEG at a low quality; severities 1 to 5",
            group="digital",
        ),
        "speckle_noise": Entry(
            "acn_bench.data.corruptions.speckle_noise:speckle_noise",
            "normal noise in proportion to each value; severities 1 to 5",
            group="extra",
        ),
        "gaussian_blur": Entry(
            "acn_bench.data.corruptions.gaussian_blur:gaussian_blur",
            "a Gaussian blur; severities 1 to 5",
            group="extra",
        ),
        "spatter": Entry(
            "acn_bench.data.corruptions.spatter:spatter",
            "drops of water or mud on the lens; severities 1 to 5",
            group="extra",
        ),
        "saturate": Entry(
            "acn_bench.data.corruptions.saturate:saturate",
            "the saturation in HSV, scaled and shifted; severities 1 to 5",
            group="extra",
        ),
    },
)

EXTRA = tuple(name for name in CORRUPTIONS if CORRUPTIONS.entry(name).group == "extra")
COMMON = tuple(name for name in CORRUPTIONS if CORRUPTIONS.entry(name).group and name not in EXTRA)
