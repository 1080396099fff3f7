"""The 1,797 handwritten digits of scikit-learn -> digits10 and digits100, which need no network.

Both sets use one split of the digits: no test digit is part of a training image of either set. All arithmetic is
on integers and keyed hashes, so that the pixels are the same on every machine.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from acn_bench.data import counter
from acn_bench.data.images import ImageData, content_hash

SplitName = Literal["train", "test"]
Split = tuple[Tensor, Tensor]  # images (N, 3, 32, 32) uint8, labels (N,) int64

PER_CLASS: dict[SplitName, int] = {"train": 120, "test": 40}  # images of a class of digits100
GLYPH = 14  # pixels a side of a digit of digits100


@lru_cache
def load(name: str, _: Path) -> ImageData:
    """`digits10` or `digits100`; no folder is read."""
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
    """The training and the test split of `digits10` or `digits100`."""
    make = {"digits10": _singles, "digits100": _pairs}[name]
    return make("train"), make("test")


def class_names(name: str) -> tuple[str, ...]:
    """`0` … `9`, or `00` … `99`."""
    width = {"digits10": 1, "digits100": 2}[name]
    return tuple(f"{k:0{width}}" for k in range(10**width))


def rows(split: SplitName) -> Tensor:
    """The digits of that split, (N,), sorted: a random quarter of each class is test."""
    _, labels = _source()
    order = counter.bits("digits split", torch.arange(len(labels))).argsort()
    by_digit = [order[labels[order] == k] for k in range(10)]
    test = torch.cat([digits[: len(digits) // 4] for digits in by_digit])
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    is_test[test] = True
    return torch.nonzero(is_test == (split == "test")).squeeze(1)


def pair_rows(split: SplitName) -> tuple[Tensor, Tensor]:
    """The left and the right digit of each image of digits100, (N,) each; never the same one twice.

    Image i has class i % 100, so that the first images are balanced, however many are used.
    """
    _, labels = _source()
    drawn_from = rows(split)
    pools = [drawn_from[labels[drawn_from] == k] for k in range(10)]
    sizes = torch.tensor([len(pool) for pool in pools])
    table = torch.nn.utils.rnn.pad_sequence(pools, batch_first=True)  # (10, most of any digit)
    image = torch.arange(100 * PER_CLASS[split])
    left, right = image % 100 // 10, image % 10
    a = counter.integers(sizes[left], "digits100 left", split, image)
    b = counter.integers(sizes[right], "digits100 right", split, image)
    step = counter.integers(sizes[left] - 1, "digits100 other", split, image) + 1
    b = torch.where(left == right, (a + step) % sizes[left], b)
    return table[left, a], table[right, b]


def _singles(split: SplitName) -> Split:
    """digits10: the digits scaled up to 32 pixels, white on black."""
    digits, labels = _source()
    chosen = rows(split)
    ink = _scale(digits[chosen], 32, 255).to(torch.uint8)
    return ink.unsqueeze(1).repeat(1, 3, 1, 1), labels[chosen]


def _pairs(split: SplitName) -> Split:
    """digits100: two digits side by side, shifted, light on a dark background, with slight noise."""
    left, right = pair_rows(split)
    image = torch.arange(len(left))
    # a thousand at a time: the intermediate tensors fit into the processor's cache
    parts = [_paint(split, left[i], right[i], i) for i in image.view(-1, 1000)]
    return torch.cat(parts), image % 100


def _paint(split: SplitName, left: Tensor, right: Tensor, image: Tensor) -> Tensor:
    """(n, 3, 32, 32) uint8: the images with these numbers, from their left and right digits."""
    x, y = _drawn(4, split, image, 2, "x"), _drawn(7, split, image, 2, "y") + 6
    glyphs = _glyphs()
    ink = torch.maximum(
        _place(glyphs[left], x[:, 0], y[:, 0]), _place(glyphs[right], x[:, 1] + 15, y[:, 1])
    ).unsqueeze(1)  # (n, 1, 32, 32), 0 … 256
    light = _drawn(96, split, image, 3, "light")[..., None, None] + 160
    dark = _drawn(96, split, image, 3, "dark")[..., None, None]  # (n, 3, 1, 1)
    clean = ((light - dark) * ink + dark * 256) >> 8
    return clean.add_(_grain(split, image)).clamp_(0, 255).to(torch.uint8)


def _drawn(high: int, split: SplitName, image: Tensor, count: int, what: str) -> Tensor:
    """(n, count) random integers in [0, high), int32, keyed by `what` and the image."""
    keys = ("digits100", what, split, image.unsqueeze(1), torch.arange(count))
    return counter.integers(high, *keys).to(torch.int32)


def _grain(split: SplitName, image: Tensor) -> Tensor:
    """(n, 3, 32, 32) integers in [-8, 7]; each hash gives sixteen of four bits."""
    words = torch.arange(3 * 32 * 32 // 16)
    octets = counter.bits("digits100 grain", split, image.unsqueeze(1), words).view(torch.uint8)
    return torch.cat([octets & 15, octets >> 4], dim=1).view(-1, 3, 32, 32).to(torch.int32) - 8


def _place(glyphs: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(n, 32, 32): each glyph with its upper left corner at x, y, and zeros around it."""
    bordered = torch.nn.functional.pad(glyphs, (1, 1, 1, 1))
    across = (torch.arange(32) - x[:, None]).clamp_(-1, GLYPH) + 1
    down = (torch.arange(32) - y[:, None]).clamp_(-1, GLYPH) + 1
    n = torch.arange(len(glyphs))
    return bordered[n[:, None, None], down[:, :, None], across[:, None, :]]


@lru_cache
def _glyphs() -> Tensor:
    """(1797, 14, 14) int32: the digits at their size in digits100, 0 … 256."""
    return _scale(_source()[0], GLYPH, 256)


def _scale(digits: Tensor, size: int, top: int) -> Tensor:
    """(n, 8, 8) in 0 … 16 -> (n, size, size) int32 in 0 … top: bilinear, rounded once."""
    whole = 2 * size  # weights are multiples of 1 / whole, and so are the centres of pixels
    place = (2 * torch.arange(size) + 1) * 8 - size
    low, share = place // whole, place % whole
    weights = torch.zeros(size, 8, dtype=torch.float64)
    weights[torch.arange(size), low.clamp(0, 7)] += whole - share
    weights[torch.arange(size), (low + 1).clamp(0, 7)] += share
    # float64 represents these integers exactly, and is never multiplied in a faster, less exact mode
    sums = (weights @ digits.to(torch.float64) @ weights.T).to(torch.int64)
    unit = 16 * whole * whole
    return ((sums * top + unit // 2) // unit).to(torch.int32)


@lru_cache
def _source() -> tuple[Tensor, Tensor]:
    """The digits, (1797, 8, 8) in 0 … 16, and their labels, (1797,) int64."""
    from sklearn.datasets import load_digits  # takes a second, and only these data sets need it

    raw = load_digits()
    return torch.tensor(raw.images, dtype=torch.int64), torch.tensor(raw.target, dtype=torch.int64)
