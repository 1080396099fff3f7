import math

import pytest
import torch
from torch import Tensor

from acn_bench.data.noise import (
    CORRUPTIONS,
    Corruption,
    eight_bits,
    gaussian,
    salt_and_pepper,
)

every_corruption = pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS.keys())


@pytest.fixture
def images() -> Tensor:
    return torch.rand(10, 3, 8, 6, generator=torch.Generator().manual_seed(0))


def grey(*shape: int) -> Tensor:
    return torch.full(shape, 0.5)


@every_corruption
def test_noise_of_an_image_does_not_depend_on_its_batch(
    corrupt: Corruption, images: Tensor
) -> None:
    together = corrupt(images, 0.2)
    picked = torch.tensor([7, 2, 9])
    assert torch.equal(corrupt(images[picked], 0.2, indices=picked), together[picked])
    for k in (0, 4):
        alone = corrupt(images[k : k + 1], 0.2, indices=torch.tensor([k]))
        assert torch.equal(alone[0], together[k])


@every_corruption
def test_noise_does_not_depend_on_the_global_generator(corrupt: Corruption, images: Tensor) -> None:
    torch.manual_seed(0)
    first = corrupt(images, 0.2)
    state = torch.get_rng_state()
    second = corrupt(images, 0.2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, second)


@every_corruption
def test_noise_differs_by_seed_and_by_image(corrupt: Corruption) -> None:
    same = grey(2, 3, 8, 8)
    noisy = corrupt(same, 0.2)
    assert not torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy, corrupt(same, 0.2, seed=1))
    assert torch.equal(corrupt(same, 0.2), corrupt(same, 0.2, seed=0))


@every_corruption
def test_level_zero_changes_nothing_and_the_input_is_never_written_to(
    corrupt: Corruption, images: Tensor
) -> None:
    before = images.clone()
    assert torch.equal(corrupt(images, 0.0), images)
    corrupt(images, 0.5)
    assert torch.equal(images, before)


@every_corruption
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_type_shape_and_range_are_kept(
    corrupt: Corruption, dtype: torch.dtype, images: Tensor
) -> None:
    noisy = corrupt(images.to(dtype), 0.7)
    assert noisy.dtype == dtype
    assert noisy.shape == images.shape
    assert noisy.min() >= 0
    assert noisy.max() <= 1


@every_corruption
def test_memory_format_does_not_matter(corrupt: Corruption, images: Tensor) -> None:
    other = images.to(memory_format=torch.channels_last)
    assert torch.equal(corrupt(other, 0.3), corrupt(images, 0.3))


@every_corruption
def test_no_images_are_no_error(corrupt: Corruption) -> None:
    assert corrupt(torch.zeros(0, 3, 8, 8), 0.3).shape == (0, 3, 8, 8)


def test_gaussian_has_mean_zero_and_the_spread_asked_for() -> None:
    # at mid-grey, 0.1 · 4.4 stays inside [0, 1]: nothing is clipped
    noise = (gaussian(grey(200, 3, 16, 16), 0.1) - 0.5).double()
    values = noise.numel()
    assert abs(noise.mean()) < 4 * 0.1 / math.sqrt(values)
    assert abs(noise.std() - 0.1) < 4 * 0.1 / math.sqrt(2 * values)
    assert noise.abs().max() < 0.5


def test_gaussian_channels_are_independent() -> None:
    noise = (gaussian(grey(100, 3, 16, 16), 0.1) - 0.5).transpose(0, 1).flatten(1)
    off_diagonal = torch.corrcoef(noise) - torch.eye(3)
    assert off_diagonal.abs().max() < 0.03


def test_gaussian_levels_are_one_draw_scaled() -> None:
    small, large = (gaussian(grey(4, 3, 8, 8), sigma) - 0.5 for sigma in (0.05, 0.1))
    assert torch.allclose(2 * small, large, atol=1e-6)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 0.5, 1.0])
def test_salt_and_pepper_strikes_exactly_that_share_of_every_image(share: float) -> None:
    noisy = salt_and_pepper(grey(50, 3, 9, 7), share)
    struck = noisy != 0.5
    assert (struck == struck[:, :1]).all(), "all channels at once"
    assert (struck[:, 0].flatten(1).sum(1) == round(share * 63)).all()


