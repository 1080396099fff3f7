import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch

from acn_bench.data import cifar

FOLDER = "cifar-100-python"
Rows = Callable[[int, int], dict[str, Any]]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would download must say so."""

    def refuse(name: str, folder: Path) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr(cifar, "_fetch", refuse)
    monkeypatch.delenv("ACN_BENCH_OFFLINE", raising=False)


def write(root: Path, file: str, content: Any, protocol: int = 2) -> Path:
    path = root / FOLDER / file
    path.write_bytes(pickle.dumps(content, protocol))
    return path


# ---------------------------------------------------------------- what is there is read


def test_a_subset_is_read_byte_for_byte(cifar100_root: Path, rows: Rows) -> None:
    data = cifar.read("cifar100", cifar100_root)
    for (images, labels), written in ((data.train, rows(7, 0)), (data.test, rows(3, 1))):
        assert images.dtype == torch.uint8
        assert images.shape[1:] == (3, 32, 32)
        assert np.array_equal(images.numpy().reshape(-1, 3072), written["data"])
        assert labels.tolist() == written["fine_labels"]
        assert labels.dtype == torch.int64
    assert data.class_names[:2] == ("class 0", "class 1")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_files_that_a_newer_python_wrote_are_read_too(
    cifar100_root: Path, rows: Rows, protocol: int, kind: Callable[[str], Any]
) -> None:
    content = {kind(key): value for key, value in rows(4, 2).items()}
    write(cifar100_root, "train", content, protocol)
    images, _ = cifar.read("cifar100", cifar100_root).train
    assert np.array_equal(images.numpy().reshape(-1, 3072), rows(4, 2)["data"])


def test_an_array_in_fortran_order_is_read_in_its_order(cifar100_root: Path, rows: Rows) -> None:
    content = rows(4, 2)
    write(cifar100_root, "train", content | {"data": np.asfortranarray(content["data"])})
    images, _ = cifar.read("cifar100", cifar100_root).train
    assert np.array_equal(images.numpy().reshape(-1, 3072), content["data"])


def test_cifar10_is_its_five_files_in_a_row(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    layout = cifar.LAYOUTS["cifar10"]
    for k, file in enumerate([*layout.train, *layout.test]):
        content = {"data": np.full((2, 3072), k, dtype=np.uint8), "labels": [k, 9]}
        (folder / file).write_bytes(pickle.dumps(content, 2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}, 2))
    data = cifar.read("cifar10", tmp_path)
    assert data.train[1].tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert data.train[0][:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert data.test[1].tolist() == [5, 9]
    assert data.class_names == tuple("abcdefghij")


def test_a_subset_is_not_canonical(cifar100_root: Path) -> None:
    assert not cifar.read("cifar100", cifar100_root).canonical


@pytest.mark.parametrize("changed", [None, "train", "test", "meta"])
def test_canonical_are_only_the_original_files_and_all_of_them(
    cifar100_root: Path, call_it_original: Callable[[Path], None], changed: str | None
) -> None:
    call_it_original(cifar100_root / FOLDER)
    if changed:
        with (cifar100_root / FOLDER / changed).open("ab") as f:
            f.write(b"\0")  # after the pickle's end: the content is the same
    assert cifar.read("cifar100", cifar100_root).canonical is (changed is None)


def test_the_md5_sums_are_those_that_torchvision_knows() -> None:
    from torchvision.datasets import CIFAR10, CIFAR100

    for name, known in (("cifar10", CIFAR10), ("cifar100", CIFAR100)):
        layout = cifar.LAYOUTS[name]
        assert layout.folder == known.base_folder
        assert layout.train == dict(known.train_list)
        assert layout.test == dict(known.test_list)
        assert layout.meta == {known.meta["filename"]: known.meta["md5"]}
        assert layout.names == known.meta["key"]


# ---------------------------------------------------------------- what is wrong is refused


class Runs:
    """Pickled, it asks for a call."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call = (call, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda mark: Runs(os.system, f"touch {mark}"), r"`(posix|nt)\.system`"),
        (
            lambda mark: Runs(eval, f"__import__('os').mkdir({str(mark)!r})"),
            r"`(builtins|__builtin__)\.eval`",
        ),
        (lambda mark: Runs(np.save, f"{mark}", np.zeros(1)), r"`numpy\.save`"),
        (lambda mark: Runs(os.mkdir, f"{mark}"), r"`(posix|nt)\.mkdir`"),
    ],
)
def test_a_file_that_asks_to_run_something_is_refused_and_nothing_runs(
    cifar100_root: Path,
    rows: Rows,
    protocol: int,
    call: Callable[[Path], Runs],
    named: str,
) -> None:
    mark = cifar100_root / "mark"
    path = write(cifar100_root, "train", rows(2, 0) | {"extra": call(mark)}, protocol)
    with pytest.raises(ValueError, match=f"asked to run {named} and was refused") as refused:
        cifar.read("cifar100", cifar100_root)
    assert str(path) in str(refused.value)
    assert not list(cifar100_root.glob("mark*"))
    pickle.loads(path.read_bytes())  # the trap is a real one
    assert list(cifar100_root.glob("mark*"))


