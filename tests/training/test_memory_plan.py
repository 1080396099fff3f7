"""The plan on paper: counted by hand for a small network, and equal to what a real training allocates."""

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from acn_bench.backbones import build
from acn_bench.training.memory_plan import PaperTraining, plan
from acn_bench.training.recipe import Recipe
from acn_bench.training.trainer import Batch, Trainer

RECIPE = Recipe(epochs=1, batch_size=8, learning_rate=0.1)
VIT = {"image_size": 32, "patch_size": 4, "width": 192, "heads": 4, "depth": 4}
# in a process whose large tensors are each their own mapping: an allocator's gaps are no part of a plan
REAL = """
import gc
from torch import nn
from acn_bench.backbones import build
from acn_bench.evaluation import cost

class Images:
    def __init__(self, rows):
        self.rows = rows
    def batch(self, rows, epoch):
        return Batch(torch.rand(len(rows), 3, 32, 32), torch.zeros_like(rows), len(rows))
    def loss(self, model, batch, step, total_steps):
        return nn.functional.cross_entropy(model(batch.inputs), batch.targets, reduction="sum")

def step(count, steps, **sizes):
    recipe = Recipe(epochs=1, batch_size=count, learning_rate=1e-3, ema_decay=0.9)
    model = build("ac_vit", 10, **sizes)
    Trainer(model, Images(count * steps), recipe, seed=0, device=torch.device("cpu")).fit()

step(2, 2, **vit | {"width": 8, "depth": 1})  # what libraries take once
gc.collect()
cost.reset_peak_memory(torch.device("cpu"))
status = open("/proc/self/status").read().split("VmRSS:")[1]
before = int(status.split()[0]) * 1024
step(32, 2, **vit)
open(out, "w").write(str(cost.peak_memory(torch.device("cpu")) - before))
"""


def of_linear(recipe=RECIPE, **options):
    return plan(
        lambda: nn.Linear(100, 10, bias=False), lambda: torch.rand(8, 100),
        lambda model, x: model(x).sum(), recipe, images=8, **options,
    )  # fmt: skip


def test_a_linear_map_is_counted_by_hand():
    made = of_linear()
    assert (made.parameters, made.weights, made.gradients) == (1000, 4000, 4000)
    assert made.optimizer == 8000
    # the inputs, the loss and its gradient: the sum needs no outputs, and nobody the gradient of the inputs
    assert made.activations == 4 * (8 * 100 + 2)
    assert made.step_flops == 2 * 2 * 8 * 100 * 10  # forward, and the gradient of the weights
    assert made.epoch_flops(80) == 10 * made.step_flops
    assert made.communication == 0


def test_optimizers_and_averages_take_their_copies():
    sgd = Recipe(epochs=1, batch_size=8, learning_rate=0.1, optimizer="sgd", ema_decay=0.9)
    assert of_linear(sgd).optimizer == 4000
    assert of_linear(sgd).weights == 8000
    plain = Recipe(epochs=1, batch_size=8, learning_rate=0.1, optimizer="sgd", momentum=0.0)
    assert of_linear(plain).optimizer == 0


def test_ddp_sends_each_gradient_twice_and_fsdp_everything_thrice():
    ddp = of_linear(processes=4)
    assert ddp.communication == 2 * 4000 * 3 // 4
    assert ddp.optimizer == 8000
    fsdp = of_linear(
        Recipe(epochs=1, batch_size=8, learning_rate=0.1, wrapping="fsdp"), processes=4
    )
    assert fsdp.communication == 3 * 4000 * 3 // 4
    assert fsdp.optimizer == 2000


def test_a_billion_parameters_are_planned_in_seconds_and_without_their_memory():
    vit = {"image_size": 224, "patch_size": 14, "width": 1664, "heads": 16, "depth": 32}

    def images():
        return torch.rand(4, 3, 224, 224)

    def loss(model, x):
        return model(x).sum()

    sharded = Recipe(epochs=1, batch_size=8, learning_rate=0.1, wrapping="fsdp")
    made = plan(lambda: build("ac_vit", 1000, **vit), images, loss, sharded, images=4, processes=8)
    assert made.parameters > 1e9
    assert made.optimizer == made.parameters  # 8 bytes over 8 processes
    assert made.parameters / 2 < made.weights < made.parameters
    assert made.activations > 4 * made.images * 32 * 256 * 1664  # a hidden state a block


class Images:
    """Images without content, for the trainer."""

    def __init__(self, rows):
        self.rows = rows

    def batch(self, rows, epoch):
        return Batch(torch.zeros(len(rows), 3, 32, 32), torch.zeros_like(rows), len(rows))

    def loss(self, model, batch, step, total_steps):
        return nn.functional.cross_entropy(model(batch.inputs), batch.targets, reduction="sum")


def allocated(make, recipe):
    """Bytes of tensors at the peak of two real steps; an allocator's gaps are not among them."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        task = Images(2 * recipe.batch_size)
        Trainer(make(), task, recipe, seed=0, device=torch.device("cpu")).fit()
    now = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return peak


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ac_vit", {"ema_decay": 0.9}),
        ("ac_vit", {"micro_batch": 2, "clip_norm": 1.0}),
        ("residual_mixer", {"optimizer": "sgd"}),
    ],
)
def test_the_plan_is_what_a_real_training_allocates(name, options):
    recipe = Recipe(epochs=1, batch_size=8, learning_rate=1e-3, **options)
    sizes = {"image_size": 32, "patch_size": 8, "width": 96, "depth": 2}

    def make():
        return build(name, 10, **sizes)

    def batch(count):
        return torch.zeros(count, 3, 32, 32), torch.zeros(count, dtype=torch.int64)

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    planned = PaperTraining(make, batch, loss, recipe, rows=16).plan("ddp", 1)
    assert planned.images == (recipe.micro_batch or 8)
    assert allocated(make, recipe) == pytest.approx(planned.total, rel=0.02)


def test_the_plan_is_within_a_tenth_of_a_real_run(in_processes, tmp_path):
    def images():
        return torch.rand(32, 3, 32, 32), torch.zeros(32, dtype=torch.int64)

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    recipe = Recipe(epochs=1, batch_size=32, learning_rate=1e-3, ema_decay=0.9)
    planned = plan(lambda: build("ac_vit", 10, **VIT), images, loss, recipe, images=32).total
    assert planned > 1e8  # far above what a process takes besides
    out = tmp_path / "bytes"
    program = f"import ctypes; ctypes.CDLL(None).mallopt(-3, 65536)\n{REAL}"  # M_MMAP_THRESHOLD
    assert in_processes(program, vit=VIT, out=str(out)) == [0]
    assert int(out.read_text()) == pytest.approx(planned, rel=0.1)
