"""A robustness run on a few rows of real digits: what is trained, what is measured, and what it depends on."""

from dataclasses import replace

import msgspec
import pytest
import torch

from acn_bench.analysis.image_outcomes import unpacked
from acn_bench.backbones.patches import STD
from acn_bench.benchmarks.robustness import conditions, cost, evaluation, protocol
from acn_bench.benchmarks.robustness.result import validate
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images, noise
from acn_bench.data.corruptions import corrupt
from acn_bench.evaluation.cost import EVALUATED
from acn_bench.execution import session
from acn_bench.families.mixer import MixerSpec
from acn_bench.run_folder import RunFolder
from acn_bench.spec import FactorySpec

CPU = torch.device("cpu")
PROTOCOL = RobustnessSpec(
    name="tiny", data="digits10", epochs=2, batch_size=32, crop_padding=1, flip=False,
    noise={"gaussian": (0.1, 0.4), "salt_and_pepper": (0.1,)},
    corruptions=("contrast", "impulse_noise"), severities=(1, 5),
)  # fmt: skip
BACKBONE = MixerSpec(
    wiring="ac", depth=2, patch_size=8, width=32, token_width=16, channel_width=64
)  # fmt: skip


@pytest.fixture(scope="module")
def data(few):
    """40 training and 20 test images of each class."""
    return few(images.load("digits10"), 10, 40, 20)


def config(*, wiring="ac", seeds=None, backbone=None, **protocol):
    return RunConfig(
        benchmark=msgspec.structs.replace(PROTOCOL, **protocol),
        strategy=None,
        backbone=backbone or msgspec.structs.replace(BACKBONE, wiring=wiring),
        seeds=seeds or Seeds(),
        fingerprint="",
    )


@pytest.fixture(scope="module")
def measure(data):
    known = {}

    def measured(**changes):
        made = config(**changes)
        if made.run_id not in known:
            known[made.run_id] = protocol.measure(Run(made, [data], CPU))
        return known[made.run_id]

    return measured


# ---------------------------------------------------------------- what is measured


def test_every_condition_has_every_score_at_every_depth(measure):
    result = measure().result
    assert [(s.corruption, s.level) for s in result.noise] == [
        ("gaussian", 0.1), ("gaussian", 0.4), ("salt_and_pepper", 0.1),
    ]  # fmt: skip
    assert [(s.corruption, s.level) for s in result.corruptions] == [
        ("contrast", 1.0), ("contrast", 5.0), ("impulse_noise", 1.0), ("impulse_noise", 5.0),
    ]  # fmt: skip
    for scores in (result.clean, result.validation, *result.noise, *result.corruptions):
        assert [len(getattr(scores, n)) for n in ("accuracy", "nll", "ece", "brier")] == [3] * 4
    assert result.clean.accuracy[-1] > 0.2  # chance level: 0.1
    assert result.noise[1].accuracy[-1] < result.clean.accuracy[-1]
    assert (result.rows.train, result.rows.validation, result.rows.test) == (360, 40, 200)
    assert result.held_out[-1] == result.validation.accuracy[-1]


def test_the_scores_of_a_record_are_of_the_examples_beside_it(measure):
    made = measure()
    result, examples = made.result, made.examples
    assert examples["test.clean"].shape == (3, 200)
    assert examples["test.clean"].float().mean(dim=1).tolist() == pytest.approx(
        result.clean.accuracy
    )
    for scores in (*result.noise, *result.corruptions):
        correct = examples[f"test.{scores.corruption}.{scores.level:g}"]
        assert correct.float().mean().item() == pytest.approx(scores.accuracy[-1])
        assert unpacked(scores.outcomes, 200) == correct[-1].tolist()
    assert unpacked(result.clean.outcomes, 200) == examples["test.clean"][-1].tolist()
    validate(result, PROTOCOL)


def test_a_record_has_the_first_test_image_under_its_conditions_the_same_for_both_arms(
    measure, data
):
    result = measure().result
    validate(result, PROTOCOL)
    assert len(result.example_images) == 1 + PROTOCOL.conditions
    other = measure(wiring="residual").result
    assert other.example_images == result.example_images


