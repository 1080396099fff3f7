"""Pixels of any type become the same bytes, or are refused with their type."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from acn_bench.data.pixels import PixelReader

GREY = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)
BYTES = torch.from_numpy(GREY)[None, None]
DEEP = GREY.astype(np.uint16) * 257
SHARE = (GREY / 255).astype(np.float32)


def read(*images: Any) -> torch.Tensor:
    return PixelReader("own:digits").stack(images)


@pytest.mark.parametrize(
    "image",
    [
        GREY,
        GREY.astype(np.int64),
        DEEP,
        DEEP.astype(">u2"),
        SHARE.astype(np.float64),
        torch.from_numpy(GREY.astype(np.uint32))[None],
        torch.from_numpy(DEEP)[None],
        torch.from_numpy(SHARE)[None],
        Image.fromarray(GREY),
        Image.fromarray(DEEP),
        Image.fromarray(SHARE),
        Image.fromarray(GREY.astype(np.int32)),
    ],
    ids=lambda image: (
        f"{type(image).__name__} {getattr(image, 'dtype', getattr(image, 'mode', ''))}"
    ),
)
def test_an_image_is_the_same_bytes_in_every_type(image: Any) -> None:
    assert torch.equal(read(image), BYTES)


@pytest.mark.parametrize("image", [GREY > 100, torch.from_numpy(GREY > 100)[None]])
def test_true_is_white(image: Any) -> None:
    assert torch.equal(read(image), (BYTES > 100).to(torch.uint8) * 255)


def test_colour_comes_last_in_an_array_and_first_in_a_tensor() -> None:
    colour = np.stack([GREY, GREY, GREY * 0], axis=2)
    assert read(colour).shape == (1, 3, 8, 8)
    assert torch.equal(read(colour), read(torch.from_numpy(colour).permute(2, 0, 1)))


def test_many_channels_are_no_mistake_where_no_other_axis_could_be_theirs() -> None:
    assert read(torch.zeros(13, 64, 64)).shape == (1, 13, 64, 64)
    assert read(np.zeros((64, 64, 13))).shape == (1, 13, 64, 64)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(32, 32, 3), r"a tensor of shape \(32, 32, 3\), which would be 32 channels.*permute"),
        (np.zeros((3, 32, 32)), r"an array of shape \(3, 32, 32\), which would be 32 channels.*transpose"),
        (torch.zeros(32, 32), r"a tensor of shape \(32, 32\) where an image should be"),
        (np.zeros((1, 3, 8, 8)), r"an array of shape \(1, 3, 8, 8\) where an image should be"),
        (np.zeros(64), r"an array of shape \(64,\) where an image should be"),
        (torch.zeros(1, 0, 0), r"a tensor of shape \(1, 0, 0\) where an image should be"),
        ([[0]], "yields a list where an image should be"),
    ],
)  # fmt: skip
def test_another_form_is_refused_with_its_shape(image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"own:digits yields {message}|own:digits {message}"):
        read(image)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.fromarray(DEEP.astype(np.int32)), "int32 pixels from 0 to 64764: .*uint16"),
        (GREY.astype(np.int16) * 2, "int16 pixels from 0 to 504"),
        (torch.full((1, 8, 8), -1), "int64 pixels from -1 to -1"),
        (torch.ones(1, 8, 8, dtype=torch.complex64), "complex64 pixels"),
        (np.full((8, 8), "a"), "<U1 pixels"),
        (GREY.astype(object), "object pixels"),
        (Image.fromarray(SHARE * 255), r"values from 0 to 252: images must lie in \[0, 1\]"),
        (torch.full((1, 8, 8), torch.nan), r"values from nan to nan: images must lie in \[0, 1\]"),
    ],
)
def test_a_type_without_a_scale_is_refused_by_its_name(image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"own:digits yields {message}"):
        read(image)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (GREY.astype(np.uint16), "uint16 pixels .* 1 of 255"),
        (DEEP // 16, "uint16 pixels .* 16 of 255"),
        (SHARE / 255, "float32 pixels .* 1 of 255"),
        ((GREY > 100).astype(np.int64), "int64 pixels .* 1 of 255"),
    ],
)
def test_a_range_that_is_not_used_is_refused_once_all_images_are_read(
    image: Any, message: str
) -> None:
    reader = PixelReader("own:digits")
    reader.stack([image])
    with pytest.raises(ValueError, match=f"own:digits yields {message}"):
        reader.refuse_faint()


def test_dark_images_are_no_mistake_beside_bright_ones() -> None:
    reader = PixelReader("own:digits")
    reader.stack([SHARE / 255])
    reader.stack([SHARE])
    reader.refuse_faint()
