"""scikit-learn's 1,797 handwritten digits -> digits10 and digits100, which need no network.

One split of the 1,797 serves both sets: no digit of the test side is in a training image of either.
Everything is integer arithmetic on keyed hashes, so the pixels are the same on every machine.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from acn_bench.data import counter
from acn_bench.data.images import ImageData, content_hash

Side = Literal["train", "test"]
Split = tuple[Tensor, Tensor]  # images (N, 3, 32, 32) uint8, labels (N,) int64

NAMES: tuple[str, ...] = ("digits10", "digits100")
PER_CLASS: dict[Side, int] = {"train": 120, "test": 40}  # images of a class of digits100
GLYPH = 14  # pixels a side of a digit of digits100


@lru_cache
def load(name: str, _: Path) -> ImageData:
    """`digits10` or `digits100`; nothing is read from a folder."""
    train, test = read(name)
    return ImageData(
        name,
        *train,
        *test,
        class_names=class_names(name),
        canonical=False,
        flips=False,
        fingerprint=content_hash(*train, *test),
    )


def read(name: str) -> tuple[Split, Split]:
    """The training and the test side of `digits10` or `digits100`."""
    make = {"digits10": _singles, "digits100": _pairs}[name]
    return make("train"), make("test")


def class_names(name: str) -> tuple[str, ...]:
    """`0` … `9`, or `00` … `99`."""
    width = {"digits10": 1, "digits100": 2}[name]
    return tuple(f"{k:0{width}}" for k in range(10**width))


def rows(side: Side) -> Tensor:
    """Which of the 1,797 are on that side, sorted: of each digit a quarter, by chance, is test."""
    _, labels = _source()
    order = counter.bits("digits split", torch.arange(len(labels))).argsort()
    by_digit = [order[labels[order] == k] for k in range(10)]
    test = torch.cat([own[: len(own) // 4] for own in by_digit])
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    is_test[test] = True
    return torch.nonzero(is_test == (side == "test")).squeeze(1)


def pair_rows(side: Side) -> tuple[Tensor, Tensor]:
    """Which of the 1,797 are left and right in the images of digits100, (N,) each; never one twice.

    Image i is of class i % 100, so that any number of first images is balanced.
    """
    _, labels = _source()
    own = rows(side)
    pools = [own[labels[own] == k] for k in range(10)]
    sizes = torch.tensor([len(pool) for pool in pools])
    table = torch.nn.utils.rnn.pad_sequence(pools, batch_first=True)  # (10, most of any digit)
    image = torch.arange(100 * PER_CLASS[side])
    left, right = image % 100 // 10, image % 10
    a = counter.integers(sizes[left], "digits100 left", side, image)
    b = counter.integers(sizes[right], "digits100 right", side, image)
    step = counter.integers(sizes[left] - 1, "digits100 other", side, image) + 1
    b = torch.where(left == right, (a + step) % sizes[left], b)
    return table[left, a], table[right, b]


def _singles(side: Side) -> Split:
    """digits10: the digits scaled up to 32 pixels, white on black."""
    digits, labels = _source()
    own = rows(side)
    ink = _scale(digits[own], 32, 255).to(torch.uint8)
    return ink.unsqueeze(1).repeat(1, 3, 1, 1), labels[own]


def _pairs(side: Side) -> Split:
    """digits100: two digits side by side, moved, in a light colour on a dark ground, a little noisy."""
    left, right = pair_rows(side)
    image = torch.arange(len(left))
    # by the thousand, so that what is being worked on fits into the processor's cache
    parts = [_paint(side, left[i], right[i], i) for i in image.view(-1, 1000)]
    return torch.cat(parts), image % 100


def _paint(side: Side, left: Tensor, right: Tensor, image: Tensor) -> Tensor:
    """(n, 3, 32, 32) uint8: the images of those numbers, from their left and right rows."""
    x, y = _drawn(4, side, image, 2, "x"), _drawn(7, side, image, 2, "y") + 6
    glyphs = _glyphs()
    ink = torch.maximum(
        _place(glyphs[left], x[:, 0], y[:, 0]), _place(glyphs[right], x[:, 1] + 15, y[:, 1])
    ).unsqueeze(1)  # (n, 1, 32, 32), 0 … 256
    light = _drawn(96, side, image, 3, "light")[..., None, None] + 160
    dark = _drawn(96, side, image, 3, "dark")[..., None, None]  # (n, 3, 1, 1)
    clean = ((light - dark) * ink + dark * 256) >> 8
    return clean.add_(_grain(side, image)).clamp_(0, 255).to(torch.uint8)


def _drawn(high: int, side: Side, image: Tensor, count: int, what: str) -> Tensor:
    """(n, count) integers in [0, high), int32: chance's choice of `what` for each image."""
    keys = ("digits100", what, side, image.unsqueeze(1), torch.arange(count))
    return counter.integers(high, *keys).to(torch.int32)


def _grain(side: Side, image: Tensor) -> Tensor:
    """(n, 3, 32, 32) integers in [-8, 7]; a hash gives sixteen of four bits."""
    words = torch.arange(3 * 32 * 32 // 16)
    octets = counter.bits("digits100 grain", side, image.unsqueeze(1), words).view(torch.uint8)
    return torch.cat([octets & 15, octets >> 4], dim=1).view(-1, 3, 32, 32).to(torch.int32) - 8


def _place(glyphs: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(n, 32, 32): each glyph with its upper left corner at x, y, and nothing around it."""
    bordered = torch.nn.functional.pad(glyphs, (1, 1, 1, 1))
    across = (torch.arange(32) - x[:, None]).clamp_(-1, GLYPH) + 1
    down = (torch.arange(32) - y[:, None]).clamp_(-1, GLYPH) + 1
    n = torch.arange(len(glyphs))
    return bordered[n[:, None, None], down[:, :, None], across[:, None, :]]


@lru_cache
def _glyphs() -> Tensor:
    """(1797, 14, 14) int32: the digits at the size that they have in digits100, 0 … 256."""
    return _scale(_source()[0], GLYPH, 256)


def _scale(digits: Tensor, size: int, top: int) -> Tensor:
    """(n, 8, 8) in 0 … 16 -> (n, size, size) int32 in 0 … top: bilinear, exact up to the last rounding."""
    whole = 2 * size  # a weight is a share of this; pixel centres lie at odd numbers of it
    place = (2 * torch.arange(size) + 1) * 8 - size
    low, share = place // whole, place % whole
    weights = torch.zeros(size, 8, dtype=torch.float64)
    weights[torch.arange(size), low.clamp(0, 7)] += whole - share
    weights[torch.arange(size), (low + 1).clamp(0, 7)] += share
    # float64 holds these integers exactly, and has no fast and rough mode of multiplication
    sums = (weights @ digits.to(torch.float64) @ weights.T).to(torch.int64)
    unit = 16 * whole * whole
    return ((sums * top + unit // 2) // unit).to(torch.int32)


@lru_cache
def _source() -> tuple[Tensor, Tensor]:
    """The digits, (1797, 8, 8) in 0 … 16, and what they are, (1797,) int64."""
    from sklearn.datasets import load_digits  # a second to import, and only here of use

    raw = load_digits()
    return torch.tensor(raw.images, dtype=torch.int64), torch.tensor(raw.target, dtype=torch.int64)
