"""Class folders of image files -> a data set, or one clear error before anything is trained."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acn_bench.data import image_folder, image_listing, loading
from acn_bench.data.data_set import Counts, DataSet, describe_counts
from acn_bench.errors import MissingData

NAME = "imagefolder10"


def save(path: Path, seed: int = 0, size: tuple[int, int] = (20, 14)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three training images of `cat` and two of `dog`; a test image of each."""
    base = tmp_path / NAME
    names = ["train/cat/b.JPEG", "train/cat/a.jpg", "train/cat/c.Png", "train/dog/a.jpg"]
    for seed, name in enumerate([*names, "train/dog/z.jpeg", "val/dog/a.jpg", "val/cat/a.jpg"]):
        save(base / name, seed)
    return base


def load(folder: Path) -> image_folder.ImageFolderData:
    return image_folder.load.__wrapped__(folder.name, folder.parent)


def settle(folder: Path) -> None:
    """Make all class folders older than the resolution of any file system."""
    for one in folder.glob("*/*"):
        os.utime(one, (1e9, 1e9))


def test_rows_are_sorted_by_class_and_name_whatever_the_case_of_the_suffix(folder):
    data: DataSet = load(folder)
    assert data.counts == Counts(5, 2)
    assert data.class_names == ("cat", "dog")
    assert data.train.names == ["cat/a.jpg", "cat/b.JPEG", "cat/c.Png", "dog/a.jpg", "dog/z.jpeg"]
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1]
    assert data.test_labels.tolist() == [0, 1]
    assert data.train.path(3) == folder / "train/dog/a.jpg"
    assert data.train.photograph(0).shape == (3, 20, 14)
    assert not data.canonical
    assert describe_counts(data) == "5 training and 2 test images"


def test_the_registry_reads_a_folder_by_the_name_of_its_set(folder):
    assert loading.load(NAME, folder.parent).fingerprint == load(folder).fingerprint


def test_a_fingerprint_follows_names_sizes_and_contents_and_no_place_or_time(folder, tmp_path):
    before = load(folder).fingerprint
    moved = tmp_path / "elsewhere" / NAME
    shutil.copytree(folder, moved)
    settle(moved)
    assert load(moved).fingerprint == before
    (folder / "train/cat/a.jpg").rename(folder / "train/cat/aa.jpg")
    renamed = load(folder).fingerprint
    path = folder / "train/dog/a.jpg"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")  # its size stays
    assert len({before, renamed, load(folder).fingerprint}) == 3


def test_a_known_folder_is_not_listed_again_and_a_changed_one_is(folder, monkeypatch):
    settle(folder)
    before = load(folder)
    listed = []
    images = image_listing._images
    monkeypatch.setattr(
        image_listing, "_images", lambda f, *rest: listed.append(f.name) or images(f, *rest)
    )
    assert load(folder).fingerprint == before.fingerprint
    assert listed == []
    save(folder / "train/dog/new.jpg")
    assert load(folder).counts == Counts(6, 2)
    assert listed == ["dog"]


def test_a_file_that_was_replaced_in_its_place_makes_all_folders_be_listed_again(folder):
    settle(folder)
    before = load(folder)
    save(folder / "train/dog/a.jpg", seed=9, size=(30, 30))
    settle(folder)
    after = load(folder)
    assert after.fingerprint != before.fingerprint
    assert after.train.sizes[3] == (folder / "train/dog/a.jpg").stat().st_size


@pytest.mark.parametrize("content", [b"", b"[", b'{"version":1,"splits":{}}', b'{"version":2}'])
def test_a_stored_list_that_is_damaged_or_foreign_is_made_anew(folder, content):
    settle(folder)
    before = load(folder).fingerprint
    (stored,) = (folder.parent / ".acn_bench").glob("*.json")
    stored.write_bytes(content)
    assert load(folder).fingerprint == before
    assert stored.read_bytes() != content


