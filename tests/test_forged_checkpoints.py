"""A run that resumed from what it cannot use begins again; what is no fault of a checkpoint is raised."""

from types import SimpleNamespace

import pytest

from acn_bench.execution import runner
from acn_bench.training.divergence import DivergedError
from acn_bench.training.resume import ResumeFile


@pytest.fixture
def forged(tmp_path, monkeypatch):
    """`forged(error)`: a run that raises it whenever it resumes: (times measured, file, notes, a function to make it)."""

    def make(error):
        notes, measured, run = [], [], SimpleNamespace(world_size=1)
        file = ResumeFile(tmp_path / "run-abc.safetensors", {"run": "run"}, 0.0, notes.append)
        file.save(lambda: {"no": "state"}, 0.4)

        def measure(run):
            measured.append(run)
            if file.load() is not None:
                raise error
            return "a record"

        monkeypatch.setattr(runner, "_measured", measure)
        return measured, file, notes, lambda: runner._measured_once_or_again(run, file)

    return make


@pytest.mark.parametrize(
    "error", [KeyError("run"), TypeError(), IndexError(), RuntimeError("sizes"), ValueError("x")]
)
def test_a_checkpoint_that_cannot_be_restored_begins_the_run_again_and_says_so(forged, error):
    measured, _, notes, measure = forged(error)
    assert measure() == "a record"
    assert len(measured) == 2
    assert notes == [
        "resumed from its checkpoint at 40 %",
        f"started from scratch: its checkpoint cannot be used ({type(error).__name__})",
    ]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError()])
def test_a_resumed_run_without_disk_or_memory_keeps_its_checkpoint(forged, error):
    measured, file, _, measure = forged(error)
    with pytest.raises(type(error)):
        measure()
    assert len(measured) == 1
    assert file.path.exists()


def test_a_resumed_run_that_diverges_does_not_resume_there_again(forged):
    measured, file, _, measure = forged(DivergedError("the training loss became nan"))
    with pytest.raises(DivergedError):
        measure()
    assert len(measured) == 1
    assert not file.path.exists()
