"""The example images of a robustness record: which they are, that they are true, and that they stay small."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from acn_bench.benchmarks.robustness.conditions import Condition
from acn_bench.benchmarks.robustness.example_images import example_images
from acn_bench.benchmarks.robustness.result import MOST_PIXELS, MOST_SIDE
from acn_bench.data.corruptions import corrupt


def opened(image):
    """(C, H, W) uint8."""
    pixels = np.asarray(Image.open(io.BytesIO(image.file)))
    return torch.tensor(pixels.reshape(*pixels.shape[:2], -1)).movedim(2, 0)


def conditions(names, severities=range(1, 6)):
    return [
        Condition(n, float(s), lambda x, rows, n=n, s=s: corrupt(x, n, s, indices=rows))
        for n in names
        for s in severities
    ]


@pytest.fixture
def image():
    return torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_an_example_image_has_the_pixels_that_the_network_is_given(image):
    row = torch.tensor([7])
    kept = example_images(image, row, conditions(["fog", "impulse_noise"]))
    named = [(name, float(s)) for name in ("fog", "impulse_noise") for s in range(1, 6)]
    assert [(i.corruption, i.level) for i in kept] == [("", 0.0), *named]
    for made in kept[1:]:
        expected = corrupt(image, made.corruption, int(made.level), indices=row)
        assert torch.equal(opened(made), (255 * expected[0]).round().byte())


def test_levels_are_thinned_evenly_until_the_record_stays_small(image):
    def kept(count):
        made = [
            Condition(f"made {k}", float(s), lambda x, _: x)
            for k in range(count)
            for s in range(1, 6)
        ]
        return example_images(image, torch.tensor([0]), made)

    assert [(len(kept(n)), {i.level for i in kept(n)[1:]}) for n in (6, 10, 15)] == [
        (31, {1.0, 2.0, 3.0, 4.0, 5.0}),
        (31, {1.0, 3.0, 5.0}),
        (31, {1.0, 5.0}),
    ]
    assert {i.level for i in kept(40)[1:]} == {3.0}
    assert len(kept(40)) * 32 * 32 == MOST_PIXELS


def test_a_large_image_is_shrunk_after_it_was_corrupted_and_noise_is_clipped():
    large = torch.ones(1, 3, 224, 224)
    black = Condition("black", 1.0, lambda x, _: x - 3)
    clean, made = example_images(large, torch.tensor([0]), [black])
    assert opened(clean).shape[1] == 56 <= MOST_SIDE
    assert opened(clean).unique().tolist() == [255]
    assert opened(made).unique().tolist() == [0]


def test_an_image_of_one_channel_is_kept_in_grey():
    (clean,) = example_images(torch.full((1, 1, 28, 28), 0.2), torch.tensor([0]), [])
    assert opened(clean).shape == (1, 28, 28)
    assert opened(clean).unique().tolist() == [51]
