"""The protocol: the arms share what they must, and measuring changes nothing."""

import hashlib
import random

import msgspec
import numpy as np
import pytest
import torch
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from torch import nn

from acn_bench.benchmarks.continual import protocol
from acn_bench.benchmarks.run import Run
from acn_bench.config import Seeds
from acn_bench.evaluation import correctness
from acn_bench.spec import FactorySpec
from acn_bench.strategies.joint import JointSpec
from acn_bench.strategies.replay import ReplaySpec
from acn_bench.strategies.seeding import preserved_generators
from acn_bench.strategies.si import SiSpec
from acn_bench.training.divergence import DivergedError

SI = SiSpec(name="si", strength=100.0, importance_max=None)


def figures(result):
    """What must not differ between two runs of one config."""
    return (
        result.classes,
        result.accuracy,
        result.initial_accuracy,
        result.depth_accuracy,
        result.noise,
        result.validation,
        result.train_loss,
        result.images_seen,
    )


def equal(a, b):
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


# ---------------------------------------------------------------- what the arms share


def watched(run):
    """Train the stream; what the network sees: (epoch, rows, pixels) of every step."""
    seen = []
    augmented = run.rows.augmented

    def record(rows):
        images = augmented(rows)
        seen.append((run.rows.epoch, rows.tolist(), hashlib.md5(images.numpy()).hexdigest()))
        return images

    run.rows.augmented = record
    with preserved_generators():
        for experience in run._stream().train_stream:
            run._train(experience)
    return seen


@pytest.mark.parametrize("strategy", [None, SI], ids=["naive", "si"])
def test_the_arms_of_a_seed_see_the_same_images_in_the_same_order(run, strategy):
    arms = [run(wiring=w, strategy=strategy) for w in ("ac", "residual", "feedforward")]
    first, *others = [watched(arm) for arm in arms]
    assert len({epoch for epoch, _, _ in first}) == 4
    assert all(other == first for other in others)
    for arm in arms[1:]:
        assert arm.split.classes == arms[0].split.classes
        assert all(map(torch.equal, arm.split.validation, arms[0].split.validation))


def test_a_strategy_sees_what_naive_sees(run):
    assert watched(run(strategy=SI)) == watched(run())


def test_replay_sees_naives_first_experience_and_the_same_memory_in_both_arms(run):
    spec = ReplaySpec(name="replay", memory=20, memory_batch_size=16)
    ac, residual = watched(run(strategy=spec)), watched(run(strategy=spec, wiring="residual"))
    assert ac == residual
    naive = watched(run())
    half = len(naive) // 2
    assert ac[:half] == naive[:half]
    assert all(len(step[1]) > 32 for step in ac[half : half + 5])


def test_an_epoch_shows_every_training_row_once_and_no_other(run):
    made = run()
    rows = {}
    for epoch, batch, _ in watched(made):
        rows.setdefault(epoch, []).extend(batch)
    for epoch, seen in rows.items():
        assert sorted(seen) == sorted(made.split.train[epoch // 2].tolist())
    assert rows[0] != rows[1]  # in another order


def test_another_seed_of_the_data_is_another_order_and_other_images(run):
    a, b = watched(run()), watched(run(seeds=Seeds(data=1)))
    assert [step[1] for step in a] != [step[1] for step in b]
    c = watched(run(seeds=Seeds(init=1, noise=1)))
    assert a == c


# ---------------------------------------------------------------- heads and initial weights


def test_all_heads_are_there_from_the_start_as_wide_as_their_experience(run):
    model = run().model
    assert [tuple(head.weight.shape) for head in model.head] == [(3, 32), (3, 32)]
    assert not any(name.startswith("backbone.head") for name, _ in model.named_parameters())


def test_a_head_depends_on_the_seed_and_its_experience_alone(run):
    heads = run().model.head
    same = [run(wiring="residual"), run(seeds=Seeds(order=1, data=2, noise=3))]
    longer = run(experiences=4)
    for other in (*same, longer):
        for head, other_head in zip(heads, other.model.head, strict=False):
            assert torch.equal(head.weight, other_head.weight)
            assert torch.equal(head.bias, other_head.bias)
    assert not torch.equal(heads[0].weight, heads[1].weight)
    assert not torch.equal(heads[0].weight, run(seeds=Seeds(init=1)).model.head[0].weight)


def test_the_trunk_depends_on_the_seed_of_the_weights_alone(run):
    def trunk(**changes):
        return run(**changes).model.backbone.state_dict()

    assert equal(trunk(), trunk(wiring="residual", seeds=Seeds(order=1, data=2, noise=3)))
    assert not equal(trunk(), trunk(seeds=Seeds(init=1)))


# ---------------------------------------------------------------- nothing else has a say


def test_two_runs_of_one_config_are_identical_whatever_was_drawn_before(measure, config, digits):
    first = measure(strategy=SI)
    torch.manual_seed(99)
    random.seed(99)
    np.random.seed(99)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    second = protocol.measure(Run(config(strategy=SI), [digits], torch.device("cpu")))
    assert figures(first.result) == figures(second.result)
    assert equal(first.weights, second.weights)
    assert equal(first.examples, second.examples)
    # and whoever calls gets the generators back as they were
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), np.random.get_state()[1].tolist())