def test_the_bins_of_a_diagram_hold_every_prediction_at_full_depth(measure):
    result = measure().result
    assert [bins.severity for bins in result.reliability] == [0, 1, 5]
    assert [sum(bins.count) for bins in result.reliability] == [200, 400, 400]
    clean, _, worst = result.reliability
    assert sum(clean.correct) == round(200 * result.clean.accuracy[-1])
    error = sum(
        abs(right - sure) for right, sure in zip(clean.correct, clean.confidence, strict=True)
    )
    assert error / 200 == pytest.approx(result.clean.ece[-1], abs=1e-6)
    at_5 = [s.accuracy[-1] for s in result.corruptions if s.level == 5]
    assert sum(worst.correct) == round(200 * sum(at_5))


def test_every_guard_passes_and_every_image_is_counted(measure):
    for changes in ({}, {"scheme": "layerskip"}):
        made = measure(**changes)
        assert all(g.passed for g in made.guards), [g for g in made.guards if not g.passed]
        assert made.result.images_seen == 2 * 360


def test_training_stops_where_an_arm_is_matched(measure):
    whole = measure(checks_per_epoch=2).result
    wanted = whole.held_out[0]
    stopped = measure(checks_per_epoch=2, match=wanted).result
    assert stopped.held_out == whole.held_out[:1]
    assert stopped.images_seen < whole.images_seen


def test_a_network_of_a_factory_is_measured_whole(data, factory):
    made = protocol.measure(
        Run(config(backbone=FactorySpec(factory=factory), epochs=1), [data], CPU)
    )
    assert len(made.result.clean.accuracy) == len(made.result.corruptions[0].nll) == 1
    assert made.result.parameters[0] > 0


# ---------------------------------------------------------------- what it depends on


def test_the_same_run_twice_is_the_same_to_the_bit_and_leaves_the_generators_alone(measure, data):
    torch.manual_seed(1234)
    state = torch.random.get_rng_state()
    again = protocol.measure(Run(config(), [data], CPU))
    assert torch.equal(torch.random.get_rng_state(), state)
    same = measure().result
    for name in ("clean", "noise", "corruptions", "reliability", "train_loss"):
        assert getattr(again.result, name) == getattr(same, name)