def test_an_array_of_objects_is_refused(cifar100_root: Path, rows: Rows) -> None:
    objects = np.full((2, 3072), None, dtype=object)
    write(cifar100_root, "train", rows(2, 0) | {"data": objects})
    with pytest.raises(ValueError, match="'data' must be uint8 rows of 3072 values"):
        cifar.read("cifar100", cifar100_root)


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((2, 3072), dtype=np.int8),
        np.zeros((2, 3072), dtype=np.float32),
        np.zeros((2, 3071), dtype=np.uint8),
        np.zeros((2, 3, 32, 32), dtype=np.uint8),
        np.zeros((0, 3072), dtype=np.uint8),
        np.zeros(3072, dtype=np.uint8),
        [[0] * 3072] * 2,
        None,
    ],
)
def test_pixels_of_another_type_or_shape_are_refused(
    cifar100_root: Path, rows: Rows, data: Any
) -> None:
    write(cifar100_root, "test", rows(2, 0) | {"data": data}, protocol=4)
    with pytest.raises(ValueError, match=r"test is not a file of CIFAR-100, .* 3072 values"):
        cifar.read("cifar100", cifar100_root)


def test_an_array_whose_bytes_do_not_fill_its_shape_is_refused(
    cifar100_root: Path, rows: Rows
) -> None:
    path = cifar100_root / FOLDER / "train"
    whole = path.read_bytes()
    claimed = whole.replace(b"J\x07\0\0\0J\x00\x0c\0\0", b"J\x08\0\0\0J\x00\x0c\0\0", 1)
    assert claimed != whole
    path.write_bytes(claimed)
    with pytest.raises(ValueError, match="'data' must be uint8 rows"):
        cifar.read("cifar100", cifar100_root)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([1, 2, 3], "must be 2 labels, one a row, not 3"),
        ([], "must be 2 labels, one a row, not 0"),
        (None, "must be 2 labels, one a row, not none"),
        ([0, 100], "must lie within 0 … 99, not 100"),
        ([0, -1], "must lie within 0 … 99, not -1"),
        ([0, "x"], "must lie within 0 … 99, not"),
        ([0, 1.0], "must lie within 0 … 99, not 1.0"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    cifar100_root: Path, rows: Rows, labels: Any, sentence: str
) -> None:
    write(cifar100_root, "train", rows(2, 0) | {"fine_labels": labels})
    with pytest.raises(ValueError, match=f"train is .*'fine_labels' {sentence}"):
        cifar.read("cifar100", cifar100_root)


@pytest.mark.parametrize("names", [["one"], None, [1] * 100])
def test_names_that_do_not_fit_are_refused(cifar100_root: Path, names: Any) -> None:
    write(cifar100_root, "meta", {"fine_label_names": names})
    with pytest.raises(ValueError, match=r"meta is not a file of CIFAR-100, .*'fine_label_names'"):
        cifar.read("cifar100", cifar100_root)


@pytest.mark.parametrize("size", [0, 1, 2, 100, 5000, -1])
def test_a_truncated_file_is_refused(cifar100_root: Path, size: int) -> None:
    path = cifar100_root / FOLDER / "train"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"train is not .* it must be a whole pickle"):
        cifar.read("cifar100", cifar100_root)


