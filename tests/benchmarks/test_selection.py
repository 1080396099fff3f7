"""A strategy's strength is the largest one with which an experience is still learned, by its own held-out rows."""

import msgspec
import pytest
import torch

from acn_bench import catalog
from acn_bench.benchmarks.continual import cost
from acn_bench.benchmarks.continual.protocol import ContinualRun
from acn_bench.benchmarks.continual.result import validate
from acn_bench.benchmarks.run import Run
from acn_bench.families.mixer import MixerSpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.strategies.seeding import preserved_generators
from acn_bench.training.resume import ResumeFile

SMALLEST = MixerSpec(
    wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16
)  # fmt: skip
SHORT = {
    "experiences": 3,
    "epochs": 1,
    "classes_per_experience": 2,
    "batch_size": 64,
    "backbone": SMALLEST,
    "noise": {},
}
SELECT = {**SHORT, "select": "strength", "select_tries": 3, "select_decay": 0.1}


def strategy(name, **changes):
    return msgspec.structs.replace(catalog.strategy(name).options, **changes)


def comparable(result):
    values = msgspec.to_builtins(result)
    for tries in values["strength_tries"] or []:
        for one in tries:
            del one["seconds"]
    return {k: v for k, v in values.items() if k not in ("seconds", "peak_memory")}


@pytest.mark.parametrize("name", ["si", "ewc", "mas", "lwf"])
def test_what_counts_is_the_last_try_and_equals_training_with_that_strength_alone(measure, name):
    spec = strategy(name)
    out = measure(strategy=spec, **SELECT | {"experiences": 2})
    (tries,) = out.result.strength_tries
    chosen = tries[-1].strength

    alone = measure(
        strategy=msgspec.structs.replace(spec, **{spec.selectable: chosen}),
        **SHORT | {"experiences": 2},
    )
    assert all(torch.equal(out.weights[k], alone.weights[k]) for k in alone.weights)
    assert out.result.accuracy == alone.result.accuracy
    assert out.result.train_loss == alone.result.train_loss
    assert out.result.measures == alone.result.measures
    assert out.result.validation.accuracy[1][1] == tries[-1].accuracy


def test_the_strength_falls_until_the_experience_is_learned_nearly_as_well_as_by_fine_tuning(
    measure,
):
    spec = strategy("ewc", strength=1e6)
    for drop in (0.0, 1.0):
        result = measure(strategy=spec, **SELECT | {"select_drop": drop}).result
        for finetuned, *tries in result.strength_tries:
            needed = (1 - drop) * finetuned.accuracy
            assert finetuned.strength == 0
            assert [t.strength for t in tries] == [1e8 * 0.1**k for k in range(len(tries))]
            assert all(t.accuracy < needed for t in tries[:-1])
            assert tries[-1].accuracy >= needed or len(tries) == 3
            if drop == 1:
                assert len(tries) == 1


def test_the_cost_of_every_try_is_in_the_record(measure, config, digits):
    changes = {"strategy": strategy("ewc", strength=1e6), **SELECT, "select_drop": 0.0}
    out = measure(**changes)
    result = out.result
    naive = measure(strategy=NaiveSpec(name="naive"), **SELECT).result
    tried = [one for tries in result.strength_tries for one in tries]

    assert result.images_seen > naive.images_seen
    assert naive.strength_tries is None
    first = result.images_seen - sum(one.images for one in tried)
    assert 0 < first < naive.images_seen
    assert all(one.seconds > 0 for one in tried)
    assert sum(one.seconds for one in tried) < result.seconds.train
    assert all(g.passed for g in out.guards)
    most = cost.work(config(**changes), digits)
    assert result.images_seen <= most
    assert cost.work(config(**changes | {"select": "none"}), digits) < most


def test_a_choice_does_not_depend_on_the_experiences_after_it(measure):
    """Both streams begin with the same classes; the third experience is another one, or is none."""
    orders = ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 6, 7])
    spec = strategy("ewc", strength=1e4)
    first, other = (
        comparable(measure(strategy=spec, **SELECT, class_order=tuple(order)).result)
        for order in orders
    )
    assert first["strength_tries"][0] == other["strength_tries"][0]
    assert first["accuracy"][1] == other["accuracy"][1]
    assert first["accuracy"][2] != other["accuracy"][2]


class InterruptedRunError(Exception):
    """What a kill is in these tests."""


def test_a_run_that_was_interrupted_within_a_selection_begins_that_experience_again(
    config, digits, measure, tmp_path
):
    changes = {"strategy": strategy("si"), **SELECT}

    def begun(notes):
        file = ResumeFile(tmp_path / "run-abc.safetensors", {"run": "run"}, 0.0, notes.append)
        run = Run(config(**changes), [digits], torch.device("cpu"), checkpoint=file)
        with preserved_generators():
            return ContinualRun(run)

    first = begun([])
    trainings, train = [], first._train

    def train_or_stop(experience):
        trainings.append(experience)
        if len(trainings) == 5:
            raise InterruptedRunError
        train(experience)

    first._train = train_or_stop
    with pytest.raises(InterruptedRunError), preserved_generators():
        first.measure()

    notes = []
    with preserved_generators():
        again = begun(notes).measure()
    assert notes[0].startswith("resumed from its checkpoint at ")
    assert comparable(again.result) == comparable(measure(**changes).result)


def test_what_cannot_be_selected_is_refused_before_anything_runs(config):
    with pytest.raises(ValueError, match=r"budget=20s .*: only budget=epochs or budget=images"):
        config(**SELECT, budget="20s")
    zero = config(strategy=strategy("ewc", strength=0.0), **SELECT)
    with pytest.raises(ValueError, match="a multiple of strength, which is 0; write strength=1"):
        zero.benchmark.check(zero.backbone, zero.strategy)


def test_tries_that_do_not_fit_are_refused(measure, config):
    changes = {"strategy": strategy("si"), **SELECT}
    result, protocol = measure(**changes).result, config(**changes).benchmark
    validate(result, protocol)
    one, *others = result.strength_tries
    reversed_, short = [[*one[1:], one[0]], *others], [one[:1], *others]
    for tries, reason in (
        (short, "has 1 entries, not fine-tuning and 1 to 3 strengths"),
        (reversed_, "0 comes first, then they fall"),
        ([one], "has 1 entries, not 2"),
    ):
        with pytest.raises(ValueError, match=reason):
            validate(msgspec.structs.replace(result, strength_tries=tries), protocol)
    with pytest.raises(ValueError, match="select=none"):
        validate(result, msgspec.structs.replace(protocol, select="none"))
