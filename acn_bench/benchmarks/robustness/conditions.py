"""The settings of a run -> the conditions of its test images: noise levels, and corruptions by severity."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast

import torch
from torch import Tensor

from acn_bench.backbones.patches import STD
from acn_bench.benchmarks import noise_conditions as noise_levels
from acn_bench.benchmarks.noise_conditions import Condition, NoiseOptions
from acn_bench.benchmarks.robustness.spec import Constants, RobustnessConfig
from acn_bench.data.corrupted_images import CorruptedImages
from acn_bench.data.corruptions import corrupt

if TYPE_CHECKING:
    from acn_bench.benchmarks.noise_conditions import Change
    from acn_bench.data.image_folder import ImageFolderData
    from acn_bench.data.images import ImageData

# the clean images, and the files of corrupted ones where they are official
Clean: TypeAlias = "ImageData | ImageFolderData"
Data: TypeAlias = "Sequence[Clean | CorruptedImages]"


def noise_conditions(config: RobustnessConfig) -> Iterator[Condition]:
    """The noise levels, in the card's order."""
    p = config.benchmark
    options = NoiseOptions(
        seed=config.seeds.noise,
        clip=p.noise_clip,
        quantise=p.noise_quantise,
        per_value=p.noise_per_value,
        # σ of normalised pixels (x − mean) / std is σ · std of pixels in [0, 1]; std is the same for all channels
        scale=STD[0] if p.noise_after_normalisation else 1.0,
    )
    return noise_levels.noise_conditions(p.noise, options)


def common_conditions(
    config: RobustnessConfig, files: CorruptedImages | None = None
) -> Iterator[Condition]:
    """The common corruptions at each severity, in the card's order; `files` hold the images of official ones."""
    for name in config.benchmark.common:
        for severity in config.benchmark.severities:
            if files:
                yield _official(config, files, name, severity)
            else:
                yield Condition(name, float(severity), _common(config, name, severity))


def clean(data: Data) -> Clean:
    """The clean images."""
    return cast("Clean", data[0])


def official(data: Data) -> CorruptedImages | None:
    """The files of corrupted images, if they are official."""
    return cast("CorruptedImages", data[1]) if len(data) > 1 else None


def check(config: RobustnessConfig, data: Data) -> None:
    """Corrupt one grey image by each corruption; of official ones, look for the file.

    Raises ValueError where a corruption cannot take the images, LookupError where a file is absent.
    """
    files = official(data)
    for name in config.benchmark.common:
        if files:
            files.require(name)
        else:
            shape = config.benchmark.image_shape(clean(data).image_shape)
            assert shape is not None
            _check(name, config.benchmark.constants, shape)


@lru_cache  # all runs of a plan have the same images
def _check(name: str, constants: Constants, shape: tuple[int, int, int]) -> None:
    try:
        corrupt(torch.full((1, *shape), 0.5), name, 1, constants)
    except ValueError as e:
        raise ValueError(f"corruption {name}: {e}") from e


def _common(config: RobustnessConfig, name: str, severity: int) -> "Change":
    constants, seed = config.benchmark.constants, config.seeds.noise
    return lambda images, rows: corrupt(images, name, severity, constants, seed, rows)


def _official(
    config: RobustnessConfig, files: CorruptedImages, name: str, severity: int
) -> Condition:
    """The file's image of a row stands in place of the clean one."""

    def read(rows: Tensor) -> Tensor:
        with torch.inference_mode(False):  # threads write into the batch
            pixels = files.pixels(name, severity, rows, config.benchmark.image_size)
            return pixels.to(rows.device, torch.float32).div_(255)

    return Condition(name, float(severity), lambda _, rows: read(rows), read)
