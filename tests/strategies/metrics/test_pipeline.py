"""The three together, in pipelines as people have them."""

import io
import random
from math import isnan

import numpy as np
import pytest
import torch
from avalanche.benchmarks import benchmark_from_datasets, split_online_stream
from avalanche.benchmarks.utils import as_classification_dataset
from avalanche.logging import CSVLogger, InteractiveLogger, TensorboardLogger, TextLogger
from avalanche.training.supervised import JointTraining, LwF, Replay
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from acn_bench.strategies import NoiseRobustness, RobustForgetting, UtilisedDepth

NAMES = ("UtilisedDepth", "NoisyAcc", "NoiseDrop", "RobustForgetting")
LEVELS = {"gaussian": (0.2,)}

both = pytest.mark.parametrize("task_incremental", [True, False], ids=["a head each", "one head"])


def three():
    return UtilisedDepth(), NoiseRobustness(LEVELS), RobustForgetting(LEVELS)


def package_values(logged):
    return {name: value for name, value in logged.items() if name.startswith(NAMES)}


def generators():
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@both
def test_an_evaluation_changes_neither_weights_nor_generators(task_incremental, pipeline, stream):
    learner, digits = pipeline(task_incremental, *three()), stream(task_incremental)
    learner.train(digits.train_stream[0])
    learner.eval(digits.test_stream)  # Avalanche itself makes the heads
    metrics = learner.evaluator.metrics
    after = []
    for chosen in (metrics, metrics[:2]):
        learner.evaluator.metrics = chosen
        torch.manual_seed(3)
        before = state(learner.model)
        learner.eval(digits.test_stream)
        now = state(learner.model)
        assert all(torch.equal(before[name], now[name]) for name in before)
        after.append(generators())
    assert after[0] == after[1]


def test_a_whole_run_comes_out_the_same_without_the_metrics(run):
    done, after = [], []
    for metrics in (three(), ()):
        torch.manual_seed(1)
        done.append(run(True, *metrics, experiences=2))
        after.append(generators())
    with_them, without = (d.strategy.model.state_dict() for d in done)
    assert all(torch.equal(with_them[name], without[name]) for name in without)
    assert after[0] == after[1]
    assert done[0].logged[-1].items() >= done[1].logged[-1].items()


def test_a_network_that_draws_in_evaluation_leaves_the_generators_too(pipeline, stream):
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3 * 32 * 32, 9)

        def forward(self, x):
            return self.forward_depths(x)[-1]

        def forward_depths(self, x):
            return self.layer(x.flatten(1) + torch.rand(1)).expand(2, -1, -1)

    after = []
    for metrics in (three(), ()):
        learner = pipeline(False, *metrics, model=Noisy())
        torch.manual_seed(3)
        learner.eval(stream(False).test_stream)
        after.append(generators())
    assert after[0] == after[1]


def test_every_logger_gets_every_value(run, tmp_path, capsys):
    text = io.StringIO()
    loggers = [
        InteractiveLogger(),
        TextLogger(text),
        TensorboardLogger(tmp_path / "board"),
        CSVLogger(tmp_path / "csv"),
    ]
    done = run(True, *three(), experiences=2, loggers=loggers)
    values = package_values(done.logged[-1])
    assert {name.split("_")[0] for name in values} == set(NAMES)
    loggers[2].writer.flush()
    board = EventAccumulator(str(tmp_path / "board")).Reload()
    printed = capsys.readouterr().out
    curves = done.strategy.evaluator.get_all_metrics()
    for name, value in values.items():
        line = f"\t{name} = {value}" if isinstance(value, int) else f"\t{name} = {value:.4f}"
        assert line in text.getvalue()
        assert line in printed
        events = board.Scalars(name)
        assert [e.step for e in events] == curves[name][0]
        assert [e.value for e in events] == pytest.approx(curves[name][1], nan_ok=True)
    loggers[3].close()


def test_the_csv_logger_keeps_its_accuracies(run, tmp_path):
    # it knows accuracy, loss and Avalanche's forgetting by name, and takes nothing else
    written = []
    for metrics in (three(), ()):
        folder = tmp_path / str(len(written))
        logger = CSVLogger(folder)
        torch.manual_seed(1)
        run(False, *metrics, experiences=1, loggers=[logger])
        logger.close()
        written.append((folder / "eval_results.csv").read_text())
    assert written[0] == written[1]
    assert len(written[0].splitlines()) == 4


@pytest.mark.parametrize("strategy", [Replay, LwF], ids=lambda s: s.__name__)
@both
def test_other_strategies_log_them_too(strategy, task_incremental, run):
    more = {"mem_size": 20} if strategy is Replay else {"alpha": 1.0, "temperature": 2.0}
    done = run(task_incremental, *three(), experiences=2, strategy=strategy, **more)
    assert {name.split("_")[0] for name in package_values(done.logged[-1])} == set(NAMES)


def test_joint_training_has_learned_every_class_and_forgets_nothing(pipeline, stream):
    learner, digits = pipeline(True, *three(), strategy=JointTraining, train_epochs=4), stream(True)
    learner.train(digits.train_stream)
    logged = package_values(learner.eval(digits.test_stream))
    assert not [name for name in logged if name.startswith("RobustForgetting")]
    assert not isnan(logged["UtilisedDepth_Exp/eval_phase/test_stream/Task002/Exp002"])


def test_a_benchmark_without_task_labels_logs_them(pipeline, digits):
    train, test = (as_classification_dataset(side) for side in digits())
    halves = benchmark_from_datasets(
        train=[train.subset(range(100)), train.subset(range(100, 200))],
        test=[test.subset(range(100)), test.subset(range(100, 200))],
    )
    learner = pipeline(False, *three())
    for experience in halves.train_stream:
        learner.train(experience)
        logged = package_values(learner.eval(halves.test_stream))
    assert "UtilisedDepth_Exp/eval_phase/test_stream/Exp001" in logged
    assert "RobustForgetting_gaussian_0.2_Exp/eval_phase/test_stream/Exp000" in logged


def test_pieces_of_an_online_stream_count_as_the_experience_they_were_cut_from(pipeline, stream):
    digits, learner = stream(False), pipeline(False, *three(), train_epochs=1)
    for experience in digits.train_stream[:2]:
        for piece in split_online_stream([experience], experience_size=60):
            learner.train(piece)
        logged = package_values(learner.eval(digits.test_stream))
    forgotten = [name for name in logged if name.startswith("RobustForgetting_gaussian_0.2_Exp")]
    assert forgotten == ["RobustForgetting_gaussian_0.2_Exp/eval_phase/test_stream/Task000/Exp000"]


def test_evaluation_in_the_midst_of_training_is_logged_and_changes_nothing(pipeline, stream):
    digits, weights = stream(True), []
    for metrics in (three(), ()):
        learner = pipeline(True, *metrics, eval_every=1)
        torch.manual_seed(1)
        learner.train(digits.train_stream[0], eval_streams=[digits.test_stream[:1]])
        weights.append(state(learner.model))
        if metrics:
            x, _ = learner.evaluator.get_all_metrics()[
                "UtilisedDepth_Stream/eval_phase/test_stream"
            ]
            assert x == sorted(x)
            assert len(x) > 1
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
