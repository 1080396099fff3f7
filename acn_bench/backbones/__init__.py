"""A backbone's name -> a network in plain torch, for any pipeline."""

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from acn_bench import registry, user_functions
from acn_bench.backbones import weights_file
from acn_bench.backbones.backbone import (
    INITIALISATION,
    MEAN,
    STD,
    Backbone,
    ImageBackbone,
    Normalise,
    TextBackbone,
    depth_logits,
    truncate,
)
from acn_bench.backbones.heads import Heads, MultiHead
from acn_bench.backbones.wiring import WIRINGS
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


_ON_FIRST_USE = {
    "EarlyExit": "acn_bench.backbones.early_exit:EarlyExit",
    "add_branches": "acn_bench.backbones.early_exit:add_branches",
}


def __getattr__(name: str) -> Any:
    """Load what few pipelines use when it is asked for: no run executes it."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return registry.load(_ON_FIRST_USE[name])


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
        name: wiring and family; `list backbones` shows all.
        num_classes: K, the width of the head.
        depth: L, the number of blocks, at least 1.
        variant: `plain` (equation 1 and the textbook block) or `released` (the authors' code).
        mean: of the images in [0, 1], per channel; None leaves normalisation to the pipeline.
        std: likewise.
        precision: `bf16` runs matrix products in bfloat16 inside; logits are float32 either way.
        sizes: of the family; mixer: image_size=32 in_channels=3 patch_size=4 width=128
            token_width=64 channel_width=512; vit: image_size=32 in_channels=3 patch_size=4
            width=192 heads=3 mlp_ratio=4; bert: vocab_size=30522 max_length=512 width=768
            heads=12 mlp_ratio=4 dropout=0 attention_dropout=0.

    Raises:
        LookupError: unknown name or variant. ValueError: a size that cannot be.
    """
    if name not in BACKBONES:
        raise LookupError(f"unknown backbone {name!r}. {_nearest(str(name))}")
    spec = backbone_spec(f"{name}:{variant}", {"depth": depth, **sizes})
    assert isinstance(spec, Spec)
    return from_spec(spec, num_classes, mean=mean, std=std, precision=precision)


def _nearest(name: str) -> str:
    base, _, variant = name.partition(":")
    if variant and base in BACKBONES:  # as the command line has it
        return f"Did you mean build({base!r}, variant={variant!r})?"
    return closest(name, BACKBONES)


def from_spec(
    spec: Spec,
    num_classes: int,
    *,
    mean: Sequence[float] | None = MEAN,
    std: Sequence[float] | None = STD,
    precision: Precision = "fp32",
) -> Backbone:
    """Build what a `BackboneSpec` says; draws initial weights from torch's global generator."""
    if type(num_classes) is not int or num_classes < 1:
        raise ValueError(f"num_classes must be an int of at least 1, not {num_classes!r}")
    family = registry.load(spec.parts)(spec)
    parts: dict[str, Any] = {
        "parts": family,
        "head": nn.Linear(family.width, num_classes),
        "wires": WIRINGS[spec.wiring](spec.depth, family.width),
        "precision": precision,
    }
    backbone: Backbone
    if isinstance(spec, ImageSpec):
        backbone = ImageBackbone(normalise=_normalise(mean, std, spec.in_channels), **parts)
    else:
        backbone = TextBackbone(**parts)
    backbone.spec = spec
    return backbone


def save(model: Backbone | MultiHead, path: Path | str) -> None:
    """Write a network, cut or whole, to one safetensors file that `load` rebuilds it from.

    Raises ValueError for a network that `build`, `from_spec` or `load` did not make, OSError where the file
    cannot be written; then there is no file.
    """
    weights_file.write(model, Path(path))


def load(path: Path | str) -> Backbone | MultiHead:
    """A file that `save`, a run or `acn-bench truncate` wrote -> the network, in evaluation mode on the CPU.

    With a head for each experience it is a `MultiHead`, called as `model(x, task_labels)`. Raises
    LookupError where there is no file, ValueError where it is not such a file.
    """
    return weights_file.read(Path(path), from_spec)


def _normalise(
    mean: Sequence[float] | None, std: Sequence[float] | None, channels: int
) -> nn.Module:
    if mean is None or std is None:
        return nn.Identity()
    if not _one_each(mean, channels) or not _one_each(std, channels):
        raise ValueError(
            f"mean {mean} and std {std} must have a value for each of {channels} channels; "
            "mean=None leaves normalisation to the pipeline"
        )
    return Normalise(mean, std)


def _one_each(values: Sequence[float], channels: int) -> bool:
    try:
        return len(values) == channels and all(map(math.isfinite, values))
    except TypeError:  # no sequence, or not of numbers
        return False


def load_bert(folder: Path | str, num_classes: int = 2) -> Backbone:
    """A Transformers BERT checkpoint folder -> `residual_bert` with its weights and a new head.

    Raises LookupError where there is no checkpoint, ValueError for one of another architecture.
    """
    bert = importlib.import_module("acn_bench.backbones.bert")
    spec = bert.spec_of_checkpoint(Path(folder))
    model = from_spec(spec, num_classes)
    ours = bert.checkpoint_weights(Path(folder)) | {
        f"head.{k}": v for k, v in model.head.state_dict().items()
    }
    try:
        model.load_state_dict(ours)
    except ValueError as e:
        raise ValueError(f"{folder}: {e}") from e
    return model


def from_factory(factory: str, num_classes: int) -> nn.Module:
    """Call `pkg.module:factory` with `num_classes`; what it makes must end in a `.head` that is a Linear.

    Raises LookupError where there is no such function, ValueError where it fails, or where what it makes
    has no such head.
    """
    make = user_functions.function(factory, "backbone factory")
    try:
        network = make(num_classes=num_classes)
    except Exception as e:  # anybody's code
        raise ValueError(
            f"{factory} failed with num_classes={num_classes}: {type(e).__name__}: {e}"
        ) from e
    if not isinstance(network, nn.Module) or not isinstance(
        getattr(network, "head", None), nn.Linear
    ):
        raise ValueError(f"{factory} must make an nn.Module whose `.head` is its final nn.Linear")
    return network
