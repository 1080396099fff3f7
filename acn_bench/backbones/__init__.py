"""Build, load, save and cut backbones by name: networks in plain torch, for any pipeline."""

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from acn_bench import registry, user_functions
from acn_bench.backbones import weights_file
from acn_bench.backbones.backbone import (
    INITIALISATION,
    Backbone,
    ImageBackbone,
    TextBackbone,
    depth_logits,
    truncate,
)
from acn_bench.backbones.heads import Heads, MultiHead
from acn_bench.backbones.patches import MEAN, STD, Normalise
from acn_bench.backbones.state_dict_mismatch import state_dict_mismatch
from acn_bench.backbones.wiring import WIRINGS
from acn_bench.errors import message, shorten
from acn_bench.families.names import BACKBONES, backbone_spec
from acn_bench.registry import closest
from acn_bench.spec import Backbone as Spec
from acn_bench.spec import ImageBackbone as ImageSpec
from acn_bench.spec import Precision, Variant

if TYPE_CHECKING:
    from acn_bench.backbones.early_exit import EarlyExit, add_branches

__all__ = [
    "INITIALISATION",
    "Backbone",
    "EarlyExit",
    "Heads",
    "MultiHead",
    "add_branches",
    "build",
    "depth_logits",
    "from_factory",
    "from_spec",
    "load",
    "load_bert",
    "save",
    "truncate",
]


# no run executes early exit, so it stays out of the code hash
__getattr__ = registry.on_first_use(
    __name__,
    {
        "EarlyExit": "acn_bench.backbones.early_exit:EarlyExit",
        "add_branches": "acn_bench.backbones.early_exit:add_branches",
    },
)


def build(
    name: str,
    num_classes: int,
    depth: int = 5,
    variant: Variant = "plain",
    *,
    mean: Sequence[float] | None = MEAN,
    std: Sequence[float] | None = STD,
    precision: Precision = "fp32",
    **sizes: Any,
) -> Backbone:
    """Build `<wiring>_<family>`, e.g. `build("ac_mixer", num_classes=100, depth=5)`.

    Args:
        name: wiring and family; `acn-bench list backbones` shows all.
        num_classes: K, the width of the head.
        depth: L, the number of blocks, at least 1.
        variant: `plain` (equation 1 and the textbook block) or `released` (the authors' code).
        mean: per channel, of images in [0, 1]; None leaves normalisation to the pipeline.
        std: likewise.
        precision: `bf16` runs matrix products in bfloat16; logits are always float32.
        sizes: the family's; mixer: image_size=32 in_channels=3 patch_size=4 width=128
            token_width=64 channel_width=512; vit: image_size=32 in_channels=3 patch_size=4
            width=192 heads=3 mlp_ratio=4; bert: vocab_size=30522 max_length=512 width=768
            heads=12 mlp_ratio=4 dropout=0 attention_dropout=0.

    Raises:
        LookupError: unknown name or variant. ValueError: invalid size.
    """
    if name not in BACKBONES:
        raise LookupError(f"unknown backbone {shorten(name)}. {_nearest(name)}")
    spec = backbone_spec(f"{name}:{variant}", {"depth": depth, **sizes})
    assert isinstance(spec, Spec)
    return from_spec(spec, num_classes, mean=mean, std=std, precision=precision)


def _nearest(name: object) -> str:
    if not isinstance(name, str):
        return closest(name, BACKBONES)
    base, _, variant = name.partition(":")
    if variant and base in BACKBONES:  # the notation of the command line
        return f"Did you mean build({shorten(base)}, variant={shorten(variant)})?"
    return closest(name, BACKBONES)


