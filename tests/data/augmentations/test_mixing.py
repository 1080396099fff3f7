"""CutMix, MixUp and erasing: boxes, shares and partners, drawn by row."""

import pytest
import torch

from acn_bench.data.augmentations.cutmix import CutMix
from acn_bench.data.augmentations.either import Either
from acn_bench.data.augmentations.erasing import Erasing
from acn_bench.data.augmentations.mixup import MixUp

COUNT = 5000
ROWS = torch.arange(COUNT)
SHAPE = (20, 30)


def draw(mixer, rows=ROWS, seed=0, epoch=0):
    return mixer.draw(rows, seed, epoch, count=COUNT, shape=SHAPE)


@pytest.mark.parametrize("mixer", [CutMix(), MixUp(alpha=0.8), Either()], ids=str)
def test_how_a_row_is_mixed_depends_on_seed_epoch_and_row_alone(mixer):
    whole, one = draw(mixer), draw(mixer, torch.tensor([40, 7]))
    for name, value in vars(one).items():
        assert torch.equal(value, getattr(whole, name)[[40, 7]]), name
    assert not torch.equal(draw(mixer, epoch=1).share, whole.share)
    assert not torch.equal(draw(mixer, seed=1).partner, whole.partner)


def test_cutmix_pastes_a_box_and_shares_the_label_by_its_area():
    mix = draw(CutMix(probability=0.5))
    chosen = mix.chosen.float().mean()
    assert 0.45 < chosen < 0.51  # a box may have no area
    black, white = torch.zeros(COUNT, 1, *SHAPE), torch.ones(len(mix.rows()), 1, *SHAPE)
    mixed = mix.apply(black, white)
    assert torch.allclose(1 - mixed.mean(dim=(1, 2, 3)), mix.share)
    assert mix.share[~mix.chosen].eq(1).all()
    # the share is uniform where boxes are not cut off at a border: the mean area is 1/2 less what is cut off
    assert 0.25 < 1 - mix.share[mix.chosen].mean() < 0.5


def test_cutmix_boxes_have_the_proportions_of_the_image():
    mix = draw(CutMix(probability=1.0))
    boxes = mix.boxes[mix.chosen]
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    assert (boxes >= 0).all()
    assert (boxes[:, 2] <= SHAPE[0]).all()
    assert (boxes[:, 3] <= SHAPE[1]).all()
    whole = (boxes[:, 0] > 0) & (boxes[:, 2] < SHAPE[0])  # not cut off above or below
    whole &= (boxes[:, 1] > 0) & (boxes[:, 3] < SHAPE[1])
    # sides are in the ratio of the image's, but for the rounding down of each half
    assert ((height[whole] / 20 - width[whole] / 30).abs() < 2 / 20).all()


def test_mixup_blends_with_the_share_of_the_label():
    mix = draw(MixUp(alpha=0.4))
    assert mix.chosen.all()
    mixed = mix.apply(torch.zeros(COUNT, 1, 2, 2), torch.ones(COUNT, 1, 2, 2))
    assert torch.allclose(mixed[:, 0, 0, 0], 1 - mix.share)
    torch.manual_seed(0)
    beta = torch.distributions.Beta(0.4, 0.4).sample((COUNT,))
    quantiles = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])
    assert torch.allclose(mix.share.quantile(quantiles), beta.quantile(quantiles), atol=0.05)


def test_either_cuts_some_images_and_blends_the_others():
    mix = draw(Either(switch=0.3))
    assert 0.65 < mix.blends.float().mean() < 0.75
    assert mix.boxes[mix.blends].eq(0).all()


def test_an_image_whose_partner_is_damaged_stays_as_it_is():
    mix = draw(MixUp(), ROWS[:4]).only(torch.tensor([True, False, True, False]))
    assert mix.chosen.tolist() == [True, False, True, False]
    images = torch.rand(4, 1, 2, 2)
    mixed = mix.apply(images, torch.ones(2, 1, 2, 2))
    assert torch.equal(mixed[[1, 3]], images[[1, 3]])
    assert mix.share[[1, 3]].eq(1).all()


def test_partners_are_any_rows_about_equally_often():
    tenth = draw(MixUp()).partner // (COUNT // 10)
    assert 400 < tenth.bincount().min() <= tenth.bincount().max() < 600


def test_erasing_fills_a_box_of_a_share_of_the_area_in_a_share_of_the_images():
    erasing = Erasing(probability=0.25, value=0.5)
    images = torch.zeros(COUNT, 1, *SHAPE)
    erased = erasing(images, ROWS, 0, 0)
    areas = erased.ne(0).float().mean(dim=(1, 2, 3))
    hit = areas > 0
    assert 0.22 < hit.float().mean() < 0.28
    assert set(erased.unique().tolist()) == {0, 0.5}
    assert areas[hit].min() > 0.01
    assert areas[hit].max() < 0.36
    assert areas[hit].mean() == pytest.approx(0.17, abs=0.02)
    few = torch.tensor([9, 3])
    assert torch.equal(erasing(images[few], few, 0, 0), erased[few])
    assert torch.equal(Erasing(probability=0)(images, ROWS, 0, 0), images)


@pytest.mark.parametrize("mixer", [CutMix, MixUp])
@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"alpha": float("nan")}, {"probability": 1.1}])
def test_settings_out_of_range_are_refused(mixer, wrong):
    with pytest.raises(ValueError, match="alpha"):
        mixer(**wrong)
