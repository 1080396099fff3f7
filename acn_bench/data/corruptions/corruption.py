"""A formula on 8-bit images -> a corruption with its severities, checks and batches.

Every corruption gives the same bytes for any batch size, order and device. Formulas use elementwise operations of
float64 in a fixed order and sums of integers, never a reduction or product whose rounding depends on the shape. One
exception, with what it can change, stands in zoom.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

import torch
from torch import Tensor

from acn_bench.data.corruptions.division import divided, unit
from acn_bench.data.corruptions.draws import Draws
from acn_bench.registry import closest

Constants = Literal["cifar_c", "imagenet_c"]
C = TypeVar("C")
Formula = Callable[[Tensor, C, Draws], Tensor]

SEVERITIES = 5
PIXELS_AT_ONCE = {"cpu": 2**18, "cuda": 2**22}  # on a CPU at most, and what fits its cache


@dataclass(frozen=True)
class CommonCorruption(Generic[C]):
    """One of the common corruptions of Hendrycks & Dietterich (2019), severities 1 … 5.

    `formula(pixels, c, draws)`: pixels (B, 3, S, S) uint8, the constants c of the severity -> uint8, or float64
    in units of white, which is clipped to [0, 1] and truncated to 8 bits. `at_once`: pixels at once on a CPU.
    """

    name: str
    cifar_c: tuple[C, ...]
    imagenet_c: tuple[C, ...]
    formula: Formula[C]
    at_once: int = 2**17

    def __call__(
        self,
        images: Tensor,
        severity: float,
        seed: int = 0,
        indices: Tensor | None = None,
        constants: Constants = "cifar_c",
    ) -> Tensor:
        """Corrupt a batch; see `acn_bench.data.corruptions.corrupt`."""
        c = self._of(severity, constants)
        _check(images)
        rows = _rows(images, indices)
        device = images.device if images.device.type in PIXELS_AT_ONCE else torch.device("cpu")
        at_once = self._at_once(device) // (images.shape[2] * images.shape[3]) or 1
        result = torch.empty_like(images, memory_format=torch.contiguous_format)
        for begin in range(0, len(images), at_once):
            part = slice(begin, begin + at_once)
            draws = Draws((seed, self.name, int(severity)), rows[part].to(device))
            _check_range(images[part], images)
            values = self.formula(_eight_bits(images[part].to(device)), c, draws)
            _fill(result[part], _truncated(values))
        return result

    def _at_once(self, device: torch.device) -> int:
        most = PIXELS_AT_ONCE[device.type]
        return min(self.at_once, most) if device.type == "cpu" else most

    def _of(self, severity: float, constants: str) -> C:
        if constants not in get_args(Constants):
            raise ValueError(
                f"unknown constants {constants!r}. {closest(constants, get_args(Constants))}"
            )
        if severity not in range(1, SEVERITIES + 1):
            raise ValueError(f"severity is {severity}: it must be 1, 2, 3, 4 or 5")
        chosen: tuple[C, ...] = getattr(self, constants)
        return chosen[int(severity) - 1]


def common_corruption(
    cifar_c: tuple[C, ...], imagenet_c: tuple[C, ...], at_once: int = 2**17
) -> Callable[[Formula[C]], CommonCorruption[C]]:
    """Make a formula a corruption of the formula's name, with the constants of severities 1 … 5."""
    assert len(cifar_c) == len(imagenet_c) == SEVERITIES

    def decorate(formula: Formula[C]) -> CommonCorruption[C]:
        name = getattr(formula, "__name__")  # noqa: B009 — a Callable has no such attribute by its type
        return CommonCorruption(name, cifar_c, imagenet_c, formula, at_once)

    return decorate


def _check(images: Tensor) -> None:
    """Raises ValueError where images have another shape or type."""
    if images.dim() != 4 or images.shape[1] != 3:
        raise ValueError(f"images are {tuple(images.shape)}: they must be (B, 3, S, S), in colour")
    if images.shape[2] != images.shape[3]:
        raise ValueError(f"images are {tuple(images.shape)}: height and width must be equal")
    if not images.numel():
        raise ValueError(f"images are {tuple(images.shape)}: the batch is empty")
    if not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}: they must be floating, in [0, 1]")


def _check_range(part: Tensor, images: Tensor) -> None:
    """Raises ValueError where a part of the images, which is read next, leaves [0, 1]."""
    low, high = torch.stack((part.amin(), part.amax())).tolist()
    if not (low >= -1e-4 and high <= 1 + 1e-4):  # 1e-4: rounding; written so that NaN fails
        low, high = torch.stack(images.aminmax()).tolist()
        raise ValueError(f"images lie in [{low:.4g}, {high:.4g}]: they must lie in [0, 1]")


def _rows(images: Tensor, indices: Tensor | None) -> Tensor:
    """The row numbers, (B,). Raises ValueError where indices have another shape or type."""
    if indices is None:
        return torch.arange(len(images), device=images.device)
    if indices.shape != images.shape[:1]:
        raise ValueError(
            f"indices are {tuple(indices.shape)}: one for each of {len(images)} images"
        )
    if indices.is_floating_point() or indices.is_complex():
        raise ValueError(f"indices must hold integers, not {indices.dtype}")
    return indices.to(images.device)


def _eight_bits(images: Tensor) -> Tensor:
    """[0, 1] -> 0 … 255, contiguous: exact for multiples of 1/255 of any type, else the nearest."""
    pixels = (images.to(torch.float32) * 255).add_(0.5).to(torch.int16).to(torch.uint8)
    return pixels.contiguous()  # formulas mix it with draws, plane by plane


def _truncated(values: Tensor) -> Tensor:
    """As `np.uint8(np.clip(x, 0, 1) * 255)`."""
    if values.dtype == torch.uint8:
        return values
    return values.clamp_(0, 1).mul_(255).to(torch.int16).to(torch.uint8)  # int16 between: faster


def _fill(part: Tensor, pixels: Tensor) -> None:
    """Write 0 … 255 as [0, 1], rounded in float32."""
    if part.dtype == torch.float32:
        divided(part.copy_(pixels), 255)
    else:
        part.copy_(unit(pixels, torch.float32))
