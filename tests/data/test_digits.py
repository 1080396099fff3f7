import pytest
import torch

from acn_bench.data import digits


def originals() -> tuple[torch.Tensor, torch.Tensor]:
    from sklearn.datasets import load_digits

    raw = load_digits()
    return torch.tensor(raw.images), torch.tensor(raw.target)


def test_the_two_sides_share_no_digit_and_lose_none() -> None:
    both = torch.cat([digits.rows("train"), digits.rows("test")])
    assert torch.equal(both.sort().values, torch.arange(1797))


def test_a_quarter_of_each_digit_is_test() -> None:
    _, labels = originals()
    test = labels[digits.rows("test")].bincount()
    assert torch.equal(test, labels.bincount() // 4)


def test_no_digit_of_the_test_side_is_in_a_training_image_of_either_set() -> None:
    test = set(digits.rows("test").tolist())
    for side in ("train", "test"):
        used = set(torch.cat(digits.pair_rows(side)).tolist())
        assert used <= set(digits.rows(side).tolist())
    assert not test & set(torch.cat(digits.pair_rows("train")).tolist())


def test_no_two_images_of_digits10_are_equal_across_the_sides() -> None:
    (train, _), (test, _) = digits.read("digits10")
    seen = {image.numpy().tobytes() for image in train}
    assert not seen & {image.numpy().tobytes() for image in test}


@pytest.mark.parametrize("side", ["train", "test"])
def test_a_pair_is_of_two_different_digits_of_its_class(side: digits.SplitName) -> None:
    _, labels = originals()
    left, right = digits.pair_rows(side)
    assert (left != right).all()
    wanted = torch.arange(len(left)) % 100
    assert torch.equal(labels[left] * 10 + labels[right], wanted)


def test_digits100_has_120_and_40_of_each_class() -> None:
    for (images, labels), per_class in zip(digits.read("digits100"), (120, 40), strict=True):
        assert images.shape == (100 * per_class, 3, 32, 32)
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64
        assert labels.bincount().tolist() == [per_class] * 100


def test_digits10_are_the_digits_scaled_up() -> None:
    (images, labels), _ = digits.read("digits10")
    raw, truth = originals()
    own = digits.rows("train")
    assert torch.equal(labels, truth[own])
    assert (images == images[:, :1]).all(), "grey"
    scaled = torch.nn.functional.interpolate(raw[own].unsqueeze(1), 32, mode="bilinear")
    assert (images[:, :1] - scaled * 255 / 16).abs().max() <= 0.51


def test_a_pair_is_light_on_a_dark_flat_ground() -> None:
    (images, _), _ = digits.read("digits100")
    corners = images[:, :, :3].flatten(2).int()  # the top rows are never written on
    assert corners.max() <= 95 + 7
    assert (corners.amax(2) - corners.amin(2)).max() <= 15, "slight noise"
    assert (images.flatten(2).int().amax(2) - corners.amin(2)).min() > 40


def test_both_digits_of_a_pair_are_seen() -> None:
    (images, _), _ = digits.read("digits100")
    ink = (images.int() - images[:, :, :1, :1].int()).abs().amax(1) > 40
    assert ink[:, :, :18].flatten(1).any(1).all()
    assert ink[:, :, 14:].flatten(1).any(1).all()


def test_pairs_do_not_repeat() -> None:
    for images, _ in digits.read("digits100"):
        assert len({image.numpy().tobytes() for image in images}) == len(images)


def test_classes_are_named_by_what_is_written() -> None:
    assert digits.class_names("digits10") == tuple("0123456789")
    hundred = digits.class_names("digits100")
    assert (hundred[0], hundred[7], hundred[42], len(hundred)) == ("00", "07", "42", 100)
