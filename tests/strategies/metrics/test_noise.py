import pytest
import torch
from torch import nn
from torchvision.transforms import Normalize

from acn_bench import metrics
from acn_bench.data.noise import CORRUPTIONS
from acn_bench.strategies import NoiseRobustness, RobustForgetting

LEVELS = {"gaussian": (0.2, 1.0), "salt_and_pepper": (0.5,)}
NOISES = [(name, level) for name in LEVELS for level in LEVELS[name]]
MEAN, STD = (0.2, 0.3, 0.4), (0.5, 0.25, 0.1)

both = pytest.mark.parametrize("task_incremental", [True, False], ids=["a head each", "one head"])


def exp(name, noise, experience, task_incremental):
    number = experience if isinstance(experience, int) else experience.current_experience
    task = number if task_incremental else 0
    return f"{name}_{noise[0]}_{noise[1]}_Exp/eval_phase/test_stream/Task{task:03}/Exp{number:03}"


def stream(name, noise, of="test"):
    return f"{name}_{noise[0]}_{noise[1]}_Stream/eval_phase/{of}_stream"


@pytest.fixture(scope="module")
def trained(run):
    """Makes, once, a trained pipeline with both metrics at the same levels."""
    made = {}

    def make(task_incremental):
        if task_incremental not in made:
            both = NoiseRobustness(LEVELS, seed=5), RobustForgetting(LEVELS, seed=5)
            made[task_incremental] = run(task_incremental, *both)
        return made[task_incremental]

    return make


@both
def test_accuracy_is_that_of_the_network_on_each_rows_own_noise(
    task_incremental, trained, examples
):
    done = trained(task_incremental)
    model = done.strategy.model.eval()
    correct = dict.fromkeys(NOISES, 0)
    total = 0
    for experience in done.test:
        x, y, rows = examples(experience)
        task = experience.task_label
        total += len(y)
        for name, level in NOISES:
            noisy = CORRUPTIONS[name](x, level, 5, rows)
            with torch.no_grad():
                logits = model(noisy, task) if task_incremental else model(noisy)
            right = (logits.argmax(dim=1) == y).sum().item()
            correct[name, level] += right
            value = done.logged[-1][exp("NoisyAcc", (name, level), experience, task_incremental)]
            assert value == pytest.approx(right / len(y))
    for noise in NOISES:
        value = done.logged[-1][stream("NoisyAcc", noise)]
        assert value == pytest.approx(correct[noise] / total)


@both
def test_the_drop_is_clean_less_noisy(task_incremental, trained):
    done = trained(task_incremental)
    last = done.logged[-1]
    for noise in NOISES:
        for j in range(3):
            task = j if task_incremental else 0
            clean = last[f"Top1_Acc_Exp/eval_phase/test_stream/Task{task:03}/Exp{j:03}"]
            noisy = last[exp("NoisyAcc", noise, j, task_incremental)]
            assert last[exp("NoiseDrop", noise, j, task_incremental)] == pytest.approx(
                clean - noisy
            )
    drops = [
        last[exp("NoiseDrop", noise, j, task_incremental)] for noise in NOISES for j in range(3)
    ]
    assert max(map(abs, drops)) > 0.02


@both
def test_forgetting_is_first_less_last_of_the_accuracy_under_noise(task_incremental, trained):
    done = trained(task_incremental)
    for noise in NOISES:
        R = [
            [at[exp("NoisyAcc", noise, j, task_incremental)] for j in range(3)]
            for at in done.logged
        ]
        last = done.logged[-1]
        for j in range(2):
            value = last[exp("RobustForgetting", noise, j, task_incremental)]
            assert value == pytest.approx(R[j][j] - R[2][j])
        value = last[stream("RobustForgetting", noise)]
        assert value == pytest.approx(metrics.forgetting(R))
        assert value > 0.05


@both
def test_nothing_is_forgotten_before_the_second_experience_nor_of_the_last(
    task_incremental, trained
):
    done = trained(task_incremental)
    assert not [name for name in done.logged[0] if name.startswith("RobustForgetting")]
    assert not [name for name in done.logged[-1] if name.startswith("RobustForgetting") and "Exp002" in name]  # fmt: skip


def test_the_noise_of_an_image_depends_on_neither_the_batch_nor_on_what_else_is_evaluated(
    trained, pipeline
):
    done = trained(False)
    model = done.strategy.model
    small = pipeline(False, NoiseRobustness(LEVELS, seed=5), model=model, eval_mb_size=7)
    alone = small.eval(done.test[2:])
    for noise in NOISES:
        name = exp("NoisyAcc", noise, 2, False)
        assert alone[name] == done.logged[-1][name]


