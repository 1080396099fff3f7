"""Folders in the layout of ImageNet-C: an image is found by its clean one, and every fault is one sentence."""

import numpy as np
import pytest
import torch
from PIL import Image

from acn_bench.data.corruption_folders import open_folders

CLASSES = {"n01": ("val_3", "val_1"), "n02": ("val_2",)}  # names do not run in the order of classes


def write(path, value, size=(8, 8)):
    """Its upper left quarter is of another value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), value, np.uint8)
    pixels[: size[0] // 2, : size[1] // 2] = 255 - value
    Image.fromarray(pixels).save(path, quality=90)


def write_corruption(folder, name, severities):
    for s, severity in enumerate(severities):
        for class_name, names in CLASSES.items():
            for file in names:
                row = int(file[-1])
                write(folder / name / severity / class_name / f"{file}.JPEG", 40 * s + row)


@pytest.fixture
def root(tmp_path):
    for class_name, names in CLASSES.items():
        for file in names:
            write(tmp_path / "val" / class_name / f"{file}.JPEG", 0)
    write_corruption(tmp_path / "C", "fog", "12345")
    return tmp_path


@pytest.fixture
def folders(root):
    return open_folders(root / "C", root / "val")


def test_rows_are_the_clean_images_by_class_and_name(folders, root):
    assert folders.corruptions == ("fog",)
    assert folders.class_names == ("n01", "n02")
    assert folders.images == (("n01", "val_1"), ("n01", "val_3"), ("n02", "val_2"))
    assert folders.labels.tolist() == [0, 0, 1]
    assert folders.severity("fog", 2).path(1) == root / "C" / "fog" / "2" / "n01" / "val_3.JPEG"


def test_images_are_those_that_pillow_decodes(folders):
    rows = torch.tensor([2, 0])
    for severity in (1, 5):
        made = folders.pixels("fog", severity, rows, size=8)
        for image, row in zip(made, rows.tolist(), strict=True):
            with Image.open(folders.severity("fog", severity).path(row)) as file:
                expected = torch.from_numpy(np.array(file.convert("RGB")))
            assert torch.equal(image, expected.permute(2, 0, 1))


def test_a_grey_file_has_three_channels(folders):
    path = folders.severity("fog", 1).path(0)
    Image.fromarray(np.full((8, 8), 7, np.uint8)).save(path)
    assert folders.pixels("fog", 1, torch.tensor([0]), size=8).shape == (1, 3, 8, 8)


def test_a_file_of_another_size_is_resized_and_not_cropped(folders):
    whole = folders.pixels("fog", 1, torch.tensor([0]), size=4)
    write(folders.severity("fog", 1).path(0), 200, size=(16, 16))
    left, right = folders.pixels("fog", 1, torch.tensor([0]), size=4)[0, 0, 0, [0, -1]].tolist()
    assert whole.shape == (1, 3, 4, 4)
    assert left < 100 < 180 < right


def test_severities_may_be_named_by_constants_as_in_imagenet_c_bar(root):
    write_corruption(root / "C", "inverse_sparkles", ("1.0", "2.0", "4.0", "9.0", "10.0"))
    files = open_folders(root / "C", root / "val").severity("inverse_sparkles", 5)
    assert files.folder.name == "10.0"


def test_files_are_listed_once_and_read_when_they_are_asked_for(folders):
    path = folders.severity("fog", 1).path(0)
    path.unlink()
    assert folders.severity("fog", 1).path(0) == path
    with pytest.raises(ValueError, match=r"val_1\.JPEG cannot be read: No such file"):
        folders.pixels("fog", 1, torch.tensor([0]))


# ---------------------------------------------------------------- faults


def absent(root):
    (root / "C" / "fog" / "2" / "n01" / "val_3.JPEG").unlink()


def another_class(root):
    folder = root / "C" / "fog" / "2"
    (folder / "n01" / "val_3.JPEG").rename(folder / "n02" / "val_3.JPEG")


def further(root):
    write(root / "C" / "fog" / "2" / "n02" / "val_9.JPEG", 0)


def twice(root):
    write(root / "C" / "fog" / "2" / "n02" / "val_2.png", 0)


def four_severities(root):
    (root / "C" / "fog" / "2").rename(root / "C" / "fog" / "nan")


FAULTS = {
    absent: (LookupError, r"fog/2 is not complete: it has no image of the clean n01/val_3$"),
    another_class: (ValueError, r"fog/2: val_3 lies in class n02, and its clean image in class n01$"),
    further: (ValueError, r"fog/2: n02/val_9 has no clean image$"),
    twice: (ValueError, r"val_2\.\w+ and val_2\.\w+ have one name$"),
    four_severities: (LookupError, r"fog must hold a folder for each of 5 .* holds 1, 3, 4, 5$"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_folders_that_are_not_the_clean_images_corrupted_are_refused(root, fault):
    fault(root)
    error, message = FAULTS[fault]
    with pytest.raises(error, match=message):
        open_folders(root / "C", root / "val").severity("fog", 2)


def test_an_unknown_corruption_and_an_unknown_severity_are_refused(folders):
    with pytest.raises(LookupError, match=r"holds no corruption snow: .*snow is absent"):
        folders.severity("snow", 1)
    for severity in (0, 6):
        with pytest.raises(ValueError, match=rf"severities are 1, 2, 3, 4 and 5, not {severity}"):
            folders.severity("fog", severity)


def test_folders_without_images_are_named(root):
    (root / "empty").mkdir()
    with pytest.raises(LookupError, match=r"empty holds no folders <corruption>"):
        open_folders(root / "empty", root / "val")
    for clean in ("empty", "nowhere"):
        with pytest.raises(LookupError, match=rf"{clean} holds no clean test images"):
            open_folders(root / "C", root / clean)


@pytest.mark.parametrize(
    ("raw", "message"),
    [(b"", "empty"), (b"no image", "is no image, or it is damaged"), ("truncated", "is no image, or it is damaged")],
)  # fmt: skip
def test_a_damaged_image_is_named(folders, raw, message):
    path = folders.severity("fog", 3).path(1)
    path.write_bytes(path.read_bytes()[:-200] if raw == "truncated" else raw)
    with pytest.raises(ValueError, match=rf"val_3\.JPEG .*{message}") as refused:
        folders.pixels("fog", 3, torch.tensor([0, 1]))
    assert "\n" not in str(refused.value)


def test_an_image_that_is_no_square_is_named(folders):
    write(folders.severity("fog", 1).path(2), 0, size=(8, 16))
    with pytest.raises(ValueError, match=r"val_2\.JPEG is 8 × 16 pixels: corrupted images are squ"):
        folders.pixels("fog", 1, torch.tensor([0, 2]))
