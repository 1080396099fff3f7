"""A folder's files are hashed once; later only those that changed."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from acn_bench.data import cifar, images, manifest
from acn_bench.data.manifest import Manifest, ManifestStore, fingerprint, list_files

OLD = 1_000_000_000 * 10**9  # ns: long before any test


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own: the user's cache is never written."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files in two folders, all of them old."""
    folder = tmp_path / "root" / "set"
    for name in ("cat/1", "cat/2", "dog/1"):
        write(folder / name, name.encode() * 1000)
    return folder


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed, in order."""
    names: list[str] = []
    hash_file = manifest._hash

    def spy(folder: Path, name: str, counter: manifest._ByteCounter) -> manifest.File:
        names.append(name)
        return hash_file(folder, name, counter)

    monkeypatch.setattr(manifest, "_hash", spy)
    return names


def write(path: Path, content: bytes, mtime_ns: int = OLD) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))


def store(folder: Path) -> ManifestStore:
    return ManifestStore("set", folder.parent, folder)


def update(folder: Path) -> Manifest:
    return store(folder).update(list_files(folder))


# ---------------------------------------------------------------- hash once


def test_every_file_is_listed_with_its_size_and_hash(folder: Path) -> None:
    files = update(folder).files
    assert [file.name for file in files] == ["cat/1", "cat/2", "dog/1"]
    for file in files:
        content = (folder / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_second_start_hashes_nothing_and_writes_nothing(folder: Path, hashed: list[str]) -> None:
    first = update(folder)
    stored = store(folder).places[0]
    before = stored.stat()
    hashed.clear()
    assert update(folder) == first
    assert not hashed
    assert stored.stat().st_ino == before.st_ino


def test_an_edited_file_alone_is_hashed_again_and_the_fingerprint_differs(
    folder: Path, hashed: list[str]
) -> None:
    before = fingerprint(update(folder))
    hashed.clear()
    write(folder / "cat/2", b"other" * 1000, OLD + 1)  # of the same size
    assert fingerprint(update(folder)) != before
    assert hashed == ["cat/2"]


def test_a_new_time_alone_keeps_the_fingerprint(folder: Path, hashed: list[str]) -> None:
    before = fingerprint(update(folder))
    hashed.clear()
    os.utime(folder / "dog/1", ns=(OLD + 1, OLD + 1))
    assert fingerprint(update(folder)) == before
    assert hashed == ["dog/1"]


def test_a_forged_time_and_the_same_size_go_unnoticed(folder: Path) -> None:
    # the documented limit, which make and git's index have too
    before = fingerprint(update(folder))
    write(folder / "cat/2", b"tac/2" * 1000, OLD)
    assert fingerprint(update(folder)) == before
    store(folder).places[0].unlink()
    assert fingerprint(update(folder)) != before


def test_a_file_that_was_just_written_is_hashed_again_at_the_next_start(
    folder: Path, hashed: list[str]
) -> None:
    write(folder / "new", b"a", time.time_ns())
    before = fingerprint(update(folder))
    stat = (folder / "new").stat()
    write(folder / "new", b"b", stat.st_mtime_ns)  # a later write within the same clock tick
    hashed.clear()
    assert fingerprint(update(folder)) != before
    assert hashed == ["new"]


@pytest.mark.parametrize("change", ["added", "removed", "renamed"])
def test_names_count(folder: Path, change: str) -> None:
    before = fingerprint(update(folder))
    if change == "added":
        write(folder / "cat/3", b"")
    elif change == "removed":
        (folder / "cat/2").unlink()
    else:
        (folder / "cat/2").rename(folder / "dog/2")
    assert fingerprint(update(folder)) != before


def test_the_boundary_of_name_and_content_counts() -> None:
    a, b = "a" * 64, "b" * 64
    one = Manifest(1, (manifest.File("x", 1, None, a), manifest.File("y", 1, None, b)))
    two = Manifest(1, (manifest.File("x", 1, None, b), manifest.File("y", 1, None, a)))
    assert fingerprint(one) != fingerprint(two)


def test_a_copy_elsewhere_has_the_same_fingerprint(folder: Path, tmp_path: Path) -> None:
    before = fingerprint(update(folder))
    bare = shutil.copytree(folder, tmp_path / "other" / "place")
    assert fingerprint(ManifestStore("other", bare.parent, bare).update(list_files(bare))) == before
    whole = shutil.copytree(folder.parent, tmp_path / "copy") / folder.name
    assert fingerprint(update(whole)) == before


def test_progress_counts_the_bytes_that_are_hashed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "CHUNK", 2000)
    steps: list[tuple[int, int]] = []
    store(folder).update(list_files(folder), lambda done, total: steps.append((done, total)))
    assert steps[0] == (2000, 15000)
    assert steps[-1] == (15000, 15000)
    assert steps == sorted(steps)
    steps.clear()
    write(folder / "cat/1", b"x" * 10, OLD + 1)
    store(folder).update(list_files(folder), lambda done, total: steps.append((done, total)))
    assert steps == [(10, 10)]


def test_hidden_files_are_no_data_and_links_are_followed(folder: Path, tmp_path: Path) -> None:
    write(folder / ".DS_Store", b"")
    write(folder / ".acn_bench" / "x", b"")
    write(tmp_path / "elsewhere" / "1", b"")
    (folder / "emu").symlink_to(tmp_path / "elsewhere")
    assert list(list_files(folder)) == ["cat/1", "cat/2", "dog/1", "emu/1"]
    (folder / "dog" / "loop").symlink_to(folder)
    with pytest.raises(ValueError, match="loop is a link to a folder that contains it"):
        list(list_files(folder))


def test_an_absent_file_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError) as absent:
        store(folder).update(["cat/1", "cat/9"])
    assert str(absent.value.filename) == str(folder / "cat/9")


# ---------------------------------------------------------------- the stored file

HASH = "a" * 64
DAMAGED = {
    "empty": b"",
    "no JSON": b"\x80\x02}q",
    "another type": b"[]",
    "deep nesting": b"[" * 100_000,
    "deep nesting in an unknown key": b'{"version":1,"files":[],"x":'
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}",
    "another version": b'{"version":2,"files":[]}',
    "no files": b'{"version":1}',
    "a wrong hash": b'{"version":1,"files":[["cat/1",5000,1000000000000000000,"zz"]]}',
    "a huge size": b'{"version":1,"files":[["cat/1",' + b"9" * 5000 + b',1,"' + HASH.encode() + b'"]]}',
    "a size of words": b'{"version":1,"files":[["cat/1","5000",1,"' + HASH.encode() + b'"]]}',
    "a name of bytes": b'{"version":1,"files":[["\xff",1,1,"' + HASH.encode() + b'"]]}',
    "a lone surrogate": b'{"version":1,"files":[["\\ud800",1,1,"' + HASH.encode() + b'"]]}',
    "a derived escape code": b'{"version":1,"files":[],"derived":{"content_hash":"\\u001b[2J"}}',
}  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_manifest_is_made_anew(folder: Path, content: bytes) -> None:
    right = update(folder)
    stored = store(folder).places[0]
    stored.write_bytes(content)
    assert update(folder) == right
    assert msgspec.json.decode(stored.read_bytes(), type=Manifest) == right


@pytest.mark.parametrize("size", [0, 1, 50, -1])
def test_a_truncated_manifest_is_made_anew(folder: Path, size: int) -> None:
    right = update(folder)
    stored = store(folder).places[0]
    stored.write_bytes(stored.read_bytes()[:size])
    assert update(folder) == right


def test_a_manifest_of_other_files_is_of_no_use_and_no_harm(
    folder: Path, hashed: list[str]
) -> None:
    right = update(folder)
    foreign = Manifest(
        1, tuple(msgspec.structs.replace(f, name=f"../{f.name}") for f in right.files)
    )
    store(folder).places[0].write_bytes(msgspec.json.encode(foreign))
    hashed.clear()
    assert update(folder) == right
    assert hashed == ["cat/1", "cat/2", "dog/1"]


def test_where_the_root_cannot_be_written_the_users_cache_is(
    folder: Path, home: Path, hashed: list[str]
) -> None:
    (folder.parent / ".acn_bench").write_text("a file in the place of the folder")
    first = update(folder)
    (stored,) = (home / ".cache" / "acn_bench" / "manifests").glob("set-*.json")
    hashed.clear()
    assert update(folder) == first
    assert not hashed
    assert stored.is_file()


def test_a_newer_manifest_in_the_cache_wins_over_one_that_cannot_be_replaced(
    folder: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    update(folder)
    write(folder / "cat/1", b"edited", OLD + 1)
    below_root, cache = store(folder).places
    locked = manifest.locked_place
    monkeypatch.setattr(
        manifest, "locked_place", lambda places: locked(places[1:])
    )  # a read-only root
    update(folder)
    hashed.clear()
    update(folder)
    assert not hashed
    assert below_root.read_bytes() != cache.read_bytes()


def test_where_nothing_can_be_written_nothing_is_stored(folder: Path, home: Path) -> None:
    (folder.parent / ".acn_bench").write_text("")
    home.write_text("")
    assert len(update(folder).files) == 3


def test_a_full_disk_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifest, "atomic", full)
    assert len(update(folder).files) == 3
    assert not store(folder).places[0].exists()


# ---------------------------------------------------------------- several processes

SLOW = """
import sys, time
from pathlib import Path
from acn_bench.data import manifest
from acn_bench.data.manifest import ManifestStore, fingerprint, list_files

