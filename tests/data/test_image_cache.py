"""A split of image files -> one memory-mapped file, whole or not there, made by one process."""

import shutil
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from acn_bench.data import image_cache, image_folder
from acn_bench.data.image_cache import open_cache
from acn_bench.data.image_decoding import DamagedImageError
from acn_bench.data.image_source import open_sources
from acn_bench.data.image_view import View

NAME = "imagefolder10"
COUNT, SIDE = 40, 12  # three blocks, the last one short


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for k in range(COUNT + 2):
        pixels = np.random.default_rng(k).integers(0, 256, (14 + k % 5, 15, 3), dtype=np.uint8)
        path = root / NAME / ("train" if k < COUNT else "val") / f"class{k % 2}" / f"{k:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


@pytest.fixture(scope="module")
def split(root):
    return image_folder.load.__wrapped__(NAME, root).train


def the(folder: Path, name: str) -> Path:
    (path,) = folder.glob(f"*/{name}")
    return path


def squares(split) -> torch.Tensor:
    return torch.stack([image_cache.square(split.photograph(k), SIDE) for k in range(COUNT)])


def read(cache) -> torch.Tensor:
    return torch.stack([cache.photograph(k) for k in range(COUNT)])


def counted(split, monkeypatch) -> list[int]:
    """The rows that are decoded from now on."""
    rows = []
    photograph = type(split).photograph
    monkeypatch.setattr(
        type(split), "photograph", lambda self, row: rows.append(row) or photograph(self, row)
    )
    return rows


def test_a_cache_holds_the_centre_squares_is_made_once_and_reports_its_progress(
    split, tmp_path, monkeypatch
):
    reports = []
    cache = open_cache(split, tmp_path, SIDE, progress=lambda *at: reports.append(at), workers=2)
    assert torch.equal(read(cache), squares(split))
    assert torch.equal(cache.labels, split.labels)
    assert reports[-1] == (COUNT, COUNT)
    rows = counted(split, monkeypatch)
    assert torch.equal(read(open_cache(split, tmp_path, SIDE)), cache.pixels.permute(0, 3, 1, 2))
    assert rows == []
    assert sorted(p.name for p in the(tmp_path, "cache.json").parent.iterdir()) == [
        "cache.json",
        "lock",
        "pixels.u8",
    ]


def test_a_test_image_from_the_cache_is_the_one_from_its_file(root, tmp_path):
    data = image_folder.load.__wrapped__(NAME, root)
    view = View(size=10, resized=SIDE)
    arguments = {"seed": 0, "device": torch.device("cpu"), "view": view}
    _, from_files = open_sources(data, **arguments)
    train, cached = open_sources(data, **arguments, cache=tmp_path)
    rows = torch.arange(2)
    assert torch.equal(cached.images(rows, None), from_files.images(rows, None))
    assert torch.equal(train.images(rows, 1)[1:], train.images(rows[1:], 1))


class Killed(BaseException):
    pass


def killed_at(line: int, make) -> bool:
    """Run `make`, raising at that line of image_cache.py and at all that follow, `finally` blocks too."""
    counter = 0

    def trace(frame, event, argument):
        nonlocal counter
        if frame.f_code.co_filename != image_cache.__file__:
            return None
        if event == "line":
            counter += 1
            if counter >= line:
                raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        make()
    except Killed:
        return True
    finally:
        sys.settrace(before)
    return False


def test_a_maker_that_is_killed_at_any_line_leaves_nothing_that_is_read_half(
    split, tmp_path, monkeypatch
):
    monkeypatch.setattr(image_cache, "SAVE_INTERVAL", -1.0)
    expected, line, resumed = squares(split), 1, 0
    while killed_at(line, lambda: open_cache(split, tmp_path, SIDE, workers=1)):
        resumed += bool(list(tmp_path.glob("*/progress.json")))
        if line % 10 == 0:
            copy = shutil.copytree(tmp_path, tmp_path.parent / "copy")
            assert torch.equal(read(open_cache(split, copy, SIDE, workers=1)), expected)
            shutil.rmtree(copy)
        line += 1
        if line % 3:  # each third maker finds what the one before left
            shutil.rmtree(tmp_path)
            tmp_path.mkdir()
    assert line > 60
    assert resumed > 10
    assert torch.equal(read(open_cache(split, tmp_path, SIDE)), expected)