def test_another_seed_is_other_noise(trained, pipeline):
    done = trained(False)
    other = pipeline(False, NoiseRobustness(LEVELS, seed=6), model=done.strategy.model)
    again, first = other.eval(done.test), done.logged[-1]
    assert any(
        again[exp("NoisyAcc", n, j, False)] != first[exp("NoisyAcc", n, j, False)]
        for n in NOISES
        for j in range(3)
    )


def test_an_evaluation_that_shuffles_keeps_its_labels(trained, pipeline):
    done = trained(False)
    shuffled = pipeline(False, NoiseRobustness({"gaussian": (0.0,)}), model=done.strategy.model)
    with torch.random.fork_rng():
        last = shuffled.eval(done.test, shuffle=True)
    noise = ("gaussian", 0.0)
    for j in range(3):
        assert last[exp("NoiseDrop", noise, j, False)] == 0
        clean = done.logged[-1][f"Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp{j:03}"]
        assert last[exp("NoisyAcc", noise, j, False)] == clean


def test_noise_acts_before_a_normalisation_that_the_pipeline_made(
    network, pipeline, stream, trained
):
    inside = network(False, mean=MEAN, std=STD)
    outside = network(False, mean=None)
    weights = inside.state_dict()
    outside.load_state_dict({k: v for k, v in weights.items() if not k.startswith("normalise")})
    plain = pipeline(False, NoiseRobustness(LEVELS), model=inside)
    undone = pipeline(False, NoiseRobustness(LEVELS, mean=MEAN, std=STD), model=outside)
    expected = plain.eval(stream(False).test_stream)
    values = undone.eval(stream(False, Normalize(MEAN, STD)).test_stream)
    assert values == pytest.approx(expected)
    assert len(values) > len(NOISES)


def test_images_outside_0_to_1_are_refused_with_what_to_give(pipeline, stream):
    normalised = stream(False, Normalize(MEAN, STD))
    for metric in (NoiseRobustness(), RobustForgetting()):
        with pytest.raises(ValueError, match=rf"{metric}: the images lie in .* give the mean and"):
            pipeline(False, metric).eval(normalised.test_stream)


def test_a_mean_that_the_pipeline_did_not_take_off_is_refused(pipeline, stream):
    metric = NoiseRobustness(mean=MEAN, std=(2.0, 2.0, 2.0))
    with pytest.raises(ValueError, match="once mean and std were undone the images lie in"):
        pipeline(False, metric).eval(stream(False).test_stream)


def test_what_is_no_image_is_refused(pipeline, stream):
    flat = stream(False, nn.Flatten(0))
    model = nn.Linear(3 * 32 * 32, 9)
    with pytest.raises(ValueError, match=r"needs images \(B, C, H, W\)"):
        pipeline(False, NoiseRobustness(), model=model).eval(flat.test_stream)


def test_forgetting_keeps_streams_apart(pipeline, stream):
    levels = {"gaussian": (0.2,)}
    learner, digits = pipeline(False, RobustForgetting(levels)), stream(False)
    noisy = pipeline(False, NoiseRobustness(levels), model=learner.model)
    accuracy = {}
    for i, experience in enumerate(digits.train_stream[:2]):
        learner.train(experience)
        for name, part in (("train", digits.train_stream), ("test", digits.test_stream)):
            last = learner.eval(part)
            value = noisy.eval(part)[f"NoisyAcc_gaussian_0.2_Exp/eval_phase/{name}_stream/Task000/Exp000"]  # fmt: skip
            accuracy[name, i] = value
    for name in ("train", "test"):
        expected = accuracy[name, 0] - accuracy[name, 1]
        assert last[stream_name(name)] == pytest.approx(expected)
    assert accuracy["train", 0] != accuracy["test", 0]


def stream_name(of):
    return stream("RobustForgetting", ("gaussian", 0.2), of)


@pytest.mark.parametrize("metric", [NoiseRobustness, RobustForgetting])
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"levels": {"gausian": (0.1,)}}, LookupError, "no corruption 'gausian'.*gaussian"),
        ({"levels": {"salt_and_pepper": (1.5,)}}, ValueError, r"1\.5: it must lie in \[0, 1\]"),
        ({"mean": (0.5,)}, ValueError, "mean .* and std None must be given for the same channels"),
        ({"mean": (0.5,), "std": (0.5, 0.5)}, ValueError, "for the same channels"),
        ({"mean": (0.5,), "std": (0.0,)}, ValueError, "std must be above 0"),
    ],
)
def test_what_cannot_be_is_refused_when_the_metric_is_made(metric, arguments, error, words):
    with pytest.raises(error, match=f"{words}"):
        metric(**arguments)
