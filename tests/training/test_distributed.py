"""Two real gloo processes against one: equal losses and weights, checkpoints of either, rows evaluated once."""

import pytest
import torch

from acn_bench.training.evaluation_rows import evaluate

# both wrappings in the same two processes; the last step of an epoch has 2 rows, and a micro-batch too many
TOGETHER = """
join(rank, 2, port)
from acn_bench.training.evaluation_rows import evaluate

results = {}
for wrapping in ("ddp", "fsdp"):
    for micro in (None, 3):
        results[wrapping, micro] = train(wrapping=wrapping, micro_batch=micro)
    done = train(f"{folder}/{wrapping}", wrapping=wrapping, every=7, keep=9)
    results[wrapping, "again"] = train(f"{folder}/{wrapping}", wrapping=wrapping, every=7, keep=9)
    results[wrapping, "from one"] = train(f"{folder}/one-{wrapping}", wrapping=wrapping)
seen = []
def double(rows):
    seen.append(rows)
    return torch.stack([rows * 2, rows * 0], 1)
results["evaluated"] = evaluate(double, torch.arange(7) + 10, 2, torch.device("cpu"))
results["calls"] = len(seen)
results["rows"] = torch.cat(seen)
torch.save(results, f"{folder}/{rank}")
torch.distributed.destroy_process_group()
"""
STOPPED = """
import os, signal
join(rank, 2, port)
stop = Stop()
def on_step(step):  # of the first process alone
    if step.step == 4:
        os.kill(os.getpid(), signal.SIGTERM)
with stop.on(signal.SIGTERM):
    trainer(folder, every=100, stop=stop, on_step=on_step).fit()
"""
DIVERGED = """
from acn_bench.training.faults import TrainingDiverged
join(rank, 2, port)
try:
    trainer(poisoned=7).fit()
except TrainingDiverged as e:
    raise SystemExit(10 + (7 in e.rows))
"""


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("two")


@pytest.fixture
def one(small_training):
    return small_training.train()


@pytest.fixture
def two(in_processes, small_training, module_folder):
    """What each of two processes returned; they also continue what one process began."""
    if not (module_folder / "0").exists():
        for wrapping in ("ddp", "fsdp"):
            begun = small_training.trainer(module_folder / f"one-{wrapping}", every=7, on_step=stop_at(9))  # fmt: skip
            with pytest.raises(KeyError):
                begun.fit()
        assert in_processes(TOGETHER, 2, folder=str(module_folder)) == [0, 0]
    return [torch.load(module_folder / str(rank), weights_only=False) for rank in range(2)]


def stop_at(last):
    def on_step(step):
        if step.step == last:
            raise KeyError(last)

    return on_step


def close(found, expected):
    found, expected = found["weights"], expected["weights"]
    assert found.keys() == expected.keys()
    return all(torch.allclose(found[k], expected[k], rtol=1e-4, atol=1e-6) for k in expected)


@pytest.mark.parametrize("micro_batch", [None, 3])
@pytest.mark.parametrize("wrapping", ["ddp", "fsdp"])
def test_two_processes_train_as_one_with_the_doubled_batch(two, one, wrapping, micro_batch):
    first, second = (results[wrapping, micro_batch] for results in two)
    assert first["steps"] == pytest.approx(one["steps"], rel=1e-4)
    assert first["output"].losses == pytest.approx(one["output"].losses, rel=1e-5)
    assert first["output"].rows == one["output"].rows == 150
    assert second["steps"] == []  # the first process alone reports
    assert close(first, one)
    assert close(second, one)  # whole in each process, under FSDP too


@pytest.mark.parametrize("wrapping", ["ddp", "fsdp"])
def test_a_checkpoint_of_two_processes_is_read_by_one(two, one, small_training, module_folder, wrapping):  # fmt: skip
    folder = module_folder / wrapping
    assert [p.name for p in sorted(folder.iterdir())] == ["step-000000007", "step-000000012"]
    last = folder / "step-000000012"
    for file in last.iterdir():
        file.write_bytes(file.read_bytes()[:-1])  # so that it resumes in the middle of an epoch
    notes = []
    resumed = small_training.train(folder, every=7, events=notes.append)
    assert notes[-1] == "resumed from its checkpoint at 58 %"
    assert len(resumed["steps"]) == 5
    assert resumed["steps"] == pytest.approx(one["steps"][7:], rel=1e-4)
    assert close(resumed, one)


@pytest.mark.parametrize("wrapping", ["ddp", "fsdp"])
def test_a_checkpoint_of_one_process_is_continued_by_two(two, one, wrapping):
    resumed = two[0][wrapping, "from one"]
    assert resumed["steps"] == pytest.approx(one["steps"][7:], rel=1e-4)
    assert close(resumed, one)
    assert two[0][wrapping, "again"]["steps"] == []  # a finished training is not repeated
    assert close(two[0][wrapping, "again"], one)


def test_two_processes_evaluate_each_row_once(two):
    expected = torch.stack([torch.arange(10, 17) * 2, torch.zeros(7, dtype=torch.int64)], 1)
    for results in two:
        assert torch.equal(results["evaluated"], expected)
    assert two[0]["calls"] == two[1]["calls"] == 2
    seen = torch.cat([results["rows"] for results in two])
    assert set(seen.tolist()) == set(range(10, 17))
    assert len(seen) == 7


def test_one_process_evaluates_in_the_order_of_the_rows():
    rows = torch.tensor([5, 3, 9])
    found = evaluate(lambda part: part.float() / 2, rows, 2, torch.device("cpu"))
    assert found.tolist() == [2.5, 1.5, 4.5]
    with pytest.raises(ValueError, match="no rows"):
        evaluate(lambda part: part, rows[:0], 2, torch.device("cpu"))


def test_sigterm_in_one_process_saves_once_and_ends_both(in_processes, small_training, tmp_path):
    assert in_processes(STOPPED, 2, folder=str(tmp_path)) == [143, 143]
    assert len(list(tmp_path.iterdir())) == 1
    assert len(small_training.train(tmp_path)["steps"]) in (5, 6, 7)


def test_a_loss_that_is_no_number_in_one_process_stops_both_alike(in_processes):
    assert in_processes(DIVERGED, 2) == [11, 11]
