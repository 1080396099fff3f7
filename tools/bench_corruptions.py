"""Compare the speeds of acn_bench's corruptions and of imagecorruptions-imaug, in images/s at 32 × 32.

python tools/bench_corruptions.py [--repetitions 7] [--out reports/<date>-speed]

Each side has one thread. A piece of work is every severity of one corruption, on photographs of scikit-learn. The
speed of a set is that of all its corruptions one after the other. imagecorruptions-imaug has ImageNet-C's constants
alone, so acn_bench is timed with both.
"""

import argparse
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image
from stopwatch import Side, Timed, alternate, save, table
from torch import Tensor

from acn_bench.data.corruptions import corrupt
from acn_bench.data.corruptions.corruption import Constants
from acn_bench.execution import local
from acn_bench.registry import COMMON, EXTRA

SEVERITIES = range(1, 6)
REFERENCE = "imagecorruptions-imaug"
BATCHED: dict[str, Constants] = {
    "acn_bench, CIFAR-C": "cifar_c",
    "acn_bench, ImageNet-C": "imagenet_c",
}


def photographs() -> NDArray[np.uint8]:
    """(512, 32, 32, 3): cuts of two photographs at a quarter of their size."""
    small = [load_sample_image(name)[::4, ::4] for name in ("china.jpg", "flower.jpg")]
    cuts = [
        image[row : row + 32, column : column + 32]
        for image in small
        for row in range(0, 72, 9)
        for column in range(0, 128, 4)
    ]
    return np.stack(cuts)


def batched() -> dict[str, Timed]:
    """The timed pieces of work of acn_bench, by name."""
    images = torch.from_numpy(photographs()).permute(0, 3, 1, 2).float() / 255

    def run(name: str, constants: Constants, images: Tensor) -> int:
        for severity in SEVERITIES:
            corrupt(images, name, severity, constants)
        return len(SEVERITIES) * len(images)

    return {
        f"{name} {constants}": partial(run, name, constants, images)
        for name in (*COMMON, *EXTRA)
        for constants in BATCHED.values()
    }


def one_by_one() -> dict[str, Timed]:
    """The timed pieces of work of imagecorruptions-imaug, by name."""
    import cv2
    import imagecorruptions

    cv2.setNumThreads(1)
    images = photographs()[::25]

    def run(name: str) -> int:
        for severity in SEVERITIES:
            for image in images:
                imagecorruptions.corrupt(image, severity, name)
        return len(SEVERITIES) * len(images)

    return {name: partial(run, name) for name in (*COMMON, *EXTRA)}


def of_set(names: tuple[str, ...], speeds: dict[str, Any]) -> dict[str, list[float]]:
    """Corrupted images/s of all these corruptions, one after the other, by arm."""
    return {
        arm: [len(names) / sum(1 / statistics.median(speeds[n][arm]["values"]) for n in names)]
        for arm in (REFERENCE, *BATCHED)
    }


def main() -> None:
    """Measure, print and save all speeds."""
    parser = argparse.ArgumentParser(description="Speed of the corruptions.")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    reference, package = Side(one_by_one, {}), Side(batched, local.ENVIRONMENT)
    speeds: dict[str, Any] = {}
    for name in (*COMMON, *EXTRA):
        arms = {REFERENCE: (reference, name)}
        arms |= {arm: (package, f"{name} {constants}") for arm, constants in BATCHED.items()}
        speeds[name] = table(f"{name}  (images/s)", alternate(arms, options.repetitions))
    for title, names in (("the 15 common", COMMON), ("the 4 extra", EXTRA)):
        speeds[title] = table(f"{title}  (images/s)", of_set(names, speeds))
    slower = [
        f"{name} ({arm})"
        for name, arms in speeds.items()
        for arm, row in arms.items()
        if row["ratio"] < 1
    ]
    print(f"\nslower than {REFERENCE}: {', '.join(slower) or 'none'}")
    save(options.out, "corruptions", {"images": "512 of 32 × 32", "speeds": speeds})


if __name__ == "__main__":
    main()
