"""The operations of AutoAugment on batches: torchvision's bytes, for each image alone."""

import pytest
import torch
from torchvision.transforms.v2 import AutoAugment, RandAugment

from acn_bench.data.augmentations.operations import LARGE, SIGNED, apply_, magnitudes

SPACE = AutoAugment._AUGMENTATION_SPACE


# the last one is large: its images are changed one by one
@pytest.fixture(scope="module", params=[(32, 32), (33, 47), (90, 130)])
def images(request):
    """(3, 3, H, W): noise, a ramp that is grey, and a dull image."""
    height, width = request.param
    assert (3 * height * width > LARGE) == (height == 90)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 3, height, width), dtype=torch.uint8, generator=generator)
    images[1] = (torch.arange(height * width) % 256).view(height, width)
    images[2] = images[2] // 2 + 60
    return images


def by_torchvision(images, name, magnitude):
    one = AutoAugment()
    return one._apply_image_or_video_transform(
        images, name, magnitude, interpolation=one.interpolation, fill=one._fill
    )


@pytest.mark.parametrize("name", SPACE)
def test_bytes_are_torchvisions_for_every_operation_and_strength(images, name):
    height, width = images.shape[-2:]
    strengths, signed = SPACE[name]
    assert signed == (name in SIGNED)
    for bins in (10, 31):
        levels = magnitudes(name, bins, height, width)
        theirs = strengths(bins, height, width)
        assert levels == ([0.0] * bins if theirs is None else [float(level) for level in theirs])
    tried = levels[:: 1 if height == 32 else 10]
    for level in {*tried, *([-level for level in tried] if signed else [])}:
        ours = apply_(images.clone(), [name] * 3, [level] * 3)
        assert torch.equal(ours, by_torchvision(images, name, level)), level


def test_each_image_has_its_own_operation_and_strength(images):
    strengths = [("Rotate", 13.0), ("Color", -0.4), (None, 0.0), ("Identity", 0.0)]
    strengths += [("Rotate", -3.0), ("Color", 0.7), ("Solarize", 0.4), ("ShearY", 0.2)]
    strengths += [("TranslateX", 5.6), ("Posterize", 5.0), ("Equalize", 0.0), ("Contrast", 0.3)]
    batch = images.repeat(4, 1, 1, 1)
    together = apply_(
        batch.clone(), [name for name, _ in strengths], [level for _, level in strengths]
    )
    for image, result, (name, level) in zip(batch, together, strengths, strict=True):
        expected = image if name is None else by_torchvision(image, name, level)
        assert torch.equal(result, expected), name


def test_grey_images_have_one_channel(images):
    grey = images[:, :1]
    for name in RandAugment._AUGMENTATION_SPACE:
        level = magnitudes(name, 31, *images.shape[-2:])[9]
        assert torch.equal(
            apply_(grey.clone(), [name] * 3, [level] * 3), by_torchvision(grey, name, level)
        )
