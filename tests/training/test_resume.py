"""A resume file that is forged or damaged is ignored, with a note; never obeyed, never fatal."""

import json
import os

import pytest
import safetensors
import safetensors.torch
import torch

from acn_bench.training import resume
from acn_bench.training.resume import ResumeFile

STATE = {"run": {"done": 3, "weights": torch.arange(4.0)}}


@pytest.fixture
def file(tmp_path):
    """A resume file with a checkpoint at 40 %; its notes are in `notes`."""
    notes = []
    made = ResumeFile(tmp_path / "run-abc.safetensors", {"run": "run"}, 0.0, notes.append)
    made.notes = notes
    made.save(lambda: STATE, 0.4)
    return made


def forge(file, *, checked=True, **fields):
    """Write other fields of the header; `checked`: with the checksum that belongs to them."""
    with safetensors.safe_open(file.path, "pt") as opened:
        header = opened.metadata() | fields
    tensors = safetensors.torch.load_file(file.path)
    if checked:
        header["check"] = resume._check(tensors, header["state"], header["share"])
    safetensors.torch.save_file(tensors, file.path, header)


def test_a_checkpoint_is_resumed_from_and_says_where(file):
    assert file.share == 0.4
    assert file.load()["run"]["done"] == 3
    assert file.resumed
    assert file.notes == ["resumed from its checkpoint at 40 %"]


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("share", ["inf", "nan", "0.z", "", "-5", "1.01", "1e400", "9" * 5000])
def test_a_share_that_is_none_is_damage(file, share, checked):
    forge(file, share=share, checked=checked)
    assert file.share is None
    assert file.load() is None
    assert not file.resumed
    assert file.notes == ["started from scratch: its checkpoint is damaged"]


def test_another_share_than_the_one_that_was_saved_is_damage(file):
    forge(file, share="0.9", checked=False)
    assert file.load() is None
    assert file.notes == ["started from scratch: its checkpoint is damaged"]


@pytest.mark.parametrize(
    "state",
    [
        "",
        "{",
        '{"a": NaN}',
        "[" * 100_000 + "]" * 100_000,
        '{"tensor": "7"}',
        '{"tensor": ["0"]}',
        "9" * 5000,
        json.dumps({"a": [{"tensor": None}]}),
    ],
    ids=["empty", "cut", "NaN", "deep", "no tensor", "a list", "digits", "null"],
)
def test_a_state_that_cannot_be_read_is_damage(file, state):
    forge(file, state=state)
    assert file.load() is None
    assert file.notes == ["started from scratch: its checkpoint is damaged"]


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_not_waited_for(file, kind):
    file.path.unlink()
    (os.mkfifo if kind == "pipe" else os.mkdir)(file.path)
    assert file.share is None
    assert file.load() is None
    assert file.notes == ["started from scratch: its checkpoint is not a file"]


def test_a_rejected_checkpoint_is_loaded_no_more_and_is_replaced_by_the_next(file):
    file.load()
    file.reject("cannot be used (KeyError)")
    assert not file.resumed
    assert file.load() is None
    assert file.notes[1:] == ["started from scratch: its checkpoint cannot be used (KeyError)"]
    file.save(lambda: {"run": 1}, 0.1)
    assert ResumeFile(file.path, file.about).load() == {"run": 1}