def test_evaluation_changes_neither_the_model_nor_a_generator(run):
    made = run()
    with preserved_generators():
        made._train(made._stream().train_stream[0])
        made.model.backbone.blocks[0].eval()
        weights = {k: v.clone() for k, v in made.model.state_dict().items()}
        before = [m.training for m in made.model.modules()]
        states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
        made.evaluation.correct(0, made.split.test, test=True)
        list(made.evaluation.under_noise(0))
        assert equal(weights, made.model.state_dict())
        assert before == [m.training for m in made.model.modules()]
        assert torch.equal(states[0], torch.get_rng_state())
        assert states[1:] == (random.getstate(), np.random.get_state()[1].tolist())
        assert all(
            p.grad is None or p.grad.is_inference() is False for p in made.model.parameters()
        )


def test_results_do_not_depend_on_the_slice_that_is_evaluated_at_once(
    measure, config, digits, monkeypatch
):
    whole = measure()
    monkeypatch.setattr(correctness, "SLICE", 7)
    sliced = protocol.measure(Run(config(), [digits], torch.device("cpu")))
    assert figures(whole.result) == figures(sliced.result)
    assert equal(whole.examples, sliced.examples)


def test_results_do_not_depend_on_the_order_of_the_test_rows(run):
    made = run()
    shuffle = torch.randperm(120, generator=torch.Generator().manual_seed(0))
    plain, noisy = (
        made.evaluation.correct(1, made.split.test, test=True),
        list(made.evaluation.under_noise(1)),
    )
    made.split.test[0] = made.split.test[0][shuffle]
    again = made.evaluation.correct(1, made.split.test, test=True)
    assert torch.equal(again[0].depths, plain[0].depths[:, shuffle])
    for (key, right), (other, shuffled) in zip(noisy, made.evaluation.under_noise(1), strict=True):
        assert key == other
        assert torch.equal(shuffled[0].depths, right[0].depths[:, shuffle])


# ---------------------------------------------------------------- the matrices


def test_with_a_head_each_an_unseen_experience_was_not_measured(measure):
    result = measure().result
    assert result.accuracy[0][1] is None
    assert result.depth_accuracy[0][1] is None
    assert result.initial_accuracy is None
    assert all(0 <= result.accuracy[i][j] <= 1 for i, j in [(0, 0), (1, 0), (1, 1)])


def test_with_one_head_everything_is_measured_always(measure):
    result = measure(heads="one").result
    assert None not in result.accuracy[0] + result.accuracy[1] + result.initial_accuracy
    assert result.accuracy[0][1] < 0.2  # a class that was not trained on is never predicted
    assert len(result.initial_accuracy) == 2


def test_the_last_depth_is_the_accuracy(measure):
    result = measure().result
    for i, j in [(0, 0), (1, 0), (1, 1)]:
        assert len(result.depth_accuracy[i][j]) == 3
        assert result.depth_accuracy[i][j][-1] == result.accuracy[i][j]
        assert result.validation.depth_accuracy[i][j][-1] == result.validation.accuracy[i][j]


def test_noise_is_measured_at_every_level_on_every_experience(measure):
    noise = measure().result.noise
    assert [(n.corruption, n.level) for n in noise] == [
        ("gaussian", 0.1), ("gaussian", 0.4), ("salt_and_pepper", 0.1)
    ]  # fmt: skip
    assert all(n.accuracy[0] == [None, None] and None not in n.accuracy[1] for n in noise)
    every = measure(noise_after="every").result.noise
    assert all(n.accuracy[0][0] is not None for n in every)
    assert [n.accuracy[1] for n in every] == [n.accuracy[1] for n in noise]


def test_the_arms_meet_the_same_noise(run):
    def shown(wiring):
        made, seen = run(wiring=wiring), []
        made.model.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
        list(made.evaluation.under_noise(0))
        return torch.cat(seen)

    ac, residual = shown("ac"), shown("residual")
    assert torch.equal(ac, residual)
    assert ac.min() >= 0
    assert ac.max() <= 1


