"""What Avalanche's own EvaluationPlugin prints of a run, beside what the record's matrix says of the same networks."""

import pytest
from avalanche.evaluation.metrics import accuracy_metrics, bwt_metrics, forgetting_metrics
from avalanche.logging import BaseLogger
from avalanche.training.plugins import EvaluationPlugin

from acn_bench import metrics
from acn_bench.strategies import learner
from acn_bench.strategies.replay import ReplaySpec

T = 4
SHORT = 31  # test examples that experience 1 is left with, so that means over examples and experiences differ


@pytest.fixture(scope="module", params=["one", "each"])
def measured(request, run):
    """Ours, and for each experience learned what Avalanche printed: one stream, evaluated once."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield _measured(request.param, run, monkeypatch)


def _measured(heads, run, monkeypatch):
    monkeypatch.setattr(
        learner,
        "_silent_evaluator",
        lambda: EvaluationPlugin(
            accuracy_metrics(experience=True, stream=True),
            forgetting_metrics(experience=True, stream=True),
            bwt_metrics(stream=True),
            loggers=[BaseLogger()],  # one that says nothing; without any, Avalanche warns
        ),
    )
    made = run(
        strategy=ReplaySpec(name="replay", memory=300, memory_batch_size=64),
        heads=heads, experiences=T, epochs=1, noise={},
    )  # fmt: skip
    made.split.test[1] = made.split.test[1][:SHORT]
    printed, build, train = [], made._stream, made._train

    def stream():
        made.stream = build()
        return made.stream

    def train_and_print(experience):
        train(experience)
        printed.append(dict(made.learner.eval(made.stream.test_stream, num_workers=0)))

    monkeypatch.setattr(made, "_stream", stream)
    monkeypatch.setattr(made, "_train", train_and_print)
    return made.measure().result, printed


def of(printed, metric, experience=None):
    """The value printed under a metric's name; of a stream with task labels, a list over tasks."""
    end = "" if experience is None else f"/Exp{experience:03}"
    values = [v for k, v in printed.items() if k.startswith(f"{metric}/") and k.endswith(end)]
    return values if experience is None else values[0]


def test_our_matrix_is_what_avalanche_prints_count_for_count(measured):
    result, printed = measured
    R, counts = result.accuracy, result.test_counts
    assert counts == [120, SHORT, 120, 120]

    for i, now in enumerate(printed):
        for j in range(i + 1):
            counted = of(now, "Top1_Acc_Exp", j) * counts[j]
            assert round(R[i][j] * counts[j]) == pytest.approx(counted)
            if j < i:
                lost = of(now, "ExperienceForgetting", j) * counts[j]
                assert round((R[j][j] - R[i][j]) * counts[j]) == pytest.approx(lost, abs=1e-6)


def test_first_last_forgetting_and_backward_transfer_are_avalanches(measured):
    result, printed = measured
    R = result.accuracy

    # the run has backward transfer: the definitions differ, so that only one can be Avalanche's
    first_last, chaudhry, best = (
        metrics.forgetting(R, k) for k in ("first_last", "chaudhry", "max")
    )
    assert first_last < chaudhry <= best
    (forgetting,), (transfer,) = (of(printed[-1], f"Stream{m}") for m in ("Forgetting", "BWT"))
    assert first_last == pytest.approx(forgetting, abs=1e-9)
    assert metrics.backward_transfer(R) == pytest.approx(transfer, abs=1e-9)


def test_stream_accuracy_is_avalanches_and_average_accuracy_is_not(measured):
    result, printed = measured
    counts = result.test_counts
    accuracy = metrics.stream_accuracy(result.accuracy, counts)
    by_task = of(printed[-1], "Top1_Acc_Stream")
    sizes = [sum(counts)] if len(by_task) == 1 else counts  # with task labels, one a task

    counted = sum(a * n for a, n in zip(by_task, sizes, strict=True))
    assert round(accuracy * sum(counts)) == pytest.approx(counted)
    assert metrics.average_accuracy(result.accuracy) != pytest.approx(accuracy, abs=1e-4)