def test_salt_and_pepper_is_half_salt_half_pepper() -> None:
    even = salt_and_pepper(grey(50, 3, 8, 8), 0.5)[:, 0].flatten(1)
    assert ((even == 0).sum(1) == 16).all()
    assert ((even == 1).sum(1) == 16).all()
    odd = salt_and_pepper(grey(400, 3, 5, 5), 0.2)[:, 0].flatten(1)  # 5 pixels of 25
    salt = (odd == 1).sum(1)
    assert set(salt.tolist()) == {2, 3}
    assert abs((salt == 3).float().mean() - 0.5) < 0.1


def test_salt_and_pepper_strikes_every_place_equally_often() -> None:
    struck = (salt_and_pepper(grey(2000, 1, 8, 8), 0.25) != 0.5).float().mean(0)
    assert (struck - 0.25).abs().max() < 0.05


def test_salt_and_pepper_levels_are_nested() -> None:
    few, many = (salt_and_pepper(grey(5, 3, 8, 8), share) for share in (0.1, 0.4))
    struck = few != 0.5
    assert torch.equal(few[struck], many[struck])


# ---------------------------------------------------------------- as others add it


def test_unclipped_noise_leaves_the_range_and_agrees_inside_it(images: Tensor) -> None:
    clipped, free = gaussian(images, 0.4), gaussian(images, 0.4, clip=False)
    assert free.min() < 0
    assert free.max() > 1
    assert torch.equal(free.clamp(0, 1), clipped)


def test_salt_and_pepper_per_value_strikes_each_channel_on_its_own() -> None:
    noisy = salt_and_pepper(grey(50, 3, 8, 8), 0.25, per_value=True)
    struck = noisy != 0.5
    assert (struck.flatten(1).sum(1) == 48).all()  # a quarter of 192 values
    assert ((noisy == 1).flatten(1).sum(1) == 24).all()
    together = struck.all(dim=1).float().mean()
    assert together < 0.05  # by chance 1/64 of the pixels lose all three channels


def test_salt_and_pepper_per_value_does_not_depend_on_the_batch(images: Tensor) -> None:
    whole = salt_and_pepper(images, 0.3, per_value=True)
    picked = torch.tensor([8, 1])
    assert torch.equal(salt_and_pepper(images[picked], 0.3, indices=picked, per_value=True), whole[picked])  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_eight_bits_leave_every_step_of_1_255_and_truncate_what_lies_between(dtype) -> None:
    steps = torch.arange(256, dtype=dtype) / 255
    assert torch.equal(eight_bits(steps), steps)
    assert torch.equal(eight_bits(steps[:-1] + 0.9 / 255), steps[:-1])
    assert eight_bits(steps).dtype == dtype


def test_both_corruptions_are_listed_by_their_names() -> None:
    assert CORRUPTIONS["gaussian"] is gaussian
    assert CORRUPTIONS["salt_and_pepper"] is salt_and_pepper


@every_corruption
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "torch.uint8: they must be floating"),
        (torch.zeros(3, 8, 8), r"\(3, 8, 8\): they must be \(B, C, H, W\)"),
        (torch.full((2, 3, 8, 8), 255.0), r"\[255, 255\]: they must lie in \[0, 1\]"),
        (torch.full((2, 3, 8, 8), -0.1), r"they must lie in \[0, 1\]"),
        (torch.full((2, 3, 8, 8), math.nan), r"they must lie in \[0, 1\]"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(
    corrupt: Corruption, wrong: Tensor, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        corrupt(wrong, 0.1)


@every_corruption
def test_values_off_by_rounding_are_taken_and_clipped(corrupt: Corruption) -> None:
    noisy = corrupt(torch.full((2, 3, 8, 8), 1 + 1e-6), 0.1)
    assert noisy.max() <= 1


@every_corruption
@pytest.mark.parametrize("level", [-0.1, math.nan, math.inf])
def test_an_impossible_level_is_refused(corrupt: Corruption, level: float, images: Tensor) -> None:
    with pytest.raises(ValueError, match=f"is {level}: it must"):
        corrupt(images, level)


def test_a_share_above_one_is_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"share is 10: it must lie in \[0, 1\]"):
        salt_and_pepper(images, 10)


@every_corruption
def test_indices_must_be_one_an_image_and_integers(corrupt: Corruption, images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"indices are \(9,\): one for each of 10 images"):
        corrupt(images, 0.1, indices=torch.arange(9))
    with pytest.raises(ValueError, match=r"integers, not torch\.float32"):
        corrupt(images, 0.1, indices=torch.arange(10.0))


@pytest.mark.gpu
@every_corruption
def test_a_gpu_makes_the_same_noise(corrupt: Corruption, images: Tensor) -> None:
    assert torch.equal(corrupt(images, 0.3), corrupt(images.cuda(), 0.3).cpu())
