"""A backbone's name and sizes -> its spec. This module alone defines which combinations exist."""

import re
import sys
from importlib.util import find_spec
from typing import Any

import msgspec

from acn_bench.errors import shorten
from acn_bench.registry import FAMILIES, closest, suggest_key
from acn_bench.spec import VARIANTS, WIRINGS, Backbone, FactorySpec, Network

WIRING_WORDS = {
    "ac": "auto-compressing: the final output is the sum of the outputs of all blocks",
    "residual": "residual: every block adds to the stream",
    "feedforward": "feedforward: neither short nor long connections",
    "densenet": "DenseNet: the input of a block is a projection of all earlier outputs",
    "denseformer": "DenseFormer: the input of a block is a learned combination of all earlier outputs",
}
_OTHERS = ("factory", "trained")  # networks that are no wiring of a family

BACKBONES = tuple(
    f"{wiring}_{family}" for family in FAMILIES if family not in _OTHERS for wiring in WIRINGS
)


def variants(name: str) -> tuple[str, ...]:
    """The variants of `<wiring>_<family>`: `released` exists where the authors released code."""
    wiring, _, family = name.partition("_")
    spec = FAMILIES.load(family)
    assert issubclass(spec, Backbone)
    return VARIANTS if wiring in spec.released else ("plain",)


def backbone_spec(name: str, sizes: dict[str, Any]) -> Network:
    """`ac_mixer`, `ac_mixer:released` or `pkg.module:factory`, and its sizes -> a spec.

    Raises LookupError for an unknown name or variant, ValueError for an invalid size.
    """
    base, colon, variant = name.partition(":")
    if _is_factory(base, variant):
        return FactorySpec(factory=name)
    if base not in BACKBONES:
        raise LookupError(f"unknown backbone {shorten(base)}. {closest(base, BACKBONES)}")
    variant = variant if colon else "plain"
    if variant not in VARIANTS:
        raise LookupError(
            f"unknown variant {shorten(variant)} of {base}. {closest(variant, VARIANTS)}"
        )
    if variant not in variants(base):
        raise LookupError(f"{base} has no variant 'released': no code of it was released")
    wiring, _, family = base.partition("_")
    from_name = {"wiring": wiring, "variant": variant, "family": family}
    for key in from_name.keys() & sizes.keys():
        raise ValueError(f"{name}: {key} is part of the name, not a size")
    spec = FAMILIES.load(family)
    try:
        return msgspec.convert(from_name | sizes, spec)
    except msgspec.ValidationError as e:
        keys = [f.name for f in msgspec.structs.fields(spec) if f.name not in from_name]
        raise ValueError(f"{name}: {_mistake(e, sizes, keys)}") from e


def _mistake(error: msgspec.ValidationError, sizes: dict[str, Any], known: list[str]) -> str:
    """The invalid size, its value and what was expected."""
    match = re.fullmatch(r"(?P<expected>.*) - at `\$\.(?P<key>\w+)`", str(error))
    if match is None:
        return suggest_key(error, known)
    return f"{match['key']} is {shorten(sizes[match['key']])}: {match['expected']}"


def _is_factory(base: str, function: str) -> bool:
    """Whether this is `pkg.module:factory`, or `module:factory` where such a module exists, `nets:plain` too."""
    if "." in base:
        return True
    if base in BACKBONES or not function or not base.isidentifier():
        return False
    try:
        return find_spec(base) is not None
    except ValueError:  # a module that was made, not found: a script's `__main__`
        return base in sys.modules


def descriptions() -> dict[str, str]:
    """Every backbone's name -> a sentence on its wiring, and its variants."""
    return {
        name: f"{WIRING_WORDS[name.partition('_')[0]]} ({', '.join(variants(name))})"
        for name in BACKBONES
    }
