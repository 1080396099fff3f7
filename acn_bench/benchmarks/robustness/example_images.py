"""The first test image under the conditions of a run -> small PNG files for its record."""

import io
from base64 import b64encode
from collections.abc import Sequence

from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from acn_bench.benchmarks.noise_conditions import Condition
from acn_bench.benchmarks.robustness.result import MOST_PIXELS, MOST_SIDE, ExampleImage


def example_images(
    image: Tensor, row: Tensor, conditions: Sequence[Condition]
) -> list[ExampleImage]:
    """An image (1, C, H, W) in [0, 1] with its row number (1,), clean and as the network's input under conditions.

    All pixels together are at most MOST_PIXELS. Where there are more levels, those of each corruption are thinned
    evenly; a larger image is shrunk by a whole number after it was corrupted.
    """
    shrink = -(-max(image.shape[2:]) // MOST_SIDE)
    pixels = (image.shape[2] // shrink) * (image.shape[3] // shrink)
    shown = _thinned(conditions, MOST_PIXELS // max(pixels, 1) - 1)
    changed = [("", 0.0, image)]
    changed += [(c.corruption, c.level, c.change(image, row)) for c in shown]
    return [
        ExampleImage(corruption=name, level=level, png=_png(avg_pool2d(x.float(), shrink)))
        for name, level, x in changed
    ]


def _thinned(conditions: Sequence[Condition], most: int) -> list[Condition]:
    """At most `most` conditions: of each corruption as many levels as fit, the ends first; of one level, the middle."""
    by_name: dict[str, list[Condition]] = {}
    for condition in conditions:
        by_name.setdefault(condition.corruption, []).append(condition)
    longest = max(map(len, by_name.values()), default=0)
    for count in range(longest, 0, -1):
        chosen = [c for levels in by_name.values() for c in _spread(levels, count)]
        if len(chosen) <= most:
            return chosen
    return [levels[len(levels) // 2] for levels in by_name.values()][:most]


def _spread(levels: Sequence[Condition], count: int) -> list[Condition]:
    """`count` of them, evenly."""
    if count >= len(levels):
        return list(levels)
    if count == 1:
        return [levels[len(levels) // 2]]
    return [levels[round(k * (len(levels) - 1) / (count - 1))] for k in range(count)]


def _png(image: Tensor) -> str:
    """(1, C, H, W) -> a PNG of 8 bits in base64; values outside [0, 1] are clipped."""
    pixels = image[0].mul(255).round().clamp(0, 255).byte().movedim(0, 2).cpu().numpy()
    grey = pixels.shape[2] != 3
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if grey else pixels).save(file, "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()