def test_a_folder_that_holds_nothing_stored_yet_may_be_read_only(folder, monkeypatch):
    monkeypatch.setattr(image_folder.ManifestStore, "places", [Path("/proc/none/list.json")])
    assert load(folder).counts == Counts(5, 2)


def test_images_may_lie_deeper_and_hidden_files_do_not_count(folder):
    save(folder / "train/dog/more/b.jpg")
    (folder / "train/dog/.DS_Store").write_bytes(b"x")
    (folder / "train/.cache").mkdir()
    assert load(folder).train.names[-2:] == ["dog/more/b.jpg", "dog/z.jpeg"]


def test_an_absent_split_names_what_stands_in_for_it(folder):
    shutil.rmtree(folder / "val")
    with pytest.raises(MissingData, match="'val' was expected") as caught:
        load(folder)
    assert caught.value.embedded == "digits10"


def test_a_run_that_trains_nothing_needs_the_test_images_alone(folder):
    whole = load(folder)
    assert loading.load(NAME, folder.parent, tests_alone=True).fingerprint == whole.fingerprint
    shutil.rmtree(folder / "train")
    with pytest.raises(MissingData, match="'train' was expected"):
        load(folder)
    alone = image_folder.load_tests.__wrapped__(NAME, folder.parent)
    assert alone.counts == Counts(0, 2)
    assert alone.class_names == whole.class_names
    assert alone.test.names == whole.test.names
    assert alone.test_labels.tolist() == whole.test_labels.tolist()
    assert alone.fingerprint != whole.fingerprint


def empty_class(folder):
    (folder / "train/ant").mkdir()


def untrained_class(folder):
    save(folder / "val/dogs/a.jpg")


def foreign_name(folder):
    (folder / "train/cat/notes.txt").write_text("hello")


def foreign_content(folder):
    (folder / "val/cat/a.jpg").write_text("hello")


def empty_file(folder):
    (folder / "val/cat/a.jpg").write_bytes(b"")


def pipe(folder):
    os.mkfifo(folder / "train/cat/d.jpg")


def link_to_nothing(folder):
    (folder / "train/cat/d.jpg").symlink_to("nowhere.jpg")


def link_to_itself(folder):
    (folder / "train/cat/d.jpg").symlink_to("d.jpg")


def link_back(folder):
    (folder / "train/cat/loop").symlink_to(folder / "train")


def loose_files(folder):
    shutil.rmtree(folder / "val/cat")
    shutil.rmtree(folder / "val/dog")
    save(folder / "val/a.jpg")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (empty_class, r"train/ant is an empty class folder"),
        (untrained_class, r"val has 1 class folder that .*train lacks: dogs. Did you mean 'dog'"),
        (foreign_name, r"train/cat/notes.txt is no image \(.bmp"),
        (foreign_content, r"val/cat/a.jpg is no image, whatever its name: it begins with b'hello'"),
        (empty_file, r"val/cat/a.jpg is empty"),
        (pipe, r"train/cat/d.jpg is no regular file"),
        (link_to_nothing, r"No such file or directory: '.*train/cat/d.jpg'"),
        (link_to_itself, r"symbolic links: '.*train/cat/d.jpg'"),
        (link_back, r"loop.* is a link to a folder that contains it"),
        (loose_files, r"val holds 1 file and no class folders: put each image into val/<class>/"),
    ],
)
def test_what_cannot_be_trained_on_is_one_error_that_names_its_place(folder, spoil, message):
    spoil(folder)
    with pytest.raises((ValueError, OSError), match=message):
        load(folder)


def test_a_file_that_may_not_be_read_is_named(folder, monkeypatch):
    access = os.access
    monkeypatch.setattr(os, "access", lambda p, m: "z.jpeg" not in str(p) and access(p, m))
    with pytest.raises(PermissionError, match=r"Permission denied: '.*train/dog/z.jpeg'"):
        load(folder)