@pytest.mark.parametrize(
    "foreign", [b"<html>Not found</html>", b"\x1f\x8b\x08\0\0", b"PK\x03\x04", bytes(range(256))]
)
def test_a_foreign_file_is_refused(cifar100_root: Path, foreign: bytes) -> None:
    (cifar100_root / FOLDER / "test").write_bytes(foreign)
    with pytest.raises(ValueError, match="test is not a file of CIFAR-100, or it is damaged"):
        cifar.read("cifar100", cifar100_root)


def test_a_pickle_of_something_else_is_refused(cifar100_root: Path) -> None:
    write(cifar100_root, "train", [1, 2])
    with pytest.raises(ValueError, match="it must be a dictionary, not a list"):
        cifar.read("cifar100", cifar100_root)


# ---------------------------------------------------------------- what is absent is named


def test_missing_data_names_the_place_the_file_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(cifar.MissingData) as missing:
        cifar.read("cifar100", tmp_path)
    message = str(missing.value)
    assert str(tmp_path / FOLDER) in message
    assert "'train'" in message
    assert "the download failed: <urlopen error no network in tests>" in message
    assert message.endswith("or use the embedded digits100 in its place")
    assert isinstance(missing.value, LookupError)
    assert not (tmp_path / FOLDER).exists()


def test_missing_cifar10_advises_digits10(tmp_path: Path) -> None:
    with pytest.raises(
        cifar.MissingData, match=r"'data_batch_1'.* embedded digits10 in its place$"
    ):
        cifar.read("cifar10", tmp_path)


def test_offline_nothing_is_tried_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(cifar, "_fetch", lambda name, _: tried.append(name))
    monkeypatch.setenv("ACN_BENCH_OFFLINE", "1")
    with pytest.raises(cifar.MissingData, match="because ACN_BENCH_OFFLINE is set"):
        cifar.read("cifar100", tmp_path / "nowhere")
    assert not tried
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("gone", ["train", "test", "meta"])
def test_a_partial_folder_is_named_and_never_downloaded_over(
    cifar100_root: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(cifar, "_fetch", lambda name, _: tried.append(name))
    (cifar100_root / FOLDER / gone).unlink()
    with pytest.raises(cifar.MissingData, match=f"the file '{gone}' was expected there"):
        cifar.read("cifar100", cifar100_root)
    assert not tried


def test_a_file_where_a_folder_should_be_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("mine")
    with pytest.raises(cifar.MissingData, match="'train' was expected there"):
        cifar.read("cifar100", tmp_path)
    assert (tmp_path / FOLDER).read_text() == "mine"


def test_a_download_appears_whole_and_once_for_two_that_want_it(
    cifar100_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    fetched: list[Path] = []

    def fetch(name: str, folder: Path) -> None:
        fetched.append(folder)
        time.sleep(0.2)
        assert not (root / FOLDER).exists()
        (cifar100_root / FOLDER).rename(folder / FOLDER)

    monkeypatch.setattr(cifar, "_fetch", fetch)
    counts: list[int] = []

    def want() -> None:
        counts.append(len(cifar.read("cifar100", root).train[1]))

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [7, 7]
    assert len(fetched) == 1
    assert not fetched[0].exists()


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
def test_a_download_that_breaks_off_leaves_nothing_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    def fetch(name: str, folder: Path) -> None:
        (folder / FOLDER).mkdir()
        (folder / FOLDER / "train").write_bytes(b"half")
        raise end("broken off")

    monkeypatch.setattr(cifar, "_fetch", fetch)
    with pytest.raises(cifar.MissingData if end is RuntimeError else end):
        cifar.read("cifar100", tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_fetching_is_silent_and_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import socket
    import sys

    from torchvision import datasets

    monkeypatch.undo()  # the real `_fetch`
    seen: list[Any] = []

    def download(root: Path, download: bool) -> None:
        seen.append((root, download, socket.getdefaulttimeout()))
        sys.stdout.write("progress")
        sys.stderr.write("progress")

    monkeypatch.setattr(datasets, "CIFAR100", download)
    before = socket.getdefaulttimeout()
    cifar._fetch("cifar100", tmp_path)
    assert seen == [(tmp_path, True, 10)]
    assert socket.getdefaulttimeout() == before
    assert capfd.readouterr() == ("", "")