def test_a_later_maker_begins_where_a_killed_one_stood(split, tmp_path, monkeypatch):
    monkeypatch.setattr(image_cache, "BLOCK", 4)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cache(split, tmp_path, SIDE, progress=stop, workers=1)
    rows = counted(split, monkeypatch)
    assert torch.equal(read(open_cache(split, tmp_path, SIDE, workers=1)), squares(split))
    assert min(rows[: COUNT - 16]) == 16  # four blocks were done


def test_two_makers_make_one_cache(split, tmp_path, monkeypatch):
    rows = counted(split, monkeypatch)
    makers = [threading.Thread(target=open_cache, args=(split, tmp_path, SIDE)) for _ in "ab"]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert sorted(rows) == list(range(COUNT))


def test_who_waits_reports_the_progress_of_the_maker(split, tmp_path):
    open_cache(split, tmp_path, SIDE)
    place = the(tmp_path, "cache.json").parent
    header = msgspec.json.decode((place / "cache.json").read_bytes(), type=image_cache.Header)
    header.checksums = header.checksums[:2]
    (place / "progress.json").write_bytes(msgspec.json.encode(header))
    lock = image_cache.FileLock(place / "lock")
    lock.acquire()
    (place / "cache.json").unlink()
    reports = []

    def report(done, total):
        reports.append((done, total))
        lock.release()

    open_cache(split, tmp_path, SIDE, progress=report)
    assert reports[0] == (32, COUNT)


def damage_pixels(place):
    raw = bytearray((place / "pixels.u8").read_bytes())
    raw[100] ^= 1
    (place / "pixels.u8").write_bytes(raw)


def cut_pixels(place):
    (place / "pixels.u8").write_bytes((place / "pixels.u8").read_bytes()[:-1])


def remove_pixels(place):
    (place / "pixels.u8").unlink()


def damage_header(place):
    (place / "cache.json").write_bytes(b"{")


def cut_header(place):
    header = msgspec.json.decode((place / "cache.json").read_bytes())
    header["checksums"].pop()
    (place / "cache.json").write_bytes(msgspec.json.encode(header))


@pytest.mark.parametrize(
    "spoil", [damage_pixels, cut_pixels, remove_pixels, damage_header, cut_header]
)
def test_a_damaged_cache_is_made_anew(split, tmp_path, spoil):
    in_use = open_cache(split, tmp_path, SIDE)
    before = read(in_use)
    place = the(tmp_path, "cache.json").parent
    if (
        spoil is not damage_pixels and spoil is not cut_pixels
    ):  # those change the file that is mapped
        spoil(place)
        assert torch.equal(read(in_use), before)
    else:
        del in_use
        spoil(place)
    assert torch.equal(read(open_cache(split, tmp_path, SIDE)), before)


def test_other_files_or_another_side_have_another_cache(split, root, tmp_path):
    open_cache(split, tmp_path, SIDE)
    open_cache(split, tmp_path, SIDE + 1)
    other = tmp_path / "data" / NAME
    shutil.copytree(root / NAME, other)
    (other / "train/class0/00.png").rename(other / "train/class0/0.png")
    open_cache(image_folder.load.__wrapped__(NAME, other.parent).train, tmp_path, SIDE)
    assert len(list(tmp_path.glob("*/cache.json"))) == 3


def test_a_damaged_file_stops_the_maker_or_is_skipped_and_stays_known(root, tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as WeasyPrint sets it
    shutil.copytree(root / NAME, tmp_path / NAME)
    path = tmp_path / NAME / "train/class1/05.png"
    path.write_bytes(path.read_bytes()[:200])
    split = image_folder.load.__wrapped__(NAME, tmp_path).train
    row = split.names.index("class1/05.png")
    with pytest.raises(DamagedImageError, match=r"train/class1/05\.png is no image"):
        open_cache(split, tmp_path / "cache", SIDE)
    for _ in ("made", "opened"):
        cache = open_cache(split, tmp_path / "cache", SIDE, damaged="skip")
        assert list(cache.damage) == [row]
        with pytest.raises(DamagedImageError, match=r"05\.png"):
            cache.photograph(row)


def test_a_full_disk_names_the_cache_and_what_it_takes(split, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match=r"the cache takes 1.73e-05 GB\): '.*pixels\.u8'"):
        open_cache(split, tmp_path, SIDE)
