"""`run --devices N --dry-run`: what trainings on many devices take, by arithmetic."""

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from acn_bench import catalog
from acn_bench.cli import app
from acn_bench.execution import paper
from acn_bench.execution.paper_summary import print_paper
from acn_bench.plan import Choices, unresolved
from acn_bench.training.memory_plan import MemoryPlan

CARD = catalog.benchmark("imagenet")


def planned(root, *settings, devices=8, speed=100.0, backbones=("ac_mixer",), **choices):
    chosen = Choices(quick=True, settings=settings, backbones=backbones, **choices)
    wanted = paper.Wanted(devices, speed, Path(root), "cpu")
    return paper.plan(wanted, unresolved(CARD, chosen))


def printed(plan):
    console = Console(width=120)
    with console.capture() as capture:
        print_paper(plan, console)
    return capture.get()


def test_imagenet_is_planned_without_its_files(tmp_path):
    made = planned(tmp_path, "validation=0.01", "epochs=2", seeds=(0, 1))
    (run,) = made.runs  # one for all seeds
    assert made.data[0].counts == (1_281_167, 50_000)
    assert run.rows == 1_281_167 - 13 * 167 - 13 * 833  # of 1,282 or 1,281 rows of a class
    assert run.hours(8) == pytest.approx(2 * run.rows / (100 * 8) / 3600)
    ddp, fsdp = run.plans["ddp"], run.plans["fsdp"]
    assert ddp.images == 8  # of 64 a step
    assert ddp.weights == ddp.parameters * 4
    assert fsdp.optimizer == ddp.optimizer // 8
    text = printed(made)
    assert "no files here: the sizes of the original set" in text
    assert "2 epochs of 1,268,167 rows, 19,816 steps of 64 each; 8 devices, 8 images a pass" in text
    assert f"{ddp.parameters:,} parameters" in text


def test_real_files_are_counted_where_they_are(tmp_path):
    made = planned(tmp_path, data="digits100")
    assert made.data[0].counts == (12_000, 4_000)
    assert made.runs[0].rows == 10_800
    assert "no files here" not in printed(made)


def test_photographs_that_wait_for_their_step_count(tmp_path):
    sizes = ("benchmark.image_size=32", "resized=32", "classes=100")
    files, memory = (planned(tmp_path, *sizes, data=d).runs[0] for d in (None, "digits100"))
    waiting = 2 * 8 * (3 * 32 * 32 * 4 + 8)  # two batches of 8 images and labels
    assert files.plans["ddp"].activations - memory.plans["ddp"].activations == waiting


def test_a_wrapping_that_cannot_train_says_why(tmp_path):
    (run,) = planned(tmp_path, data="digits100", backbones=("ac_mixer+layerdrop",)).runs
    assert isinstance(run.plans["ddp"], MemoryPlan)
    assert run.plans["fsdp"].startswith("wrapping=fsdp needs a gradient of every parameter")
    assert "use wrapping=ddp" in printed(paper.PaperPlan(8, [], "", [run]))


def test_a_network_too_large_for_this_machine_is_planned_and_not_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "TIMED_FLOPS", 1.0)
    made = planned(tmp_path, speed=None, data="digits100")
    assert made.runs[0].speed is None
    assert made.runs[0].hours(8) is None
    assert "too large to be timed here: --speed gives its hours" in printed(made)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["imagenet", "--devices", "8"], "add --dry-run"),
        (["split_cifar100", "--data", "digits100", "--devices", "8", "--dry-run"], "no plan on paper; kinds with one: supervised"),
    ],
)  # fmt: skip
def test_devices_without_a_plan_on_paper_are_refused(words, message):
    result = CliRunner().invoke(app, ["run", *words])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
