"""The 15 common and 4 extra corruptions of Hendrycks & Dietterich (2019), one file each.

Nothing is imported before a corruption is asked for: a run depends on the files of its own corruptions alone.
"""

from typing import TYPE_CHECKING

from acn_bench.registry import CORRUPTIONS, closest

if TYPE_CHECKING:
    from torch import Tensor

    from acn_bench.data.corruptions.corruption import Constants


def corrupt(
    images: "Tensor",
    name: str,
    severity: int,
    constants: "Constants" = "cifar_c",
    seed: int = 0,
    indices: "Tensor | None" = None,
) -> "Tensor":
    """Corrupt a batch of colour images by one of the 19 corruptions.

    images (B, 3, S, S) floating, in [0, 1], read to the nearest 1/255 -> the same shape, type and device, in steps
    of 1/255. `constants` "cifar_c" are those for 32 px, "imagenet_c" those for 224 px. The draw of an image depends
    on (seed, name, severity, its index) alone; indices (B,) are row numbers in the data set, default 0 … B-1.
    Raises ValueError where an argument has another shape, type or range, LookupError for an unknown name.
    Source: Hendrycks & Dietterich, arXiv 1903.12261, by the formulas of their make_cifar_c.py and make_imagenet_c.py.
    """
    known = [n for n in CORRUPTIONS if CORRUPTIONS.entry(n).group]
    if name not in known:
        raise LookupError(f"unknown corruption {name!r:.60}. {closest(str(name), known)}")
    corruption = CORRUPTIONS.load(name)
    corrupted: Tensor = corruption(images, severity, seed, indices, constants)
    return corrupted
