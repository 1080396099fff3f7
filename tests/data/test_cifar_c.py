"""Official files of corrupted images, written small: what is read, and every fault in one sentence."""

import pickle

import numpy as np
import pytest
import torch

from acn_bench.data import cifar, cifar_c
from acn_bench.data.corruptions import corrupt
from acn_bench.data.images import ImageData
from acn_bench.registry import COMMON

ROWS = 20
NAMES = ("contrast", "gaussian_noise")


@pytest.fixture(scope="module")
def clean():
    """20 smooth test images, as photographs are smooth."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(ROWS, 3, 6, 6, generator=generator)
    images = torch.nn.functional.interpolate(coarse, size=32, mode="bilinear")
    pixels = (images * 255).to(torch.uint8)
    labels = torch.arange(ROWS) % 10
    return ImageData(
        "cifar10", pixels, labels, pixels, labels, tuple("abcdefghij"),
        canonical=True, flips=True, fingerprint="0" * 12,
    )  # fmt: skip


@pytest.fixture(scope="module")
def corrupted(clean):
    """Name -> (100, 32, 32, 3) uint8: the test images at severities 1 to 5."""
    images = clean.test_images.float() / 255

    def made(name):
        parts = [corrupt(images, name, severity) for severity in range(1, 6)]
        return (torch.cat(parts) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

    return {name: made(name) for name in NAMES}


@pytest.fixture
def root(tmp_path, monkeypatch, clean, corrupted):
    """A data root with CIFAR-10-C's layout."""
    monkeypatch.setattr(cifar, "load", lambda *_: clean)
    folder = tmp_path / "CIFAR-10-C"
    folder.mkdir()
    for name, images in corrupted.items():
        np.save(folder / f"{name}.npy", images)
    np.save(folder / "labels.npy", np.tile(clean.test_labels.numpy(), 5))
    return tmp_path


def test_the_images_of_rows_are_read_from_the_file(root, clean):
    files = cifar_c.load("cifar10_c", root)
    rows = torch.tensor([3, 0, 19])
    for name in NAMES:
        for severity in (1, 5):
            expected = corrupt(clean.test_images.float() / 255, name, severity)[rows]
            taken = files.pixels(name, severity, rows)
            assert taken.dtype == torch.uint8
            assert torch.equal(taken, (expected * 255).round().to(torch.uint8))
    assert files.counts == (0, 2 * 5 * ROWS)
    assert files.image_shape == (3, 32, 32)
    assert files.class_names == clean.class_names


def test_a_file_is_mapped_and_not_read(root):
    path = root / "CIFAR-10-C" / "contrast.npy"
    assert isinstance(cifar_c._images(path, ROWS, "CIFAR-10-C"), np.memmap)


def test_another_content_has_another_fingerprint_and_another_place_has_not(root, tmp_path):
    first = cifar_c.load("cifar10_c", root).fingerprint
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (root / "CIFAR-10-C").rename(moved / "CIFAR-10-C")
    cifar_c.load.cache_clear()
    assert cifar_c.load("cifar10_c", moved).fingerprint == first
    path = moved / "CIFAR-10-C" / "contrast.npy"
    images = np.load(path)
    images[7, 7] ^= 1
    np.save(path, images)
    cifar_c.load.cache_clear()
    assert cifar_c.load("cifar10_c", moved).fingerprint != first


def test_only_all_15_corruptions_of_the_full_test_set_are_canonical(root, clean):
    assert not cifar_c.load("cifar10_c", root).canonical  # 2 of the 15
    folder = root / "CIFAR-10-C"
    for name in COMMON:
        if name not in NAMES:
            (folder / f"{name}.npy").symlink_to(folder / "contrast.npy")
    cifar_c.load.cache_clear()
    assert cifar_c.load("cifar10_c", root).canonical
    object.__setattr__(clean, "canonical", False)
    try:
        cifar_c.load.cache_clear()
        assert not cifar_c.load("cifar10_c", root).canonical
    finally:
        object.__setattr__(clean, "canonical", True)


# ---------------------------------------------------------------- faults


def test_absent_files_are_named_with_what_needs_none(root):
    folder = root / "CIFAR-10-C"
    (folder / "labels.npy").unlink()
    with pytest.raises(LookupError, match=r"not complete in .*CIFAR-10-C: the file 'labels\.npy'"):
        cifar_c.load("cifar10_c", root)
    with pytest.raises(LookupError, match=r"CIFAR-100-C is not .* `noise_cifar10 --data cifar100`"):
        cifar_c.load("cifar100_c", root)


def test_a_corruption_without_a_file_is_named(root):
    files = cifar_c.load("cifar10_c", root)
    files.require("contrast")
    with pytest.raises(LookupError, match=r"not complete in .*: the file 'fog\.npy' was expected"):
        files.require("fog")


def reordered(images, order):
    return images.reshape(5, ROWS, 32, 32, 3)[order].reshape(images.shape)


