"""Row numbers -> batches of augmented images and their labels."""

import pytest
import torch

from acn_bench.data import images
from acn_bench.data.augmentations.autoaugment import AutoAugment
from acn_bench.data.augmentations.crop_flip import CropFlip
from acn_bench.data.augmentations.cutmix import CutMix
from acn_bench.data.augmentations.either import Either
from acn_bench.data.augmentations.erasing import Erasing
from acn_bench.data.augmentations.mixup import MixUp
from acn_bench.data.augmentations.randaugment import RandAugment
from acn_bench.data.epoch_source import EpochSource
from acn_bench.data.image_batches import Augmentations, ImageBatches
from acn_bench.data.image_source import open_sources
from acn_bench.data.memory_source import MemoryView

ROWS = torch.arange(64)
FULL = Augmentations(policy=AutoAugment(), erasing=Erasing(), mixer=CutMix())
MODERN = Augmentations(policy=RandAugment(), erasing=Erasing(), mixer=Either())
FIELDS = ("rows", "images", "labels", "other_labels", "share")


@pytest.fixture(scope="module")
def sources():
    view = MemoryView(crops=2)
    return open_sources(
        images.load("digits10"), seed=0, device=torch.device("cpu"), memory_view=view
    )


@pytest.mark.parametrize("augmentations", [FULL, MODERN], ids=["cutmix", "either"])
def test_a_batch_of_64_equals_64_batches_of_one(sources, augmentations):
    batches = ImageBatches(sources[0], augmentations, seed=0)
    whole = batches.train(ROWS, 5)
    assert whole.images.dtype == torch.float32
    assert 0 <= whole.images.min() < whole.images.max() <= 1
    each = [batches.train(ROWS[k : k + 1], 5) for k in range(64)]
    for name in FIELDS:
        assert torch.equal(getattr(whole, name), torch.cat([getattr(e, name) for e in each])), name


@pytest.mark.parametrize("policy", [AutoAugment(), None], ids=str)
def test_an_epoch_that_is_augmented_at_once_has_the_same_images(sources, policy):
    at_once = ImageBatches(EpochSource(sources[0], policy), Augmentations(mixer=CutMix()), seed=0)
    by_batch = ImageBatches(sources[0], Augmentations(policy=policy, mixer=CutMix()), seed=0)
    for epoch in (2, 0, 2):
        expected = by_batch.train(ROWS, epoch)
        assert torch.equal(at_once.train(ROWS, epoch).images, expected.images)
    assert torch.equal(at_once.test(ROWS).images, by_batch.test(ROWS).images)


def test_targets_share_their_weight_between_two_labels(sources):
    batch = ImageBatches(sources[0], Augmentations(mixer=CutMix(probability=1)), seed=0).train(
        ROWS, 0
    )
    targets = batch.probabilities(10)
    assert torch.allclose(targets.sum(1), torch.ones(64))
    row = (batch.labels != batch.other_labels).nonzero()[0].item()
    assert targets[row, batch.labels[row]] == batch.share[row]
    assert targets[row, batch.other_labels[row]] == 1 - batch.share[row]


def test_test_images_are_the_bytes_over_255(sources):
    batch = ImageBatches(sources[1], FULL, seed=0).test(ROWS)
    assert torch.equal(batch.images, sources[1].pixels[:64] / 255)
    assert batch.share.eq(1).all()


class Half:
    """A source in which every other row is damaged, and black."""

    def __init__(self, source):
        self.source, self.labels, self.damage = source, source.labels, {}

    def images(self, rows, epoch):
        return self.source.images(rows, epoch) * self.readable(rows).view(-1, 1, 1, 1)

    def readable(self, rows):
        return rows % 2 == 0


def test_damaged_rows_are_left_out_and_are_nobodys_partner(sources):
    augmentations = Augmentations(mixer=MixUp(alpha=1), policy=AutoAugment())
    half = ImageBatches(Half(sources[0]), augmentations, seed=0).train(ROWS, 1)
    whole = ImageBatches(sources[0], augmentations, seed=0).train(ROWS, 1)
    assert half.rows.tolist() == list(range(0, 64, 2))
    mix = augmentations.mixer.draw(half.rows, 0, 1, count=len(sources[0].labels), shape=(32, 32))
    mixed = mix.partner % 2 == 0
    assert torch.equal(half.images[mixed], whole.images[::2][mixed])
    assert half.share[~mixed].eq(1).all()
    assert torch.equal(half.other_labels[~mixed], half.labels[~mixed])


def test_a_second_crop_pads_what_the_first_one_left():
    pixels = torch.full((400, 1, 6, 6), 9, dtype=torch.uint8)
    rows = torch.arange(400)
    once = CropFlip(padding=2, crops=1, flip=False)(pixels, rows, 0, 0)
    twice = CropFlip(padding=2, crops=2, flip=False)(pixels, rows, 0, 0)
    assert torch.equal(CropFlip(padding=2, crops=0)(pixels, rows, 0, 0), pixels)
    assert ((once == 9) | (twice == 0)).sum() < pixels.numel()  # shifted further, and back
    assert (twice == 9).sum() < (once == 9).sum()
    assert set(twice.unique().tolist()) == {0, 9}
    back = CropFlip(padding=0, crops=2, flip=True)(pixels, rows, 0, 0)
    assert torch.equal(back, pixels)  # without padding nothing is shifted
