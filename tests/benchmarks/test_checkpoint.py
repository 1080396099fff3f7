"""A run that is interrupted resumes from its checkpoint, and ends as if it had not been interrupted."""

import msgspec
import pytest
import safetensors.torch
import torch
from torch import nn

from acn_bench import catalog
from acn_bench.benchmarks.continual.protocol import ContinualRun
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.run import Run
from acn_bench.families.mixer import MixerSpec
from acn_bench.spec import FactorySpec
from acn_bench.strategies.lwf import LwfSpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.strategies.replay import ReplaySpec
from acn_bench.strategies.seeding import preserved_generators
from acn_bench.training.resume import ResumeFile

ABOUT = {"run": "run", "code": "abc"}


class InterruptedRunError(Exception):
    """What a kill is in these tests."""


class Interrupting(ResumeFile):
    """Ends the run when the n-th checkpoint has been written."""

    left = 0

    def save(self, state, share, *, always=False):
        super().save(state, share, always=always)
        self.left -= 1
        if not self.left:
            raise InterruptedRunError


@pytest.fixture
def begun(config, digits, tmp_path):
    """Makes a run that has a checkpoint: `begun(notes, interrupt=2, strategy=…)`."""

    def make(notes=None, *, interrupt=0, about=ABOUT, interval=0.0, **changes):
        note = (notes if notes is not None else []).append
        file = Interrupting(tmp_path / "run-abc.safetensors", about, interval, note)
        file.left = interrupt
        return ContinualRun(Run(config(**changes), [digits], torch.device("cpu"), checkpoint=file))

    return make


def measured(run):
    with preserved_generators():
        return run.measure()


def interrupted(run):
    with pytest.raises(InterruptedRunError):
        measured(run)


def assert_equal(one, other):
    """Bit for bit, in all but seconds and memory."""
    for a, b in ((one.weights, other.weights), (one.examples, other.examples)):
        assert list(a) == list(b)
        assert all(torch.equal(a[name], b[name]) for name in a)
    results = [msgspec.to_builtins(m.result) for m in (one, other)]
    for result in results:
        del result["seconds"], result["peak_memory"]
    assert results[0] == results[1]
    assert one.guards == other.guards


# ---------------------------------------------------------------- every strategy


def supported(scenarios):
    """Every strategy at tiny sizes, in the first scenarios that it supports."""
    sizes = {"memory": 24, "memory_batch_size": 16, "memory_per_experience": 8, "sample_size": 8}
    for name in catalog.names("strategies"):
        options = catalog.strategy(name).options
        known = {f.name for f in msgspec.structs.fields(options)}
        spec = msgspec.structs.replace(options, **{k: v for k, v in sizes.items() if k in known})
        serves = [
            heads
            for heads in ("each", "one")
            if not spec.refusal(ContinualSpec(name="", heads=heads, experiences=3))
        ]
        for heads in serves[:scenarios]:
            yield pytest.param(spec, heads, id=f"{name}-{heads}")


SMALLEST = MixerSpec(
    wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16
)  # fmt: skip
SHORT = {
    "experiences": 3,
    "classes_per_experience": 2,
    "batch_size": 64,
    "noise": {"gaussian": (0.2,)},
}


@pytest.mark.parametrize(("spec", "heads"), list(supported(scenarios=1)))
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(measure, begun, spec, heads):
    changes = {"strategy": spec, "heads": heads, "backbone": SMALLEST, **SHORT}
    whole = measure(**changes)
    first = begun(**changes)
    if spec.name == "joint":
        first.checkpoint.left = 1
    else:  # after the first epoch of the second experience, or after that experience
        first.checkpoint.left = 5 if first.learner.strategy_state.resumes_within_experience else 3
    interrupted(first)
    notes = []
    assert_equal(measured(begun(notes, **changes)), whole)
    (note,) = notes
    assert note.startswith("resumed from its checkpoint at ")


def test_a_run_that_was_interrupted_twice_ends_as_one_that_was_not(measure, begun):
    whole = measure()
    notes = []
    interrupted(begun(notes, interrupt=1))
    interrupted(begun(notes, interrupt=3))
    assert_equal(measured(begun(notes)), whole)
    assert len(notes) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "heads"), list(supported(scenarios=2)))
def test_every_boundary_will_do(measure, begun, spec, heads):
    changes = {"strategy": spec, "heads": heads, "noise_after": "every", **SHORT}
    whole = measure(**changes)
    moment = 1
    while True:
        begun().checkpoint.remove()
        try:
            measured(begun(interrupt=moment, **changes))
        except InterruptedRunError:
            assert_equal(measured(begun(**changes)), whole)
            moment += 1
        else:
            break
    assert moment > 2


@pytest.mark.parametrize("strategy", [None, LwfSpec(name="lwf")], ids=["naive", "lwf"])
def test_batch_statistics_and_dropout_of_anybodys_network_go_on_too(
    measure, begun, factory, strategy
):
    network = FactorySpec(factory=factory)
    changes = {"backbone": network, "strategy": strategy, **SHORT}
    whole = measure(**changes)
    interrupted(begun(interrupt=6, **changes))
    assert_equal(measured(begun(**changes)), whole)