IMAGE_FAULTS = {
    "float": (lambda x: x / 255, r"holds float64 of shape \(100, 32, 32, 3\): 20 clean test images"),
    "channels first": (
        lambda x: x.transpose(0, 3, 1, 2),
        r"holds uint8 of shape \(100, 3, 32, 32\): .* are uint8 of shape \(100, 32, 32, 3\)",
    ),
    "one severity": (lambda x: x[:ROWS], r"of shape \(20, 32, 32, 3\): 20 clean test images at 5"),
    "severity 5 first": (
        lambda x: reordered(x, [4, 3, 2, 1, 0]),
        r"contrast\.npy is not in the order of CIFAR-10-C: .* and severity 1 comes first",
    ),
    "rows by one": (
        lambda x: np.roll(x, 1, 0),
        r"not in the order of the clean test images: at severity 1 its images",
    ),
    "severity 3 shuffled": (
        lambda x: np.concatenate([x[:40], x[59:39:-1], x[60:]]),
        r"not in the order of the clean test images: at severity 3 its images",
    ),
    "noise": (
        lambda x: np.random.default_rng(0).integers(0, 256, x.shape, np.uint8),
        r"not in the order of the clean test images: at severity 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", IMAGE_FAULTS)
def test_images_that_are_not_the_clean_ones_corrupted_are_refused(root, corrupted, fault):
    change, message = IMAGE_FAULTS[fault]
    np.save(root / "CIFAR-10-C" / "contrast.npy", change(corrupted["contrast"]))
    with pytest.raises(ValueError, match=message):
        cifar_c.load("cifar10_c", root)


LABEL_FAULTS = {
    "another class": (
        lambda y: np.where(np.arange(100) == 43, 9, y),
        r"labels\.npy is not in the order .*: at severity 3, image 3 is of class 9, and the clean one is of class 3",
    ),
    "severity after severity of one image": (
        lambda y: np.repeat(y[:ROWS], 5),
        r"not in the order of the clean test images: at severity 1, image 1 is of class 0",
    ),
    "one severity": (lambda y: y[:ROWS], r"holds int64 of shape \(20,\): .* of shape \(100,\)"),
    "float": (lambda y: y / 1, r"holds float64 of shape \(100,\): .* whole numbers"),
}  # fmt: skip


@pytest.mark.parametrize("fault", LABEL_FAULTS)
def test_labels_that_are_not_those_of_the_clean_images_are_refused(root, clean, fault):
    change, message = LABEL_FAULTS[fault]
    labels = np.tile(clean.test_labels.numpy(), 5)
    np.save(root / "CIFAR-10-C" / "labels.npy", change(labels))
    with pytest.raises(ValueError, match=message):
        cifar_c.load("cifar10_c", root)


class Attack:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("code of a file was run",)


DAMAGED = {
    "truncated": lambda raw: raw[:-1000],
    "cut in its header": lambda raw: raw[:20],
    "empty": lambda _: b"",
    "text": lambda _: b"this is no array",
    "a pickle": lambda _: pickle.dumps(Attack()),
    "a shape without end": lambda raw: raw.replace(b"(100, 32, 32, 3)", b"(9**9**9, 32, 3)"),
    "a shape of brackets": lambda raw: raw.replace(b"(100, 32, 32, 3)", b"((((((((100)))))"),
}


@pytest.mark.parametrize("file", ["contrast.npy", "labels.npy"])
@pytest.mark.parametrize("fault", DAMAGED)
def test_a_damaged_file_is_named(root, file, fault):
    path = root / "CIFAR-10-C" / file
    raw = path.read_bytes()
    damaged = DAMAGED[fault](raw)
    if damaged == raw or (fault == "truncated" and file == "labels.npy"):
        damaged = raw[:-1]  # the labels' header holds another shape
    path.write_bytes(damaged)
    with pytest.raises(
        ValueError, match=rf"{file} is not a file of CIFAR-10-C, or it is damaged"
    ) as e:
        cifar_c.load("cifar10_c", root)
    assert "\n" not in str(e.value)


def test_an_array_of_objects_is_refused(root):
    path = root / "CIFAR-10-C" / "contrast.npy"
    np.save(path, np.array([Attack()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"contrast\.npy is not a file of CIFAR-10-C"):
        cifar_c.load("cifar10_c", root)


@pytest.mark.parametrize("rows", [8, 1])
def test_too_few_images_to_compare_are_still_compared_by_label(root, clean, monkeypatch, rows):
    fewer = ImageData(
        "cifar10", clean.train_images, clean.train_labels, clean.test_images[:rows], clean.test_labels[:rows],
        clean.class_names, canonical=False, flips=True, fingerprint="1" * 12,
    )  # fmt: skip
    monkeypatch.setattr(cifar, "load", lambda *_: fewer)
    with pytest.raises(ValueError, match=rf"labels\.npy holds .*: {rows} clean test images at 5"):
        cifar_c.load("cifar10_c", root)
