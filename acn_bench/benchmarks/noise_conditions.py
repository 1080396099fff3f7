"""Levels of noise in a card -> functions of images; and the errors of levels that cannot be.

Several kinds of benchmark measure test images under noise. Checking settings imports no torch.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from acn_bench.errors import shorten
from acn_bench.registry import COMMON, CORRUPTIONS, EXTRA, closest

if TYPE_CHECKING:
    from torch import Tensor

    # images (B, C, H, W) in [0, 1] and row numbers (B,) -> the network's input
    Change = Callable[[Tensor, Tensor], Tensor]

NOISE = tuple(n for n in CORRUPTIONS if n not in (*COMMON, *EXTRA))
Levels = Mapping[str, tuple[float, ...]]  # of each noise


@dataclass(frozen=True)
class Condition:
    """One corruption at one level, as a function of images; the draw of an image depends on its row alone."""

    corruption: str
    level: float
    change: "Change"
    # row numbers -> the network's input, where files hold it: no clean image is read
    read: "Callable[[Tensor], Tensor] | None" = None


@dataclass(frozen=True, kw_only=True)
class NoiseOptions:
    """How noise is added."""

    seed: int
    clip: bool = True  # to [0, 1]; salt and pepper never leaves it
    quantise: bool = False  # noisy images in steps of 1/255
    per_value: bool = False  # salt and pepper: a share of the values, not of the pixels
    scale: float = 1.0  # of each level, on pixels in [0, 1]


def noise_conditions(levels: Levels, options: NoiseOptions) -> Iterator[Condition]:
    """One condition a level, in the card's order."""
    for name, of_noise in levels.items():
        for level in of_noise:
            yield Condition(name, level, partial(_noisy, name, level, options))


def _noisy(name: str, level: float, options: NoiseOptions, images: "Tensor", rows: "Tensor") -> "Tensor":  # fmt: skip
    from acn_bench.data.noise import eight_bits

    function: Callable[..., Tensor] = CORRUPTIONS.load(name)
    own: dict[str, dict[str, Any]] = {
        "gaussian": {"clip": options.clip},
        "salt_and_pepper": {"per_value": options.per_value},
    }
    noisy = function(
        images, options.scale * level, seed=options.seed, indices=rows, **own.get(name, {})
    )
    return eight_bits(noisy) if options.quantise else noisy


def check_noise(levels: Levels) -> None:
    """Raise ValueError for an unknown noise, a level that cannot be, and one that is named twice."""
    for name, of_noise in levels.items():
        if name in (*COMMON, *EXTRA):
            raise ValueError(f"noise: {name} has severities, not levels; name it in corruptions")
        if name not in NOISE:
            raise ValueError(f"unknown noise {shorten(name)}. {closest(name, NOISE)}")
        if not of_noise:
            raise ValueError(f"noise.{name} is empty: it needs one level or more")
        refuse_repeated(f"noise.{name}", of_noise)
        for level in of_noise:
            wrong = CORRUPTIONS.entry(name).level_error(name, level)
            if wrong:
                raise ValueError(wrong)


def refuse_repeated(key: str, values: tuple[object, ...]) -> None:
    """Raise ValueError that names a value which a setting lists twice."""
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise ValueError(f"{key} names {shorten(twice)} twice")
