"""An experience ends with its epochs, with the images that these hold, or with its seconds."""

import pytest
import torch

from acn_bench.benchmarks.continual.cost import work
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.evaluation import cost, guards
from acn_bench.strategies.budget import Budget, SpentBudget
from acn_bench.strategies.cumulative import CumulativeSpec
from acn_bench.strategies.der import DerSpec
from acn_bench.strategies.ewc import EwcSpec
from acn_bench.strategies.gdumb import GdumbSpec
from acn_bench.strategies.joint import JointSpec
from acn_bench.strategies.lwf import LwfSpec
from acn_bench.strategies.replay import ReplaySpec

REPLAY = ReplaySpec(name="replay", memory=30, memory_batch_size=32)
DER = DerSpec(name="der", memory=60, memory_batch_size=32)
MORE = [REPLAY, DER, CumulativeSpec(name="cumulative"), GdumbSpec(name="gdumb", memory=30)]


def weights(measured):
    return torch.cat([w.flatten() for w in measured.weights.values()])


def rows(run):
    return sum(len(part) for part in run.split.train)


def test_naive_and_joint_are_the_same_at_equal_epochs_and_at_equal_images(measure):
    for strategy in (None, JointSpec(name="joint")):
        by_epochs = measure(strategy=strategy)
        by_images = measure(strategy=strategy, budget="images")
        assert torch.equal(weights(by_epochs), weights(by_images))
        assert by_epochs.result.train_loss == by_images.result.train_loss
        assert by_epochs.result.images_seen == by_images.result.images_seen


def test_lwf_takes_as_many_steps_as_naive_since_asking_again_shows_no_other_image(measure):
    lwf = LwfSpec(name="lwf")
    by_epochs, by_images = measure(strategy=lwf), measure(strategy=lwf, budget="images")
    assert by_epochs.result.images_seen == measure().result.images_seen
    assert torch.equal(weights(by_epochs), weights(by_images))


@pytest.mark.parametrize("strategy", MORE, ids=lambda s: s.name)
def test_at_equal_images_every_strategy_sees_what_naive_sees(strategy, measure):
    naive = measure().result.images_seen
    seen = measure(strategy=strategy, budget="images").result.images_seen
    assert measure(strategy=strategy).result.images_seen != seen
    assert naive <= seen < naive + 2 * 2 * 32 * 2  # of each experience's last step, at most all


def test_replay_takes_fewer_steps_once_it_has_a_memory(run):
    def steps(**changes):
        made, count = run(strategy=REPLAY, **changes), []
        step = made.learner.optimizer.step
        made.learner.optimizer.step = lambda *a, **k: (
            count.append(made.learner.clock.train_exp_counter) or step(*a, **k)
        )
        made.measure()
        return count.count(0), count.count(1)

    (first, second), (same, fewer) = steps(), steps(budget="images")
    assert first == same == second
    assert fewer == pytest.approx(second / 2, abs=1)


def test_importance_is_counted_and_is_no_part_of_the_budget(measure, run):
    ewc = measure(strategy=EwcSpec(name="ewc"), budget="images").result.images_seen
    made = run()
    assert ewc == (made.protocol.epochs + 1) * rows(made)


def test_a_run_in_seconds_takes_its_seconds_and_says_that_they_are_of_this_machine(run):
    made = run(budget="0.5s")
    measured = made.measure()
    assert 1.0 <= measured.result.seconds.train < 3.0
    assert [len(losses) > 0 for losses in measured.result.train_loss] == [True, True]
    names = {g.name: g for g in measured.guards}
    assert names["every experience ended with its budget"].passed
    assert "training in seconds had the processor to itself" in names


def test_joint_training_has_the_seconds_of_all_experiences(run):
    made = run(strategy=JointSpec(name="joint"), budget="1.5s")
    assert made.budget.limits == [3.0]
    made = run(budget="1.5s")
    assert made.budget.limits == [1.5, 1.5]


def test_the_clock_of_the_cpu_goes_on():
    cpu = torch.device("cpu")
    assert cost.seconds(cpu) < cost.seconds(cpu)


# ---------------------------------------------------------------- guards


def test_the_guard_fires_where_an_experience_is_cut_short_or_goes_on(run):
    made = run(budget="images")
    assert guards.budget([], "images").passed is False
    made.budget.on_step = lambda _: made.learner.stop_training()  # whoever stops it
    measured = made.measure()
    (guard,) = (g for g in measured.guards if g.name == "every experience ended with its budget")
    assert not guard.passed
    assert "2 trained, 2 of them with less or more" in guard.detail
    made = run(budget="images")
    made.learner.stop_training = lambda: None
    made.learner.train_epochs = 3
    measured = made.measure()
    (guard,) = (g for g in measured.guards if g.name == "every experience ended with its budget")
    assert not guard.passed


def test_the_guard_fires_where_another_process_had_the_processor():
    alone = SpentBudget(limit=2.0, total=2.1, last_step=0.1, processor=2.0)
    shared = SpentBudget(limit=2.0, total=2.1, last_step=0.1, processor=1.0)
    assert guards.processor([alone]).passed
    assert not guards.processor([alone, shared]).passed
    assert not guards.processor([]).passed


def test_a_budget_tells_which_share_of_an_experience_a_step_took(run):
    told = []
    made = run(budget="images")
    made.budget.on_step = told.append
    made.measure()
    assert sum(told) == pytest.approx(2.0, abs=0.2)
    assert isinstance(made.budget, Budget)


# ---------------------------------------------------------------- what is said


def test_a_budget_that_cannot_be_is_refused():
    for word in ("image", "20", "0s", "-1s", "s", "1e3s", "20 s"):
        with pytest.raises(ValueError, match=r"unknown budget .*Known: epochs, images, .*20s"):
            ContinualSpec(name="", budget=word)
    with pytest.raises(ValueError, match="only budget=epochs will do"):
        ContinualSpec(name="", budget="images", scheme="layerskip")
    assert ContinualSpec(name="", budget="1.5s").seconds == 1.5
    assert ContinualSpec(name="").seconds is None


def test_work_at_equal_images_does_not_grow_with_a_memory(config, digits):
    def trained(**changes):
        return work(config(**changes), digits)

    assert trained(strategy=REPLAY) > trained()
    assert trained(strategy=REPLAY, budget="images") == trained(budget="images") == trained()
