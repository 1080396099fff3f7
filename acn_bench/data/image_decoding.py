"""The bytes of an image file -> (3, H, W) uint8, or an error that names the file.

torchvision decodes JPEG, PNG and WebP, and Pillow what torchvision refuses: an image is damaged where neither can.
Grey, palette, CMYK and 16-bit images become RGB; transparency is dropped. The orientation in EXIF is ignored, as by
torchvision's ImageFolder. The channels of a pixel lie side by side in memory, as decoders write them.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from PIL import Image, ImageFile
from torch import Tensor
from torchvision.io import ImageReadMode  # importing it registers torch.ops.image

from acn_bench.errors import message

# as torchvision's ImageFolder, in lower case
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff"})
# how the files of these formats begin; WebP: its container
BEGINNINGS = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"BM", b"P2", b"P3", b"P5", b"P6", b"II", b"MM")
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "PPM", "TIFF")
_PILLOW = Lock()  # its settings are those of all threads
# of Pillow: SyntaxError for a broken PNG
_FAULTS = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


class DamagedImageError(ValueError):
    """An image file that cannot be read or decoded."""


def decode_file(path: Path) -> Tensor:
    """(3, H, W) uint8. Raises DamagedImageError."""
    return decode(read(path), path)


def read(path: Path) -> Tensor:
    """The bytes of a file, (n,) uint8. Raises DamagedImageError where it is unreadable or empty."""
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as e:
        raise DamagedImageError(f"{path} cannot be read: {e.strerror or message(e)}") from e
    if not len(content):
        raise DamagedImageError(f"{path} cannot be read: it is empty")
    return torch.from_numpy(content)


def decode(content: Tensor, path: Path) -> Tensor:
    """The bytes (n,) uint8 of that file -> (3, H, W) uint8. Raises DamagedImageError."""
    try:
        # torchvision.io.decode_image is the same call behind a deprecation warning for each image
        image: Tensor = torch.ops.image.decode_image(content, ImageReadMode.RGB.value, False)
    except (RuntimeError, AttributeError):
        image = _by_pillow(content, path)
    if image.dtype == torch.uint16:
        return (image.to(torch.float64) / 257).round_().to(torch.uint8)
    return image


@contextmanager
def _whole_files() -> Iterator[None]:
    """In the block Pillow refuses truncated files, whatever other libraries ask of it: WeasyPrint lets them pass."""
    with _PILLOW:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def _by_pillow(content: Tensor, path: Path) -> Tensor:
    """(3, H, W) uint8, or uint16 for 16-bit grey."""
    try:
        raw = io.BytesIO(content.numpy().tobytes())
        with _whole_files(), Image.open(raw, formats=_FORMATS) as file:
            deep = file.mode.startswith("I;16")
            pixels = np.array(file if deep else file.convert("RGB"))
    except _FAULTS as e:
        why = message(e).partition("<")[0].strip(" '") or type(e).__name__
        raise DamagedImageError(f"{path} is no image, or it is damaged: {why:.120}") from e
    if deep:
        pixels = np.repeat(pixels[..., None].astype(np.uint16), 3, axis=2)
    return torch.from_numpy(pixels).permute(2, 0, 1)
