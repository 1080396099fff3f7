"""Image files and images in memory -> uint8 batches by row number."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from acn_bench import cores
from acn_bench.data import image_folder, images
from acn_bench.data.file_source import FileSource
from acn_bench.data.image_decoding import DamagedImageError, decode, decode_file
from acn_bench.data.image_source import open_sources
from acn_bench.data.image_view import View
from acn_bench.data.memory_source import MemoryView

CPU = torch.device("cpu")
NAME = "imagefolder10"
VIEW = View(size=24, resized=32)


def smooth(seed: int, height: int, width: int) -> Image.Image:
    """A photograph's like: few details."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Twelve training and four test images of several sizes, in two classes."""
    root = tmp_path_factory.mktemp("data")
    for k in range(16):
        path = root / NAME / ("train" if k < 12 else "val") / f"class{k % 2}" / f"{k:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        smooth(k, 30 + 5 * k, 90 - 3 * k).save(path, quality=95)
    return root


@pytest.fixture(scope="module")
def data(root):
    return image_folder.load.__wrapped__(NAME, root)


def opened(data, **arguments):
    return open_sources(data, seed=0, device=CPU, view=VIEW, **arguments)


ALL = torch.arange(12)


# ---------------------------------------------------------------- decoding


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "1", "LA", "RGBA", "I;16"])
def test_every_mode_becomes_three_channels_of_bytes_as_pillow_makes_them(tmp_path, mode):
    picture = smooth(0, 20, 30)
    if mode == "I;16":
        grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
        picture, expected = Image.fromarray(grey), np.repeat((grey // 257)[..., None], 3, 2)
    else:
        picture = picture.convert(mode)
        expected = np.asarray(picture.convert("RGB"))
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture.save(path, **({"quality": 100} if mode == "CMYK" else {}))
    if mode == "CMYK":  # JPEG loses
        expected = np.asarray(Image.open(path).convert("RGB"))
    image = decode_file(path)
    assert image.dtype == torch.uint8
    assert np.array_equal(image.permute(1, 2, 0).numpy(), expected.astype(np.uint8))


@pytest.mark.parametrize("suffix", ["bmp", "ppm", "webp", "tiff"])
def test_what_torchvision_does_not_decode_pillow_does(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    smooth(0, 20, 30).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array_equal(decode_file(path).permute(1, 2, 0).numpy(), np.asarray(smooth(0, 20, 30)))


def test_the_orientation_in_exif_is_ignored_as_imagefolder_ignores_it(tmp_path):
    path = tmp_path / "train" / "cat" / "a.jpg"
    path.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    smooth(0, 20, 30).save(path, exif=exif, quality=95)
    ((picture, _),) = ImageFolder(tmp_path / "train")
    image = decode_file(path)
    assert image.shape == (3, 20, 30)
    assert np.array_equal(image.permute(1, 2, 0).numpy(), np.asarray(picture))


@pytest.mark.parametrize(
    "spoil", [lambda b: b[: len(b) // 2], lambda b: b[:20], lambda b: b[:0] + b"no"]
)
def test_a_damaged_image_is_named_with_its_file(spoil):
    written = io.BytesIO()
    smooth(0, 40, 50).save(written, "JPEG")
    spoiled = torch.frombuffer(bytearray(spoil(written.getvalue())), dtype=torch.uint8)
    with pytest.raises(DamagedImageError, match=r"^/data/x\.jpg is no image, or it is damaged: "):
        decode(spoiled, Path("/data/x.jpg"))


def test_a_file_that_is_gone_or_empty_is_named(tmp_path):
    with pytest.raises(DamagedImageError, match=r"gone\.jpg cannot be read: No such file"):
        decode_file(tmp_path / "gone.jpg")
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(DamagedImageError, match=r"empty\.jpg cannot be read: it is empty"):
        decode_file(tmp_path / "empty.jpg")


# ---------------------------------------------------------------- views


def test_a_test_image_is_torchvisions_resize_and_centre_crop_within_one_step(data):
    torchvision = v2.Compose([v2.Resize(32), v2.CenterCrop(24), v2.PILToTensor()])
    expected = torch.stack([torchvision(Image.open(data.test.path(k))) for k in range(4)])
    _, test = opened(data)
    difference = test.images(torch.arange(4), None).int() - expected.int()
    assert difference.abs().max() <= 1
    assert difference.abs().float().mean() < 0.1


def test_crops_are_distributed_as_torchvisions_random_resized_crop():
    view, torchvision = View(), v2.RandomResizedCrop(224)
    photograph = torch.empty(3, 375, 500, dtype=torch.uint8)
    ours = [view.box(375, 500, draws) for draws in view.draws(0, 0, torch.arange(2000))]
    torch.manual_seed(0)
    theirs = [torchvision.make_params([photograph]) for _ in range(2000)]

    def quantiles(boxes):
        table = torch.tensor(boxes, dtype=torch.float64)
        values = torch.stack([table.prod(1), *table.unbind(1)])
        return torch.quantile(values, torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64), dim=1)

    mine = quantiles([(b.height, b.width) for b in ours])
    assert torch.allclose(mine, quantiles([(p["height"], p["width"]) for p in theirs]), rtol=0.07)
    assert all(b.top + b.height <= 375 and b.left + b.width <= 500 for b in ours)
    assert min(b.top for b in ours) == min(b.left for b in ours) == 0


def test_a_photograph_with_no_crop_of_a_likely_shape_gives_its_centre():
    assert View().box(10, 1000, [0.99] * 41) == (0, 493, 10, 13)
    assert View().box(1000, 10, [0.99] * 41) == (493, 0, 13, 10)


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"size": 300}, {"scale": (0.5, 0.1)}, {"ratio": (0, 1)}]
)
def test_a_view_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        View(**wrong)


# ---------------------------------------------------------------- by row


def test_an_image_of_a_file_depends_on_seed_epoch_and_row_alone(data):
    train, _ = opened(data, workers=1)
    expected = train.images(ALL, 3)
    torch.manual_seed(5)
    shuffled = torch.randperm(12)
    threads, _ = opened(data, workers=4)
    assert torch.equal(threads.images(shuffled, 3), expected[shuffled])
    alone = torch.cat([train.images(ALL[k : k + 1], 3) for k in range(12)])
    assert torch.equal(alone, expected)
    assert not torch.equal(train.images(ALL, 4), expected)
    other, _ = open_sources(data, seed=1, device=CPU, view=VIEW)
    assert not torch.equal(other.images(ALL, 3), expected)


def test_about_half_of_the_images_are_mirrored_and_none_where_flips_are_off(data):
    whole = {"size": 24, "resized": 32, "scale": (1, 1), "ratio": (1, 1)}
    still = FileSource(data.train, View(**whole, flip=False), seed=0, device=CPU)
    flips = FileSource(data.train, View(**whole), seed=0, device=CPU)
    mirrored = 0
    for epoch in range(10):
        plain, drawn = still.images(ALL, epoch), flips.images(ALL, epoch)
        for a, b in zip(plain, drawn, strict=True):
            assert torch.equal(a, b) or torch.equal(a.flip(-1), b)
            mirrored += torch.equal(a.flip(-1), b)
    assert 40 < mirrored < 80  # of 120


def test_images_in_memory_come_from_the_same_kind_of_source():
    digits = images.load("digits10")
    train, test = open_sources(digits, seed=0, device=CPU)
    rows = torch.tensor([5, 2])
    assert torch.equal(test.images(rows, None), digits.test_images[rows])
    assert torch.equal(train.labels, digits.train_labels)
    assert not torch.equal(train.images(rows, 0), digits.train_images[rows])
    assert train.readable(rows).all()
    still = MemoryView(crop_padding=0, flip=False)
    plain, _ = open_sources(digits, seed=0, device=CPU, memory_view=still)
    assert torch.equal(plain.images(rows, 0), digits.train_images[rows])


def test_a_damaged_file_stops_the_batch_or_is_black_and_counted(root, tmp_path):
    import shutil

    shutil.copytree(root / NAME, tmp_path / NAME)
    path = tmp_path / NAME / "train/class1/05.jpg"
    path.write_bytes(path.read_bytes()[:400])
    spoiled = image_folder.load.__wrapped__(NAME, tmp_path)
    row = spoiled.train.names.index("class1/05.jpg")
    stops, _ = opened(spoiled)
    with pytest.raises(DamagedImageError, match=r"train/class1/05\.jpg is no image, or it is"):
        stops.images(ALL, 0)
    skips, _ = opened(spoiled, damaged="skip", workers=3)
    batch = skips.images(ALL, 0)
    assert skips.readable(ALL).logical_not().nonzero().flatten().tolist() == [row]
    assert not batch[row].any()
    assert list(skips.damage) == [row]
    assert "05.jpg" in skips.damage[row]


def test_threads_share_the_cores_with_the_processes_of_a_launcher(monkeypatch):
    monkeypatch.setattr(cores, "cores", lambda: 8)
    for processes, threads in (("2", 4), ("3", 2), ("16", 1), ("0", 8), ("", 8), ("x", 8)):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
        assert cores.process_share() == threads


def test_a_data_set_of_texts_is_refused():
    class Texts:
        name = "books"

    with pytest.raises(ValueError, match="books is no data set of images"):
        opened(Texts())