def test_what_was_right_agrees_with_the_accuracies_of_the_record(measure):
    measured = measure()
    result, examples = measured.result, measured.examples
    ends = np.cumsum([0, *result.test_counts])
    last = examples["test.after1"]
    assert last.shape == (3, ends[-1])
    for j in range(2):
        shares = last[:, ends[j] : ends[j + 1]].double().mean(dim=1)
        assert shares.tolist() == pytest.approx(result.depth_accuracy[1][j])
    assert examples["test.after0"].double().mean().item() == pytest.approx(result.accuracy[0][0])
    for noise in result.noise:
        right = examples[f"test.{noise.corruption}.{noise.level}.after1"]
        assert right[-1, : ends[1]].double().mean().item() == pytest.approx(noise.accuracy[1][0])
    held = examples["validation.after1"][-1].double()
    assert held[: result.validation.counts[0]].mean().item() == pytest.approx(
        result.validation.accuracy[1][0]
    )
    depths = examples["validation.after1"]
    lost = (depths.int() < depths[-1].int()).sum(dim=1).tolist()
    gained = (depths.int() > depths[-1].int()).sum(dim=1).tolist()
    assert result.validation.changes == [list(pair) for pair in zip(lost, gained, strict=True)]
    assert len(examples["test.rows"]) == ends[-1]
    assert len(examples["validation.rows"]) == sum(result.validation.counts)


@pytest.mark.filterwarnings("ignore:No loggers specified")
@pytest.mark.parametrize("heads", ["each", "one"])
def test_the_matrix_is_what_avalanche_counts_itself(run, heads):
    made = run(heads=heads)
    with preserved_generators():
        stream = made._stream()
        for experience in stream.train_stream:
            made._train(experience)
        accuracies = [
            correctness.shares(r.depths)[-1]
            for r in made.evaluation.correct(1, made.split.test, test=True)
        ]
        evaluator = EvaluationPlugin(accuracy_metrics(experience=True, stream=True), loggers=[])
        logged = Naive(
            model=made.model,
            optimizer=torch.optim.SGD(made.model.parameters(), lr=0.1),
            criterion=nn.CrossEntropyLoss(),
            eval_mb_size=50,
            evaluator=evaluator,
        ).eval(stream.test_stream)
    by_experience = [v for k, v in sorted(logged.items()) if k.startswith("Top1_Acc_Exp")]
    (over_stream,) = (v for k, v in logged.items() if k.startswith("Top1_Acc_Stream"))
    assert by_experience == pytest.approx(accuracies)
    assert over_stream == pytest.approx(sum(accuracies) / 2)


def test_joint_has_its_last_row_only_and_sees_every_row(measure):
    result = measure(strategy=JointSpec(name="joint")).result
    assert result.accuracy[0] == [None, None]
    assert None not in result.accuracy[1]
    assert len(result.train_loss) == 1
    assert result.images_seen == measure().result.images_seen


def test_the_rest_of_a_result_is_measured_too(measure, config):
    measured = measure()
    result = measured.result
    assert [len(row) for row in result.train_loss] == [2, 2]
    assert result.images_seen == 2 * 2 * 3 * 108
    assert result.test_counts == [120, 120]
    assert result.validation.counts == [36, 36]
    assert result.seconds.train > 0
    assert result.seconds.evaluate > 0
    assert result.peak_memory > 0
    assert len(result.parameters) == len(result.flops) == 3
    assert result.parameters == sorted(result.parameters)
    assert [g.name for g in measured.guards if not g.passed] == []
    assert "null" not in msgspec.json.encode(result.train_loss).decode()
    weights = measured.weights
    assert (
        sum(w.numel() for name, w in weights.items() if "normalise" not in name)
        == (result.parameters[-1])
    )


def test_progress_only_grows_and_ends_at_one(config, digits):
    shares = []
    protocol.measure(Run(config(epochs=1), [digits], torch.device("cpu"), shares.append))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert 0.8 < shares[-2] <= 1.0  # the estimate of the work is about right


# ---------------------------------------------------------------- what goes wrong, and other networks


def test_a_loss_that_is_no_number_names_experience_and_epoch(measure):
    with pytest.raises(
        DivergedError, match=r"training loss became (nan|inf) in experience 0, epoch \d"
    ):
        measure(learning_rate=1e30)


@pytest.mark.parametrize("strategy", [None, SI], ids=["naive", "si"])
def test_a_network_that_is_not_ours_runs_too_and_has_no_depths(measure, factory, strategy):
    measured = measure(backbone=FactorySpec(factory=factory), strategy=strategy)
    result = measured.result
    assert result.depth_accuracy is None
    assert result.validation.depth_accuracy is None
    assert result.validation.changes is None
    assert len(result.parameters) == len(result.flops) == 1
    assert None not in result.accuracy[1] + result.validation.accuracy[1]
    assert measured.examples["test.after1"].shape == (1, 240)
    assert [g.name for g in measured.guards if not g.passed] == []