folder, log, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
hash_file, write_bytes = manifest._hash, Path.write_bytes
manifest.SAVE_INTERVAL = 0

def slow_hash(folder, name, counter):
    with log.open("a") as f:
        f.write(name + "\\n")
    time.sleep(0.1)
    if where == "hash" and name == "cat/2":
        print("ready", flush=True)
        time.sleep(60)
    return hash_file(folder, name, counter)

def slow_write(path, content):
    if where == "write" and path.suffix == ".part":
        with path.open("wb") as f:
            f.write(content[: len(content) // 2])
            f.flush()
            print("ready", flush=True)
            time.sleep(60)
    return write_bytes(path, content)

manifest._hash, Path.write_bytes = slow_hash, slow_write
made = ManifestStore("set", folder.parent, folder).update(list_files(folder))
print(fingerprint(made))
"""


def start(folder: Path, log: Path, where: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", SLOW, str(folder), str(log), where]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("where", "again"), [("write", 3), ("hash", 2)])
def test_a_killed_process_leaves_a_usable_manifest_or_none(
    folder: Path, tmp_path: Path, hashed: list[str], where: str, again: int
) -> None:
    process = start(folder, tmp_path / "log", where)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate()
    stored = store(folder).places[0]
    assert bool(list(stored.parent.glob(".*.part"))) is (where == "write")
    assert len(update(folder).files) == 3
    assert len(hashed) == again  # what was stored before the kill is used
    assert not list(stored.parent.glob(".*.part"))


def test_two_processes_at_once_hash_each_file_once(folder: Path, tmp_path: Path) -> None:
    processes = [start(folder, tmp_path / "log", "") for _ in range(2)]
    outputs = {process.communicate(timeout=120)[0] for process in processes}
    assert outputs == {f"{fingerprint(update(folder))}\n"}
    assert (tmp_path / "log").read_text().split() == ["cat/1", "cat/2", "dog/1"]


# ---------------------------------------------------------------- derived hashes


def test_a_derived_hash_is_computed_once_for_the_same_contents(folder: Path) -> None:
    calls: list[int] = []

    def compute() -> dict[str, str]:
        calls.append(1)
        return {"pixels": f"{len(calls):012x}"}

    def derived() -> str:
        return store(folder).derive(update(folder), {"pixels"}, compute)["pixels"]

    first = derived()
    assert derived() == first
    os.utime(folder / "cat/1", ns=(OLD + 1, OLD + 1))  # the same content
    assert derived() == first
    write(folder / "cat/1", b"other", OLD + 2)
    assert derived() != first
    assert len(calls) == 2


def test_a_file_that_changes_while_a_hash_is_derived_leaves_nothing_stored(folder: Path) -> None:
    def compute() -> dict[str, str]:
        write(folder / "cat/1", b"in between", OLD + 1)
        return {"pixels": "aa"}

    before = update(folder)
    assert store(folder).derive(before, {"pixels"}, compute) == {"pixels": "aa"}
    write(folder / "cat/1", b"cat/1" * 1000)  # set back
    assert update(folder) == before
    assert not update(folder).derived


# ---------------------------------------------------------------- CIFAR


@pytest.fixture
def old_cifar(cifar100_root: Path) -> Path:
    """A tiny CIFAR-100 whose files are old."""
    for path in (cifar100_root / "cifar-100-python").iterdir():
        os.utime(path, ns=(OLD, OLD))
    return cifar100_root


def test_cifar_hashes_neither_files_nor_pixels_at_a_second_start(
    old_cifar: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cifar.read("cifar100", old_cifar)
    assert sorted(hashed) == ["meta", "test", "train"]
    assert first.fingerprint == images.content_hash(*first.train, *first.test)
    hashed.clear()

    def fail(*_: object) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr(cifar, "content_hash", fail)
    monkeypatch.setattr(cifar, "_md5", fail)
    assert cifar.read("cifar100", old_cifar).fingerprint == first.fingerprint
    assert not hashed


@pytest.mark.parametrize("damage", [b"{}", b"[" * 100_000, None])
def test_a_damaged_manifest_changes_nothing_of_cifar(old_cifar: Path, damage: bytes | None) -> None:
    first = cifar.read("cifar100", old_cifar)
    stored = old_cifar / ".acn_bench" / "cifar100.json"
    if damage is None:  # well-formed, and without one of the hashes
        whole = msgspec.json.decode(stored.read_bytes())
        del whole["derived"]["md5 train"]
        damage = msgspec.json.encode(whole)
    stored.write_bytes(damage)
    again = cifar.read("cifar100", old_cifar)
    assert (again.fingerprint, again.canonical) == (first.fingerprint, first.canonical)


def test_canonical_and_fingerprint_follow_an_edited_file(
    old_cifar: Path, call_it_original: Callable[[Path], None]
) -> None:
    folder = old_cifar / "cifar-100-python"
    call_it_original(folder)
    original = cifar.read("cifar100", old_cifar)
    assert original.canonical
    content = (folder / "train").read_bytes()
    write(folder / "train", content + b"\0", OLD + 1)  # after the pickle's end: the same pixels
    touched = cifar.read("cifar100", old_cifar)
    assert not touched.canonical
    assert touched.fingerprint == original.fingerprint
    write(folder / "train", content, OLD + 2)
    assert cifar.read("cifar100", old_cifar).canonical
    at = content.index(original.train[0].numpy().tobytes()[:64])
    edited = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    write(folder / "train", edited, OLD + 3)  # one pixel, of the same size
    other = cifar.read("cifar100", old_cifar)
    assert not other.canonical
    assert other.fingerprint != original.fingerprint
