import dataclasses
from pathlib import Path

import pytest
import torch

from acn_bench.data import images, loading
from acn_bench.errors import MissingData


@pytest.mark.parametrize(
    ("name", "fingerprint"), [("digits10", "8ef0ab4cbc81"), ("digits100", "10026fcf0d13")]
)
def test_embedded_data_is_the_same_on_every_machine(name: str, fingerprint: str) -> None:
    # a record's run_id hashes this: another fingerprint makes every earlier record another run
    assert images.load(name).fingerprint == fingerprint


@pytest.mark.parametrize("name", ["digits10", "digits100"])
def test_embedded_data_is_never_canonical_and_never_flipped(name: str) -> None:
    data = images.load(name)
    assert not data.canonical
    assert not data.flips
    assert len(data.class_names) == int(data.train_labels.max()) + 1


def test_cifar_is_loaded_once_and_may_be_flipped(cifar100_root: Path) -> None:
    data = images.load("cifar100", cifar100_root)
    assert data.name == "cifar100"
    assert data.flips
    assert not data.canonical
    assert (len(data.train_images), len(data.test_labels)) == (7, 3)
    assert images.load("cifar100", cifar100_root) is data


def test_the_fingerprint_follows_pixels_labels_and_split(cifar100_root: Path) -> None:
    data = images.load("cifar100", cifar100_root)
    splits = [data.train_images, data.train_labels, data.test_images, data.test_labels]
    assert images.content_hash(*splits) == data.fingerprint
    for k in range(4):
        changed = [t.clone() for t in splits]
        changed[k].view(-1)[-1] ^= 1
        assert images.content_hash(*changed) != data.fingerprint
    moved = [torch.cat(splits[::2])[:6], *splits[1:2], torch.cat(splits[::2])[6:], splits[3]]
    assert images.content_hash(*moved) != data.fingerprint


def test_the_data_cannot_be_reassigned(cifar100_root: Path) -> None:
    data = images.load("cifar100", cifar100_root)
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.canonical = True  # type: ignore[misc]


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(LookupError, match=r"unknown data 'cifar-100'\. Did you mean 'cifar100'\?"):
        images.load("cifar-100")


def test_the_root_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, cifar100_root: Path
) -> None:
    monkeypatch.setenv("ACN_BENCH_DATA", str(cifar100_root))
    assert loading.default_root() == cifar100_root
    assert len(images.load("cifar100").train_images) == 7
    monkeypatch.delenv("ACN_BENCH_DATA")
    assert loading.default_root() == Path.home() / ".cache" / "acn_bench"


def test_a_failure_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cifar100_root: Path
) -> None:
    monkeypatch.setenv("ACN_BENCH_OFFLINE", "1")
    root = tmp_path / "later"
    with pytest.raises(MissingData):
        images.load("cifar100", root)
    root.mkdir()
    (cifar100_root / "cifar-100-python").rename(root / "cifar-100-python")
    assert len(images.load("cifar100", root).train_images) == 7


def test_any_pipeline_takes_it_as_images_in_0_1_with_their_labels():
    digits = images.load("digits10")
    train, test = digits.datasets()
    assert (len(train), len(test)) == (len(digits.train_labels), len(digits.test_labels))
    image, label = train[7]
    assert torch.equal((image * 255).round().to(torch.uint8), digits.train_images[7])
    assert label == digits.train_labels[7] == train.targets[7]
    assert isinstance(label, int)