def from_spec(
    spec: Spec,
    num_classes: int,
    *,
    mean: Sequence[float] | None = MEAN,
    std: Sequence[float] | None = STD,
    precision: Precision = "fp32",
) -> Backbone:
    """Build the network of a spec. Draws initial weights from torch's global generator."""
    if type(num_classes) is not int or num_classes < 1:
        raise ValueError(f"num_classes must be an int of at least 1, not {shorten(num_classes)}")
    family = registry.load(spec.parts)(spec)
    arguments: dict[str, Any] = {
        "parts": family,
        "head": nn.Linear(family.width, num_classes),
        "wiring": WIRINGS[spec.wiring](spec.depth, family.width),
        "precision": precision,
    }
    backbone: Backbone
    if isinstance(spec, ImageSpec):
        backbone = ImageBackbone(normalise=_normalise(mean, std, spec.in_channels), **arguments)
    else:
        backbone = TextBackbone(**arguments)
    backbone.spec = spec
    return backbone


def save(model: Backbone | MultiHead, path: Path | str) -> None:
    """Write a network, whole or cut, to one safetensors file. `load` rebuilds the network from it.

    Raises ValueError for a network that `build`, `from_spec` or `load` did not make, OSError where the file
    cannot be written. An error leaves no file.
    """
    weights_file.write(model, Path(path))


def load(path: Path | str) -> Backbone | MultiHead:
    """A file from `save`, a run or `acn-bench truncate` -> the network, in evaluation mode on the CPU.

    A multi-head network is a `MultiHead`, called as `model(x, task_labels)`. Raises LookupError where there is
    no file, ValueError for another kind of file.
    """
    return weights_file.read(Path(path), from_spec)


def _normalise(
    mean: Sequence[float] | None, std: Sequence[float] | None, channels: int
) -> nn.Module:
    if mean is None or std is None:
        return nn.Identity()
    if not _is_per_channel(mean, channels) or not _is_per_channel(std, channels):
        raise ValueError(
            f"mean {shorten(mean)} and std {shorten(std)} must have a value for each of {channels} channels; "
            "mean=None leaves normalisation to the pipeline"
        )
    return Normalise(mean, std)


def _is_per_channel(values: Sequence[float], channels: int) -> bool:
    try:
        return len(values) == channels and all(map(math.isfinite, values))
    except TypeError:  # not a sequence of numbers
        return False


def load_bert(folder: Path | str, num_classes: int = 2) -> Backbone:
    """A Transformers BERT checkpoint folder -> `residual_bert` with its weights and a new head.

    Raises LookupError where there is no checkpoint, ValueError for another architecture.
    """
    bert = importlib.import_module("acn_bench.backbones.bert")
    bert_checkpoint = importlib.import_module("acn_bench.families.bert_checkpoint")
    spec = bert_checkpoint.spec_of_checkpoint(Path(folder))
    weights = bert.checkpoint_weights(Path(folder))
    try:
        with torch.device("meta"):  # shapes alone, before sizes of any height take memory
            shapes = from_spec(spec, num_classes)
        if wrong := state_dict_mismatch(shapes, weights | _head(shapes)):
            raise ValueError(wrong)
    except (ValueError, RuntimeError, TypeError) as e:  # torch's, of sizes that no tensor has
        raise ValueError(f"{folder}: config and weights do not fit: {message(e)}") from e
    model = from_spec(spec, num_classes)
    model.load_state_dict(weights | _head(model))
    return model


def _head(model: Backbone) -> dict[str, Tensor]:
    return {f"head.{k}": v for k, v in model.head.state_dict().items()}


def from_factory(factory: str, num_classes: int) -> nn.Module:
    """Call `pkg.module:factory` with `num_classes`; its network must have a Linear `.head` at the end.

    Raises LookupError where there is no such function, ValueError where it fails or its network has no such
    head.
    """
    make = user_functions.function(factory, "backbone factory")
    with user_functions.guarded(f"{factory} failed with num_classes={num_classes}"):
        network = make(num_classes=num_classes)
    with user_functions.guarded(f"{factory} made a network that cannot be read"):
        fits = isinstance(network, nn.Module) and isinstance(
            getattr(network, "head", None), nn.Linear
        )
    if not fits:
        raise ValueError(f"{factory} must make an nn.Module whose `.head` is its final nn.Linear")
    return network  # type: ignore[no-any-return]