def test_a_scheme_that_counts_steps_goes_on_too(measure, begun):
    changes = {"scheme": "layerskip", "epochs": 3, **SHORT}
    whole = measure(**changes)
    interrupted(begun(interrupt=2, **changes))
    assert_equal(measured(begun(**changes)), whole)


def test_a_budget_in_images_goes_on_after_an_experience(measure, begun):
    changes = {"budget": "images", "strategy": ReplaySpec(name="replay", memory=24), **SHORT}
    whole = measure(**changes)
    interrupted(begun(interrupt=3, **changes))
    assert_equal(measured(begun(**changes)), whole)


def test_a_strategy_that_declares_nothing_begins_anew(begun, monkeypatch):
    plain = NaiveSpec.learner

    def undeclared(*args):
        made = plain(*args)
        del made.strategy_state
        return made

    monkeypatch.setattr(NaiveSpec, "learner", undeclared)
    run = begun()
    assert run.checkpoint is None
    assert measured(run).result.accuracy[-1]


# ---------------------------------------------------------------- the file


def test_a_checkpoint_says_how_much_of_the_run_it_holds(begun):
    seen = []
    run = begun(interrupt=3)
    run.progress.report = seen.append
    interrupted(run)
    share = run.checkpoint.share
    assert 0.2 < share < 0.8
    assert share == seen[-1]
    again = begun()
    shares = []
    again.progress.report = shares.append
    measured(again)
    assert shares[0] == share
    assert shares == sorted(shares)


@pytest.mark.parametrize("damage", ["cut", "a bit", "no header", "empty"])
def test_a_damaged_file_is_left_aside_with_a_note(measure, begun, damage):
    first = begun(interrupt=2)
    interrupted(first)
    path = first.checkpoint.path
    whole = bytearray(path.read_bytes())
    if damage == "a bit":
        whole[-100] ^= 1
    spoilt = {"cut": whole[:-100], "a bit": whole, "no header": whole[8:], "empty": b""}[damage]
    path.write_bytes(spoilt)
    notes = []
    assert_equal(measured(begun(notes)), measure())
    assert notes == ["started from scratch: its checkpoint is damaged"]


def test_weights_that_are_no_checkpoint_are_left_aside(begun, tmp_path):
    safetensors.torch.save_file({"a": torch.zeros(2)}, tmp_path / "run-abc.safetensors")
    notes = []
    assert begun(notes).checkpoint.load() is None
    assert notes == ["started from scratch: its checkpoint is damaged"]


def test_a_file_of_other_code_is_ignored_with_a_note(begun, tmp_path):
    first = begun(interrupt=2)
    interrupted(first)
    notes = []
    other = begun(notes, about=ABOUT | {"code": "def"})
    assert other.checkpoint.share is None
    assert other.checkpoint.load() is None
    without = ResumeFile(tmp_path / "run-def.safetensors", ABOUT, note=notes.append)
    assert without.load() is None
    assert notes == [
        "started from scratch: its checkpoint does not match (other code)",
        "started from scratch: its checkpoint was written by other code",
    ]
    other.checkpoint.remove()
    assert not first.checkpoint.path.exists()


def test_a_value_that_json_cannot_restore_is_refused(begun):
    file = begun().checkpoint
    for value in (nn.Linear(1, 1), {1: 2}, {3}, (1, 2), {"tensor": 1}, object()):
        with pytest.raises(TypeError, match="a checkpoint cannot hold a"):
            file.save(lambda value=value: {"value": value}, 0.5)
    with pytest.raises(ValueError, match="Out of range float"):
        file.save(lambda: {"value": float("nan")}, 0.5)
    assert not file.path.exists()


def test_numbers_and_tensors_come_back_bit_for_bit(begun):
    file = begun().checkpoint
    state = {
        "floats": [0.1, 1e-320, -0.0, 3.0],
        "nothing": None,
        "words": {"a": [True, 7, "b"]},
        "tensors": [
            torch.tensor(3.5),
            torch.rand(2, 3).bfloat16(),
            torch.arange(4),
            torch.empty(0),
        ],
    }
    file.save(lambda: state, 0.5)
    loaded = file.load()
    tensors = loaded.pop("tensors"), state.pop("tensors")
    assert all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(*tensors, strict=True))
    assert repr(loaded) == repr(state)


def test_they_are_no_more_frequent_than_their_interval_but_after_each_experience(begun):
    run = begun(interval=1e6)
    written, write = [], run.checkpoint.save

    def save(state, share, *, always=False):
        before = run.checkpoint.share
        write(state, share, always=always)
        if run.checkpoint.share != before:
            written.append([len(losses) for losses in run.monitor.loss])

    run.checkpoint.save = save
    measured(run)
    assert written == [[2], [2, 2]]  # epochs of each experience


def test_a_disk_that_takes_no_checkpoint_stops_no_run(begun, tmp_path):
    (tmp_path / "file").touch()
    notes = []
    run = begun(notes)
    run.checkpoint.path = tmp_path / "file" / "run-abc.safetensors"
    assert measured(run).result.accuracy[-1]
    (note,) = notes
    assert note.startswith("ran without checkpoints: ")
