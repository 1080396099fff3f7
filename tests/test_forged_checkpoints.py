"""A run that resumed from what it cannot use begins again; what is no fault of a checkpoint is raised."""

from types import SimpleNamespace

import pytest

from acn_bench.execution import runner
from acn_bench.training.divergence import DivergedError
from acn_bench.training.resume import ResumeFile


class Forged:
    """A kind whose protocol fails as often as it resumes."""

    def __init__(self, error):
        self.error, self.measured = error, 0
        self.protocol_module = self

    def measure(self, run):
        self.measured += 1
        if run.checkpoint.load() is not None:
            raise self.error
        return "output"


@pytest.fixture
def forged(tmp_path, monkeypatch):
    """`forged(error)`: what a resumed run whose restoration raises this ends with."""

    def make(error):
        notes = []
        file = ResumeFile(tmp_path / "run-abc.safetensors", {"run": "run"}, 0.0, notes.append)
        file.save(lambda: {"no": "state"}, 0.4)
        kind = Forged(error)
        monkeypatch.setattr(runner.KINDS, "load", lambda _: kind)
        benchmark = SimpleNamespace(kind="continual")
        run = SimpleNamespace(config=SimpleNamespace(benchmark=benchmark), checkpoint=file)
        return kind, file, notes, lambda: runner._measure(run, file)

    return make


@pytest.mark.parametrize(
    "error", [KeyError("run"), TypeError(), IndexError(), RuntimeError("sizes"), ValueError("x")]
)
def test_a_checkpoint_that_cannot_be_restored_begins_the_run_again_and_says_so(forged, error):
    kind, _, notes, measure = forged(error)
    assert measure() == "output"
    assert kind.measured == 2
    assert notes == [
        "resumed from its checkpoint at 40 %",
        f"started from scratch: its checkpoint cannot be used ({type(error).__name__})",
    ]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError()])
def test_a_resumed_run_without_disk_or_memory_keeps_its_checkpoint(forged, error):
    kind, file, _, measure = forged(error)
    with pytest.raises(type(error)):
        measure()
    assert kind.measured == 1
    assert file.path.exists()


def test_a_resumed_run_that_diverges_does_not_resume_there_again(forged):
    kind, file, _, measure = forged(DivergedError("the training loss became nan"))
    with pytest.raises(DivergedError):
        measure()
    assert kind.measured == 1
    assert not file.path.exists()
