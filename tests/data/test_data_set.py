"""In-memory images, a folder of images and a table of texts all meet one protocol."""

import io
import sys
import types
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from acn_bench.benchmarks.continual.kind import KIND
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images, loading
from acn_bench.data.data_set import Counts, DataSet, describe_counts, joint_fingerprint
from acn_bench.data.manifest import Manifest, ManifestStore, fingerprint, list_files
from acn_bench.data.sets.info import DataSetInfo
from acn_bench.execution import plan_summary, provenance, session
from acn_bench.families.mixer import MixerSpec
from acn_bench.registry import DATA, Entry
from acn_bench.result import DataProvenance
from acn_bench.spec import Inputs
from acn_bench.strategies.naive import NaiveSpec

FILES = "train.tsv", "dev.tsv"


class ImageFolder:
    """Images as files in a folder for each class, below `train` and `val`."""

    inputs: Inputs = "image"
    image_shape = None  # of several sizes
    canonical = False
    origin_known = True

    def __init__(self, name: str, root: Path) -> None:
        self.name, folder = name, root / name
        self.manifest = ManifestStore(name, root, folder).update(list_files(folder))
        self.fingerprint = fingerprint(self.manifest)
        files = [file.name.split("/") for file in self.manifest.files]
        self.class_names = tuple(dict.fromkeys(label for _, label, _ in files))
        train, test = (sum(split == s for s, _, _ in files) for split in ("train", "val"))
        self.counts = Counts(train, test)


class TextTable:
    """Sentences and labels in `train.tsv` and `dev.tsv`."""

    inputs: Inputs = "text"
    image_shape = None
    canonical = True
    origin_known = True
    class_names = ("unacceptable", "acceptable")

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.folder = name, root / name
        self.manifest: Manifest = ManifestStore(name, root, self.folder).update(FILES)
        self.fingerprint = fingerprint(self.manifest)

    @cached_property
    def counts(self) -> Counts:
        return Counts(*(len((self.folder / f).read_text().splitlines()) - 1 for f in FILES))


@pytest.fixture
def image_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageFolder:
    """Two classes; three images of each to train on and one to test on, as PNG and JPEG."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    pixels = np.random.default_rng(0)
    for k, name in enumerate(("train/1.png", "train/2.jpg", "train/3.png", "val/1.jpg")):
        for label in ("cat", "dog"):
            split, _, file = name.partition("/")
            path = tmp_path / "tiny_folder" / split / label / file
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(pixels.integers(0, 256, (8 + k, 9, 3), dtype=np.uint8))
            buffer = io.BytesIO()
            image.save(buffer, "PNG" if file.endswith("png") else "JPEG")
            path.write_bytes(buffer.getvalue())
    return ImageFolder("tiny_folder", tmp_path)


@pytest.fixture
def text_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TextTable:
    """Three sentences to train on, and one to test on."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "tiny_table"
    folder.mkdir()
    rows = ["sentence\tlabel", "The cat sat.\t1", "Cat the sat.\t0", "A dog sat.\t1"]
    (folder / "train.tsv").write_text("\n".join(rows) + "\n")
    (folder / "dev.tsv").write_text("\n".join(rows[:2]) + "\n")
    return TextTable("tiny_table", tmp_path)


@pytest.fixture
def config() -> RunConfig:
    return RunConfig(
        benchmark=ContinualSpec(name="x", experiences=1, classes_per_experience=2),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(wiring="ac"),
        seeds=Seeds(),
        fingerprint="0" * 12,
    )


def test_a_folder_of_images_is_a_data_set(image_folder: ImageFolder, config: RunConfig) -> None:
    data: DataSet = image_folder
    assert provenance._data(data) == DataProvenance(
        name="tiny_folder", fingerprint=data.fingerprint, canonical=False, train=6, test=2
    )
    assert data.class_names == ("cat", "dog")
    assert provenance._not_comparable(config, [data], []) == [
        "tiny_folder is not the full original data: 6 training and 2 test images"
    ]
    assert plan_summary._data(data) == (
        f"tiny_folder, 6 training and 2 test images, not the full original set ({data.fingerprint})"
    )


def test_a_kind_that_takes_images_in_memory_refuses_a_folder(
    image_folder: ImageFolder, config: RunConfig
) -> None:
    message = (
        "tiny_folder is a folder of image files, and a continual benchmark takes images in memory"
    )
    with pytest.raises(ValueError, match=message):
        session._check([config], [image_folder], 1)


def test_a_table_of_texts_is_a_data_set(text_table: TextTable, config: RunConfig) -> None:
    data: DataSet = text_table
    assert provenance._data(data) == DataProvenance(
        name="tiny_table", fingerprint=data.fingerprint, canonical=True, train=3, test=1
    )
    assert provenance._not_comparable(config, [data], []) == []
    assert plan_summary._data(data) == (
        f"tiny_table, 3 training and 1 test texts ({data.fingerprint})"
    )


def test_the_kind_asks_the_protocol_alone(text_table: TextTable, config: RunConfig) -> None:
    one = msgspec.structs.replace(config.benchmark, classes_per_experience=1)
    few = msgspec.structs.replace(config, benchmark=one)
    assert KIND.not_comparable(few, [text_table]) == ["only 1 of the 2 classes of tiny_table"]


def test_their_fingerprints_join(image_folder: ImageFolder, text_table: TextTable) -> None:
    joint = joint_fingerprint([image_folder, text_table])
    assert joint == f"{image_folder.fingerprint}+{text_table.fingerprint}"
    assert len(joint) == 2 * 12 + 1


def test_in_memory_images_are_a_data_set() -> None:
    data: DataSet = images.load("digits100")
    assert data.counts == (12_000, 4_000)
    assert data.image_shape == (3, 32, 32)
    assert data.inputs == "image"
    assert describe_counts(data) == "12,000 training and 4,000 test images"


def test_a_data_set_is_one_line_of_the_registry(
    text_table: TextTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DATA, "_entries", dict(DATA._entries))
    module = types.ModuleType("tiny_sets")
    module.INFO, module.TextTable = INFO, TextTable  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tiny_sets", module)
    DATA.add("tiny_table", Entry("tiny_sets:INFO"))
    data = loading.load("tiny_table", tmp_path)
    assert isinstance(data, TextTable)
    assert data.fingerprint == text_table.fingerprint
    with pytest.raises(ValueError, match="tiny_table is not a data set of images in memory"):
        images.load("tiny_table", tmp_path)


INFO = DataSetInfo(
    name="tiny_table",
    title="Tiny table",
    description="four sentences",
    reader="tiny_sets:TextTable",
    flips=False,
    embedded="digits10",
)