def test_what_is_measured_depends_neither_on_batches_nor_on_order(data):
    run = protocol.RobustnessRun(Run(config(), [data], CPU))
    every = [*conditions.noise_conditions(run.config), *conditions.common_conditions(run.config)]
    for condition in (None, *every):
        first = run.evaluation.predictions(run.data.test, condition, first=run.data.first_test)
        other = run.evaluation.predictions(
            run.data.test.flip(0), condition, first=run.data.first_test, at_once=7
        )
        torch.testing.assert_close(first.nll, other.nll.flip(1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("at_once", [1, 7, 20])
def test_the_images_under_a_condition_are_the_same_bytes_in_any_batch(data, at_once):
    made = config()
    pixels, rows = data.test_images[:20].float() / 255, torch.arange(20)
    for condition in (*conditions.noise_conditions(made), *conditions.common_conditions(made)):
        together = condition.change(pixels, rows)
        order = torch.randperm(20, generator=torch.Generator().manual_seed(at_once))
        parts = [condition.change(pixels[k], k) for k in order.split(at_once)]
        assert torch.equal(torch.cat(parts), together[order])


def test_test_images_are_corrupted_by_their_row_in_the_test_set(data):
    run = protocol.RobustnessRun(Run(config(seeds=Seeds(noise=3)), [data], CPU))
    inputs = []
    run.model.backbone.stem.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    condition = list(conditions.common_conditions(run.config))[-1]
    run.evaluation.predictions(run.data.test, condition, first=run.data.first_test)
    pixels = data.test_images.float() / 255
    expected = corrupt(pixels, "impulse_noise", 5, "cifar_c", seed=3)
    torch.testing.assert_close(torch.cat(inputs), 2 * expected - 1)  # normalised


def test_both_arms_are_tested_on_the_same_corrupted_images(data):
    pixels, rows = data.test_images[:5].float() / 255, torch.arange(5)
    arms = [config(wiring=w) for w in ("ac", "residual")]
    for ac, residual in zip(*map(conditions.noise_conditions, arms), strict=True):
        assert torch.equal(ac.change(pixels, rows), residual.change(pixels, rows))


@pytest.mark.gpu
def test_a_gpu_makes_the_same_corrupted_images(data):
    pixels, rows = data.test_images[:20].float() / 255, torch.arange(20)
    made = config()
    for condition in (*conditions.noise_conditions(made), *conditions.common_conditions(made)):
        there = condition.change(pixels.cuda(), rows.cuda()).cpu()
        assert torch.equal(there, condition.change(pixels, rows))


# ---------------------------------------------------------------- noise as others add it


def noisy(**options):
    (condition,) = conditions.noise_conditions(config(**options))
    pixels = torch.linspace(0, 1, 2 * 3 * 64).view(2, 3, 8, 8)
    return pixels, condition.change(pixels, torch.arange(2))


def test_the_default_noise_is_that_of_the_function():
    pixels, made = noisy(noise={"gaussian": (0.2,)})
    assert torch.equal(made, noise.gaussian(pixels, 0.2))
    pixels, made = noisy(noise={"salt_and_pepper": (0.2,)})
    assert torch.equal(made, noise.salt_and_pepper(pixels, 0.2))


def test_noise_after_normalisation_is_that_much_in_normalised_pixels():
    pixels, made = noisy(
        noise={"gaussian": (0.3,)}, noise_after_normalisation=True, noise_clip=False
    )
    normalised = (made - 0.5) / STD[0] - (pixels - 0.5) / STD[0]
    expected = noise.gaussian(torch.full_like(pixels, 0.5), 0.3, clip=False) - 0.5
    torch.testing.assert_close(normalised, expected)


def test_quantised_noise_lies_in_steps_of_8_bits():
    _, made = noisy(noise={"gaussian": (0.2,)}, noise_quantise=True)
    torch.testing.assert_close(made * 255, (made * 255).round())
    _, plain = noisy(noise={"gaussian": (0.2,)})
    assert 0 < (plain - made).max() <= 1 / 255 + 1e-6
    assert (plain - made).min() >= -1e-6  # truncated, not rounded


# ---------------------------------------------------------------- the plan


def test_a_plan_counts_every_image_that_is_trained_on_and_measured(data):
    made = cost.cost(config(), [data])
    trained, held_out, test = 2 * 360, 40, 200
    measured = 2 * held_out + held_out + (1 + 3 + 4) * test
    assert made.images == pytest.approx(trained + EVALUATED * measured)
    assert made.corrupting > 0
    quiet = cost.cost(config(noise={}, corruptions=()), [data])
    assert quiet.images == pytest.approx(made.images - EVALUATED * 7 * test)
    assert quiet.corrupting == 0


def test_runs_that_corrupt_images_share_the_cores(data, monkeypatch, tmp_path):
    monkeypatch.setattr("acn_bench.cores.cores", lambda: 4)
    assert session._default_jobs([config()], [data], ("cpu",), RunFolder(tmp_path), 1) == 4


def test_progress_ends_near_the_estimate(data):
    shares = []
    run = protocol.RobustnessRun(Run(config(), [data], CPU, progress=shares.append))
    run.measure()
    assert shares[-1] == 1
    assert shares == sorted(shares)
    # the estimate leaves out the repeated measurement of held-out rows alone
    assert run.progress.done == pytest.approx(run.progress.total + EVALUATED * 2 * 3 * 40)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 32, 28)])
def test_images_that_a_corruption_cannot_take_are_refused_before_training(data, shape):
    other = replace(data, train_images=torch.zeros(400, *shape, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"corruption contrast: images are \(1, .* must be"):
        cost.check(config(), [other])
    cost.check(config(corruptions=()), [other])


def test_scores_are_rounded_to_a_short_record():
    assert evaluation._rounded([0.123456789, -1e-9]) == [0.123457, 0.0]
