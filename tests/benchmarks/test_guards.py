"""Each guard passes on a sound run, and fires where the error that it is for is made."""

import dataclasses

import msgspec
import pytest
import torch
from torch import nn

from acn_bench.benchmarks.continual import evaluation, protocol, split, stream_inputs
from acn_bench.benchmarks.continual import guards as continual_guards
from acn_bench.benchmarks.run import Run
from acn_bench.evaluation import correctness, guards
from acn_bench.strategies import row_models, stream
from acn_bench.strategies.replay import ReplaySpec
from acn_bench.training import network

REPLAY = ReplaySpec(name="replay", memory=20, memory_batch_size=32)


@pytest.fixture
def outcomes(config, digits):
    """The guards of a whole run, by name: whether they passed."""

    def run(**changes):
        changes = {"epochs": 1, "noise": {"gaussian": (0.1,)}} | changes
        made = config(**changes)
        checks = protocol.measure(Run(made, [digits], torch.device("cpu"))).guards
        assert len({g.name for g in checks}) == len(checks)
        return {g.name: g.passed for g in checks}

    return run


def failed(outcomes):
    return [name for name, passed in outcomes.items() if not passed]


@pytest.mark.parametrize("heads", ["each", "one"])
def test_a_sound_run_passes_every_guard_and_the_record_names_them(outcomes, heads):
    passed = outcomes(heads=heads)
    assert failed(passed) == []
    assert len(passed) == 10 + 2 * (heads == "one")


# ---------------------------------------------------------------- the stream


@pytest.mark.parametrize("classes", [[[0, 1, 2], [3, 4]], [[0, 1, 2], [3, 4, 0]]])
def test_a_class_that_never_arrives_or_arrives_twice_is_noticed(run, classes):
    made = run()
    assert continual_guards.classes(made.split, made.protocol, made.data).passed
    wrong = dataclasses.replace(made.split, classes=classes)
    assert not continual_guards.classes(wrong, made.protocol, made.data).passed


def test_a_class_that_the_library_drops_is_noticed(outcomes, monkeypatch):
    whole = stream.nc_benchmark

    def dropping(train, test, **settings):
        rows = [k for k, label in enumerate(train.targets) if label != 5]
        train.rows = [train.rows[k] for k in rows]
        train.targets = [train.targets[k] if train.targets[k] < 5 else 5 for k in rows]
        train.targets[-1] = 5  # one row is left of it, so that the library does not stumble
        return whole(train, test, **settings)

    monkeypatch.setattr(stream, "nc_benchmark", dropping)
    assert "the stream has the classes and rows of the split" in failed(outcomes(heads="one"))


def test_a_row_that_is_trained_on_and_held_out_is_noticed(outcomes, monkeypatch):
    hold_out = split.hold_out

    def overlapping(*arguments):
        train, held = hold_out(*arguments)
        return torch.cat([train, held[:1]]), held

    monkeypatch.setattr(split, "hold_out", overlapping)
    monkeypatch.setattr(continual_guards, "hold_out", overlapping)
    assert "no row is both trained on and held out" in failed(outcomes())


def test_a_test_set_that_was_trained_on_is_noticed(config, digits):
    leaked = dataclasses.replace(digits, test_images=digits.train_images[: len(digits.test_images)])
    made = protocol.ContinualRun(Run(config(), [leaked], torch.device("cpu")))
    made._check_start(made._stream())
    assert [g.name for g in made.checks.guards if not g.passed] == [
        "images that are tested on were not trained on"
    ]


def test_a_task_label_in_the_stream_is_noticed(outcomes, monkeypatch):
    whole = stream.nc_benchmark
    monkeypatch.setattr(
        stream, "nc_benchmark", lambda *a, **k: whole(*a, **k | {"task_labels": True})
    )
    assert "no task label reaches a class-incremental run" in failed(outcomes(heads="one"))


def test_a_prediction_that_knows_the_experience_is_noticed(outcomes, monkeypatch):
    honest = protocol.prediction

    class Leak:
        every_depth = ready = True

        def __init__(self, honest):
            self.honest, self.state = honest, honest.state

        def logits(self, features, experience):
            logits = self.honest.logits(features, experience).clone()
            logits[..., 3 * experience : 3 * experience + 3] += 10
            return logits

    monkeypatch.setattr(protocol, "prediction", lambda *a: Leak(honest(*a)))
    assert failed(outcomes(heads="one")) == ["no task label reaches a class-incremental run"]


# ---------------------------------------------------------------- chance


