"""Trackers get the steps of a training, and are refused by name where they cannot."""

import sys
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from acn_bench.training import trackers
from acn_bench.training.recipe import Recipe
from acn_bench.training.step import Step
from acn_bench.training.trackers import Trackers

RECIPE = Recipe(epochs=1, batch_size=8, learning_rate=0.1)


def steps():
    return [Step(k, 3, 0, 8, 1 / k, 0.1) for k in (1, 2, 3)]


def test_tensorboard_holds_the_losses(tmp_path, monkeypatch):
    monkeypatch.setattr(trackers, "SECONDS", 0.0)
    made = Trackers(["tensorboard"], "run", tmp_path, RECIPE)
    for step in steps():
        made.log(step)
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert [e.step for e in events.Scalars("loss")] == [1, 2, 3]
    assert [e.value for e in events.Scalars("loss")] == pytest.approx([1, 1 / 2, 1 / 3])


def test_values_come_once_a_second_and_at_the_end(tmp_path, monkeypatch):
    """A stand-in of W&B: its own starts a service."""
    logged = []
    run = SimpleNamespace(
        log=lambda values, step: logged.append((step, values["loss"])),
        finish=lambda: logged.append("finished"),
    )
    made_with = {}
    library = SimpleNamespace(init=lambda **settings: made_with.update(settings) or run)
    monkeypatch.setitem(sys.modules, "wandb", library)
    monkeypatch.setattr(trackers, "find_spec", lambda _: object())
    made = Trackers(["wandb"], "run", tmp_path / "new", RECIPE)
    for step in steps():
        made.log(step)
    assert logged == [(1, 1.0), (3, 1 / 3), "finished"]
    assert (made_with["id"], made_with["resume"]) == ("run", "allow")
    assert made_with["config"]["batch_size"] == 8


def test_mlflow_gets_parameters_and_metrics(tmp_path, monkeypatch):
    calls = []

    def record(name):
        return lambda *args, **kwargs: calls.append((name, args, kwargs))

    names = ("set_experiment", "start_run", "log_params", "log_metrics", "end_run")
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(**{n: record(n) for n in names}))
    monkeypatch.setattr(trackers, "find_spec", lambda _: object())
    made = Trackers(["mlflow"], "run", tmp_path, RECIPE)
    for step in steps():
        made.log(step)
    assert [name for name, *_ in calls] == [*names[:4], "log_metrics", "end_run"]


def test_unknown_and_missing_trackers_are_named(monkeypatch):
    with pytest.raises(LookupError, match=r"unknown tracker 'tensorbord'.*tensorboard"):
        trackers.check(["tensorbord"])
    monkeypatch.setattr(trackers, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="the tracker mlflow is not installed: pip install mlflow"):
        trackers.check(["mlflow"])
