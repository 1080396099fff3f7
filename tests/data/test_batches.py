"""What an image of a row looks like in an epoch."""

import copy

import pytest
import torch

from acn_bench.data.batches import Rows
from acn_bench.data.counter import bits

N, SIDE = 40, 8


@pytest.fixture
def pixels():
    """(40, 3, 8, 8) bytes, none of them 0: black can only come from the frame."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(1, 256, (N, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)


def rows(pixels, seed=0, crop_padding=2, flip=True):
    return Rows(pixels, seed=seed, crop_padding=crop_padding, flip=flip)


ALL = torch.arange(N)


def test_plain_images_are_the_bytes_over_255(pixels):
    plain = rows(pixels).plain(torch.tensor([3, 1]))
    assert plain.dtype == torch.float32
    assert torch.equal(plain, pixels[[3, 1]].float() / 255)


def test_without_crop_and_flip_an_image_stays_as_it_is(pixels):
    still = rows(pixels, crop_padding=0, flip=False)
    assert torch.equal(still.augmented(ALL), still.plain(ALL))


def test_an_image_depends_on_seed_epoch_and_row_alone(pixels):
    whole = rows(pixels)
    expected = whole.augmented(ALL)
    torch.manual_seed(123)  # the global generator has no say
    shuffled = torch.randperm(N)
    assert torch.equal(rows(pixels).augmented(shuffled), expected[shuffled])
    alone = torch.cat([whole.augmented(torch.tensor([row])) for row in range(N)])
    assert torch.equal(alone, expected)  # neither has the batch
    whole.epoch = 1
    assert not torch.equal(whole.augmented(ALL), expected)
    whole.epoch = 0
    assert torch.equal(whole.augmented(ALL), expected)
    assert not torch.equal(rows(pixels, seed=1).augmented(ALL), expected)


def test_a_row_twice_in_a_batch_is_the_same_image_twice(pixels):
    twice = rows(pixels).augmented(torch.tensor([5, 5]))
    assert torch.equal(twice[0], twice[1])


def offsets(seed, epoch, pad):
    """What `Rows` draws, (down, right, mirrored) for each row."""
    chance = bits("augment", seed, epoch, ALL)
    side = 2 * pad + 1
    down, right = (chance & 0xFFFF) % side - pad, ((chance >> 16) & 0xFFFF) % side - pad
    return list(zip(down.tolist(), right.tolist(), ((chance >> 32) & 1).tolist(), strict=True))


@pytest.mark.parametrize("pad", [1, 2, 4])
@pytest.mark.parametrize("flip", [True, False])
def test_a_crop_is_a_slice_of_the_padded_image_and_a_flip_mirrors_it(pixels, pad, flip):
    images = rows(pixels, seed=7, crop_padding=pad, flip=flip)
    images.epoch = 3
    framed = torch.nn.functional.pad(pixels.float() / 255, (pad, pad, pad, pad))
    for row, (down, right, mirrored) in enumerate(offsets(7, 3, pad)):
        top, left = pad + down, pad + right  # where torchvision's RandomCrop would begin
        expected = framed[row, :, top : top + SIDE, left : left + SIDE]
        expected = expected.flip(-1) if flip and mirrored else expected
        assert torch.equal(images.augmented(torch.tensor([row]))[0], expected)


def test_every_offset_and_both_sides_are_drawn_about_equally_often():
    chance = bits("augment", 0, 0, torch.arange(9000))
    for k in (0, 16):
        counts = (((chance >> k) & 0xFFFF) % 9).bincount()
        assert len(counts) == 9
        assert counts.min() > 850
        assert counts.max() < 1150
    assert 0.47 < ((chance >> 32) & 1).float().mean() < 0.53


def test_the_frame_is_black(pixels):
    cropped = rows(pixels, crop_padding=4).augmented(ALL)
    assert (cropped == 0).any()
    assert (cropped[cropped != 0] >= 1 / 255 - 1e-7).all()


def test_a_deep_copy_looks_at_the_same_images_and_keeps_to_the_same_epoch(pixels):
    images = rows(pixels)

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rows = images
            self.weight = torch.nn.Parameter(torch.zeros(1))

    model = Model()
    teacher = copy.deepcopy(model)
    assert teacher.rows is images
    assert teacher.weight is not model.weight
    images.epoch = 5
    assert torch.equal(teacher.rows.augmented(ALL), images.augmented(ALL))


def test_the_bytes_are_never_written_to(pixels):
    before = pixels.clone()
    images = rows(pixels)
    images.plain(ALL), images.augmented(ALL)
    assert torch.equal(pixels, before)