def test_a_library_that_reseeds_the_generators_is_noticed(outcomes, monkeypatch):
    whole = protocol.class_stream

    def reseeding(*arguments, **settings):
        made = whole(*arguments, **settings)
        torch.manual_seed(0)
        return made

    monkeypatch.setattr(protocol, "class_stream", reseeding)
    assert failed(outcomes()) == ["building the stream leaves the random state alone"]


@pytest.mark.parametrize("generator", ["python", "numpy", "torch"])
def test_each_of_the_three_generators_is_watched(generator):
    import random

    import numpy as np

    draw = {"python": random.random, "numpy": np.random.rand, "torch": lambda: torch.rand(1)}
    before = guards.generator_states()
    assert guards.generators_unchanged(before, guards.generator_states()).passed
    draw[generator]()
    guard = guards.generators_unchanged(before, guards.generator_states())
    assert not guard.passed
    assert generator in guard.detail.lower()


def mixed_up(function, name, by):
    """`function` with the seed `name` replaced by the seed `by`, in the Seeds that it is given."""

    def changed(*arguments, **settings):
        def swap(value):
            if hasattr(value, "seeds"):
                return msgspec.structs.replace(value, seeds=swap(value.seeds))
            if hasattr(value, "order") and hasattr(value, "noise"):
                return msgspec.structs.replace(value, **{name: getattr(value, by)})
            return value

        return function(*map(swap, arguments), **settings)

    return changed


@pytest.mark.parametrize(
    ("module", "function", "name", "by"),
    [
        (split, "_order", "order", "init"),
        (stream_inputs, "row_model", "init", "order"),
        (continual_guards, "_drawn", "data", "noise"),  # hold_out takes one number
        (stream_inputs, "corruption", "noise", "data"),
    ],
)
def test_a_seed_that_another_one_decides_is_noticed(
    outcomes, monkeypatch, module, function, name, by
):
    monkeypatch.setattr(module, function, mixed_up(getattr(module, function), name, by))
    assert failed(outcomes()) == ["the four seeds are independent"]


def test_weights_that_depend_on_what_was_drawn_before_are_noticed(outcomes, monkeypatch):
    monkeypatch.setattr(network, "seed_everything", lambda *_: torch.rand(1))
    assert "the four seeds are independent" in failed(outcomes())


# ---------------------------------------------------------------- the measurements


def test_a_part_that_stays_in_training_mode_is_noticed(outcomes, monkeypatch):
    built = stream_inputs.row_model

    def stubborn(*arguments):
        made = built(*arguments)
        part = made.backbone.blocks[0]
        part.train = lambda _=True: nn.Module.train(part, True)
        return made

    monkeypatch.setattr(stream_inputs, "row_model", stubborn)
    assert failed(outcomes()) == ["every measurement was made in evaluation mode"]


def test_predictions_that_lean_on_the_batch_are_noticed(outcomes, monkeypatch):
    honest = correctness.features

    def leaning(*arguments, **settings):
        read = honest(*arguments, **settings)
        count = settings.get("at_once") or 100
        return torch.cat([s - 3 * s.roll(1, dims=1) for s in read.split(count, dim=1)], dim=1)

    monkeypatch.setattr(correctness, "features", leaning)
    name = "results depend neither on the evaluation's batches nor on its order"
    assert failed(outcomes()) == [name]


def test_a_mask_of_another_experience_is_noticed(outcomes, monkeypatch):
    cls = evaluation.ContinualEvaluation
    own = cls._own_classes
    monkeypatch.setattr(cls, "_own_classes", lambda self, j: own(self, 1 - j))
    name = "an example that is correct among all classes is correct within its experience"
    assert failed(outcomes(heads="one")) == [name]


def test_an_evaluation_that_changes_the_model_is_noticed(outcomes, monkeypatch):
    measured = evaluation.ContinualEvaluation.correct

    def careless(self, *arguments, **settings):
        with torch.no_grad():
            self.model.backbone.stem_touched = next(self.model.backbone.parameters()).add_(1e-3)
        return measured(self, *arguments, **settings)

    monkeypatch.setattr(evaluation.ContinualEvaluation, "correct", careless)
    assert "evaluation changes neither the model nor the random state" in failed(outcomes())


def test_replayed_images_that_are_not_counted_are_noticed(outcomes, monkeypatch):
    counted = row_models.view

    def forgetful(made, rows):
        before = made.rows.trained
        images = counted(made, rows)
        made.rows.trained = before + min(len(rows), 32)  # the batch, without its memory
        return images

    monkeypatch.setattr(row_models, "view", forgetful)
    name = "every image that was trained on is counted"
    assert failed(outcomes(strategy=REPLAY)) == [name]
    assert failed(outcomes()) == []
