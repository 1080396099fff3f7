"""`import acn_bench.backbones.timm` registers every vision backbone with timm, as `<wiring>_<size>`.

    timm.create_model("ac_vit_base_patch16_224", num_classes=10)       # residual_vit_…, densenet_mixer_…, …
    timm.create_model("ac_vit_base_patch16_224", variant="released")   # the block of the authors' code

The wirings are those of `wiring.py`. The sizes in `SIZES` below are timm's of the same name:
`residual_vit_base_patch16_224` is timm's `vit_base_patch16_224`. The networks equal those of `build(…,
mean=None)`, with all depths and truncation: timm's loaders normalise. Initial weights are PyTorch's defaults, not
timm's; there are no pretrained weights.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import fields

from acn_bench.backbones.patches import MEAN, STD
from acn_bench.backbones.wiring import WIRINGS
from acn_bench.errors import shorten
from acn_bench.families.mixer import MixerSpec
from acn_bench.families.names import WIRING_WORDS, backbone_spec
from acn_bench.families.vit import ViTSpec
from acn_bench.registry import closest
from acn_bench.spec import Variant

try:
    from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
except ModuleNotFoundError as e:
    raise ImportError(
        "acn_bench.backbones.timm registers the backbones with timm, which is not installed: "
        "pip install 'acn_bench[timm]'"
    ) from e

from acn_bench.backbones.timm_model import TimmModel

Sizes = dict[str, int]

SIZES: dict[str, Sizes] = {
    "vit_tiny_patch16_224": {"image_size": 224, "patch_size": 16, "width": 192, "depth": 12, "heads": 3},
    "vit_small_patch16_224": {"image_size": 224, "patch_size": 16, "width": 384, "depth": 12, "heads": 6},
    "vit_base_patch16_224": {"image_size": 224, "patch_size": 16, "width": 768, "depth": 12, "heads": 12},
    "vit_tiny_patch4_32": {"image_size": 32, "patch_size": 4, "width": 192, "depth": 12, "heads": 3},
    "vit_small_patch4_32": {"image_size": 32, "patch_size": 4, "width": 384, "depth": 12, "heads": 6},
    "mixer_s16_224": {
        "image_size": 224, "patch_size": 16, "width": 512, "depth": 8, "token_width": 256, "channel_width": 2048,
    },
    "mixer_b16_224": {
        "image_size": 224, "patch_size": 16, "width": 768, "depth": 12, "token_width": 384, "channel_width": 3072,
    },
    "mixer_t4_32": {  # the ACN paper's on CIFAR, appendix B
        "image_size": 32, "patch_size": 4, "width": 128, "depth": 16, "token_width": 64, "channel_width": 512,
    },
}  # fmt: skip

# timm's argument -> our size
TIMM_ARGUMENTS = {
    "in_chans": "in_channels", "embed_dim": "width", "num_heads": "heads", "num_blocks": "depth",
}  # fmt: skip
# arguments of `TimmModel`
MODEL_ARGUMENTS = ("num_classes", "global_pool", "drop_rate", "precision")
TO_ARGUMENTS = ("device", "dtype")  # of `Module.to`
# rates that these networks do not support; timm's scripts pass them with value 0
UNSUPPORTED_RATES = (
    "drop_path_rate", "drop_block_rate", "proj_drop_rate", "attn_drop_rate", "pos_drop_rate", "patch_drop_rate",
)  # fmt: skip


def _network(
    name: str, variant: str, *, img_size: int | Sequence[int], **arguments: Any
) -> TimmModel:
    """The arguments of `create_model` -> the network. Raises ValueError for unsupported ones."""
    wiring, _, size = name.partition("_")
    family = size.partition("_")[0]
    for rate in UNSUPPORTED_RATES:
        if arguments.pop(rate, 0):
            raise ValueError(
                f"{name} has no {rate}: drop_rate acts before the head, and "
                "`model.dropping` (acn_bench.backbones.dropping) drops blocks in any wiring"
            )
    _refuse_unknown(name, list(arguments))
    of_model = {key: arguments.pop(key) for key in MODEL_ARGUMENTS if key in arguments}
    of_to = {key: arguments.pop(key) for key in TO_ARGUMENTS if key in arguments}
    sizes = SIZES[size] | {TIMM_ARGUMENTS.get(key, key): v for key, v in arguments.items()}
    sizes["image_size"] = _side(name, img_size)
    spec = backbone_spec(f"{wiring}_{family}:{variant}", sizes)
    assert isinstance(spec, MixerSpec | ViTSpec)
    return TimmModel(spec, **of_model).to(**of_to)


def _refuse_unknown(name: str, arguments: list[str]) -> None:
    family = MixerSpec if "_mixer_" in name else ViTSpec
    sizes = {f.name for f in fields(family)} - {"wiring", "variant", "image_size"}
    timm_names = {argument for argument, size in TIMM_ARGUMENTS.items() if size in sizes}
    known = [
        *("img_size", "variant", *MODEL_ARGUMENTS, *TO_ARGUMENTS),
        *sorted(sizes | timm_names),
    ]
    for argument in arguments:
        if argument not in known:
            raise ValueError(
                f"{name} has no argument {shorten(argument)}. {closest(argument, known)}"
            )


def _side(name: str, img_size: int | Sequence[int]) -> int:
    sides = [img_size] if isinstance(img_size, int) else list(img_size)
    if len(set(sides)) > 1:
        raise ValueError(f"{name} takes square images, not img_size={tuple(sides)}")
    return sides[0]


def _entry(wiring: str, size: str) -> Callable[..., TimmModel]:
    """The function that timm registers, named after the model."""
    name = f"{wiring}_{size}"

    def create(
        pretrained: bool = False,
        *,
        variant: Variant = "plain",
        pretrained_cfg_overlay: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> TimmModel:
        stem = "stem" if "mixer" in name and variant == "plain" else "stem.patches"
        network: TimmModel = build_model_with_cfg(
            partial(_network, name, variant),
            name,
            pretrained,
            pretrained_cfg_overlay={"first_conv": f"{stem}.proj"} | (pretrained_cfg_overlay or {}),
            feature_cfg={"out_indices": 3, "feature_cls": "getter"},
            **arguments,
        )
        return network

    create.__name__ = create.__qualname__ = name
    create.__doc__ = f"{size}, {WIRING_WORDS[wiring]}."
    return create


def _cfg(size: str) -> dict[str, Any]:
    """The config for timm's loaders, as timm has it for its own models of that family."""
    side, vit = SIZES[size]["image_size"], size.startswith("vit")
    return {
        "input_size": (3, side, side),
        "fixed_input_size": True,
        "crop_pct": (0.9 if vit else 0.875) if side == 224 else 1.0,
        "mean": MEAN,
        "std": STD,
        "classifier": "head",
        "license": "apache-2.0",
        "paper_ids": "arXiv:2506.09714",
    }


NAMES = [(wiring, size) for size in SIZES for wiring in WIRINGS]
default_cfgs = generate_default_cfgs({f"{w}_{size}.untrained": _cfg(size) for w, size in NAMES})
for _wiring, _size in NAMES:
    globals()[f"{_wiring}_{_size}"] = register_model(_entry(_wiring, _size))
