"""Correct or not, image by image: as short text for a record, and as a paired bootstrap over images for a report.

The text has one bit an image, in order, the first one highest, padded with zeros to bytes, in base64.
"""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

RESAMPLES = 2000
SEED = 0  # of the resamples: a report is the same each time
AT_ONCE = 100  # resamples in memory, of 50,000 images


def _mean(outcomes: Any) -> Any:
    return outcomes


@dataclass(frozen=True)
class ByImage:
    """What a number of a record is made of: `value` of the mean of each column is the number."""

    columns: tuple[Sequence[float], ...]  # (images,) each
    value: Callable[..., Any] = _mean  # a number of each column, or an array (R,), -> the same


def packed(correct: Iterable[bool]) -> str:
    """One bool an image -> text."""
    bits = "".join("1" if c else "0" for c in correct)
    size = -(-len(bits) // 8)
    return b64encode(int("0" + bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")).decode()


def unpacked(text: str, images: int) -> list[int]:
    """Text -> 0 or 1 for each of so many images. Raises ValueError for the text of another number of images."""
    raw = b64decode(text, validate=True)
    bits = "".join(f"{byte:08b}" for byte in raw)
    if len(raw) != -(-images // 8) or "1" in bits[images:]:
        raise ValueError(f"it does not hold {images} images")
    return [int(bit) for bit in bits[:images]]


def paired_interval(
    outcomes: Sequence[float], others: Sequence[float]
) -> tuple[float, float] | None:
    """95 % interval of the mean difference of two networks on the same images; None for fewer than two images.

    Percentile bootstrap (Efron 1979) over images: both networks keep the outcomes of an image together. An outcome is
    0 or 1, or a mean of several. Raises ValueError for lists of unlike lengths.
    """
    import numpy as np  # reports without such an interval do not wait for it

    counts = Counter(a - b for a, b in zip(outcomes, others, strict=True))
    images = len(outcomes)
    if images < 2:
        return None
    differences = np.array(sorted(counts))
    shares = np.array([counts[d] for d in differences.tolist()]) / images
    # images of the same difference are alike, so that a resample is a draw of how many there are of each
    drawn = np.random.default_rng(SEED).multinomial(images, shares, size=RESAMPLES)
    low, high = np.quantile(drawn @ differences / images, [0.025, 0.975])
    return float(low), float(high)


def interval_by_image(one: ByImage, other: ByImage) -> tuple[float, float] | None:
    """As `paired_interval`, of the difference of two numbers that are made of one or more columns alike."""
    if one.value is _mean:
        return paired_interval(*one.columns, *other.columns)
    import numpy as np

    counts = Counter(zip(*one.columns, *other.columns, strict=True))
    images = counts.total()
    if images < 2:
        return None
    rows = np.array(sorted(counts))
    shares = np.array([counts[row] for row in map(tuple, rows.tolist())]) / images
    random = np.random.default_rng(SEED)
    parts = [
        random.multinomial(images, shares, size=AT_ONCE) @ rows / images
        for _ in range(RESAMPLES // AT_ONCE)
    ]
    means = np.concatenate(parts).T
    with np.errstate(divide="ignore", invalid="ignore"):
        differences = one.value(*means[: len(one.columns)]) - other.value(
            *means[len(one.columns) :]
        )
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)
