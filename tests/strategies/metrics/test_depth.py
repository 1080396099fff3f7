from math import isnan, nan

import pytest
import torch
from torch import nn

from acn_bench.backbones import truncate
from acn_bench.strategies import UtilisedDepth

EXP = "UtilisedDepth_Exp/eval_phase/test_stream/Task{task:03}/Exp{number:03}"
STREAM = "UtilisedDepth_Stream/eval_phase/test_stream"

both = pytest.mark.parametrize("task_incremental", [True, False], ids=["a head each", "one head"])


@pytest.fixture(scope="module")
def trained(run):
    """Makes, once, a trained pipeline with the metric."""
    made = {}

    def make(task_incremental):
        if task_incremental not in made:
            made[task_incremental] = run(task_incremental, UtilisedDepth(tolerance=0.05))
        return made[task_incremental]

    return make


def right_by_depth(model, x, y, task, task_incremental):
    """Right or not, (L+1, N), from networks cut to each depth."""
    backbone = model.model if task_incremental else model
    with torch.no_grad():
        cut = [truncate(backbone, k)(x) for k in range(backbone.depth + 1)]
        logits = (
            [model.head.classifiers[str(task)].classifier(c) for c in cut]
            if task_incremental
            else cut
        )
    return torch.stack([out.argmax(dim=1) == y for out in logits])


def depth_by_hand(right, chance, tolerance):
    shares = right.double().mean(dim=1).tolist()
    if shares[-1] < chance + 2 * (chance * (1 - chance) / right.shape[1]) ** 0.5:
        return nan
    return min(k for k, share in enumerate(shares) if share >= shares[-1] - tolerance)


@both
def test_it_is_the_smallest_depth_at_which_the_truncated_network_is_within_tolerance(
    task_incremental, trained, examples
):
    done = trained(task_incremental)
    chance = 1 / 3 if task_incremental else 1 / 9
    logged, expected, all_right = [], [], []
    for experience in done.test:
        x, y, _ = examples(experience)
        task = experience.task_label
        right = right_by_depth(done.strategy.model, x, y, task, task_incremental)
        number = experience.current_experience
        top1 = f"Top1_Acc_Exp/eval_phase/test_stream/Task{task:03}/Exp{number:03}"
        assert done.logged[-1][top1] == pytest.approx(right[-1].double().mean().item())
        logged.append(done.logged[-1][EXP.format(task=task, number=number)])
        expected.append(depth_by_hand(right, chance, 0.05))
        all_right.append(right)
    assert logged == pytest.approx(expected, nan_ok=True)
    assert not isnan(logged[-1])
    stream = depth_by_hand(torch.cat(all_right, dim=1), chance, 0.05)
    assert done.logged[-1][STREAM] == pytest.approx(stream, nan_ok=True)


@both
def test_classes_that_were_not_trained_on_yet_are_left_out(task_incremental, trained):
    first, *_ = trained(task_incremental).logged
    assert first[STREAM] == first[EXP.format(task=0, number=0)] > 0
    assert isnan(first[EXP.format(task=2 if task_incremental else 0, number=2)])


def test_an_experience_that_was_forgotten_is_not_given_its_old_depth(trained):
    first, *_, last = trained(False).logged
    name = EXP.format(task=0, number=0)
    assert not isnan(first[name])
    assert isnan(last[name])


def test_the_curve_lies_over_the_training_iterations(trained):
    strategy = trained(True).strategy
    x, values = strategy.evaluator.get_all_metrics()[STREAM]
    steps = strategy.clock.train_iterations
    assert x == [steps // 3, 2 * steps // 3, steps]
    assert len(values) == 3


def test_a_network_that_was_trained_elsewhere_counts_every_class(trained, pipeline):
    done = trained(False)
    metric = UtilisedDepth(tolerance=0.05)
    fresh = pipeline(False, metric, model=done.strategy.model)
    last = fresh.eval(done.test[2:])
    assert last[EXP.format(task=0, number=2)] == done.logged[-1][EXP.format(task=0, number=2)]
    assert last[STREAM] == metric.result()


def test_a_wider_tolerance_never_needs_more_blocks(trained, pipeline):
    done = trained(True)
    learned = done.test[2:]
    narrow, wide = (
        pipeline(True, UtilisedDepth(tolerance), model=done.strategy.model).eval(learned)[STREAM]
        for tolerance in (0.0, 1.0)
    )
    assert 0 == wide < narrow <= 3


def test_a_network_without_depths_is_told_what_it_lacks(pipeline, stream):
    plain = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 9))
    with pytest.raises(TypeError, match=r"Sequential has none: .* forward_depths"):
        pipeline(False, UtilisedDepth(), model=plain).eval(stream(False).test_stream)


def test_a_network_of_ones_own_needs_forward_depths_alone(pipeline, stream):
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3 * 32 * 32, 9)

        def forward(self, x):
            return self.forward_depths(x)[-1]

        def forward_depths(self, x):
            logits = self.layer(x.flatten(1))
            return torch.stack([-logits, logits, logits])

    learner, digits = pipeline(False, UtilisedDepth(), model=Deep(), train_epochs=6), stream(False)
    learner.train(digits.train_stream[0])
    assert learner.eval(digits.test_stream)[STREAM] == 1


def test_a_tolerance_below_zero_is_refused():
    with pytest.raises(ValueError, match=r"tolerance must be at least 0, not -0\.1"):
        UtilisedDepth(-0.1)
