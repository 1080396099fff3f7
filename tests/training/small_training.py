"""A network of 200 weights and 50 rows, for the trainer; tests run this file in processes of their own, too."""

import os
from pathlib import Path

import torch
from torch import nn

from acn_bench.training.checkpoints import Checkpoints
from acn_bench.training.recipe import Recipe
from acn_bench.training.stopping import Stop
from acn_bench.training.trainer import Batch, Trainer

ROWS = 50
RECIPE = {
    "epochs": 3, "batch_size": 16, "learning_rate": 0.01, "weight_decay": 0.1, "warmup_steps": 3,
    "schedule": "cosine", "clip_norm": 1.0, "ema_decay": 0.9,
}  # fmt: skip


class Task:
    """Two classes; the items of row r weigh 1 + r mod 3, as if it had that many masked tokens."""

    rows = ROWS

    def __init__(self, poisoned=None):
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(ROWS, 8, generator=generator)
        self.y = (self.x.sum(1) > 0).long()
        self.weights = 1.0 + torch.arange(ROWS) % 3
        if poisoned is not None:
            self.x[poisoned] = float("nan")

    def batch(self, rows, epoch):
        return Batch(
            self.x[rows], (self.y[rows], self.weights[rows]), float(self.weights[rows].sum())
        )

    def loss(self, model, batch, step, total_steps):
        labels, weights = batch.targets
        losses = nn.functional.cross_entropy(model(batch.inputs), labels, reduction="none")
        return (losses * weights).sum()


class Network(nn.Module):
    """Blocks that FSDP shards one by one, and a buffer."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.stem = nn.Linear(8, 10)
        self.blocks = nn.ModuleList(nn.Linear(10, 10) for _ in range(2))
        self.dropout, self.norm, self.head = nn.Dropout(dropout), nn.LayerNorm(10), nn.Linear(10, 2)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + self.dropout(block(x).relu())
        return self.head(self.norm(x * self.scale))


def trainer(folder=None, *, dropout=0.0, poisoned=None, every=5, keep=2, stop=None, events=None,
            on_step=None, model=None, seed=3, **changes):  # fmt: skip
    torch.manual_seed(0)
    checkpoints = None
    if folder is not None:
        checkpoints = Checkpoints(Path(folder), every_steps=every, every_seconds=None, keep=keep)
    return Trainer(
        model or Network(dropout), Task(poisoned), Recipe(**RECIPE | changes), seed=seed,
        device=torch.device("cpu"), checkpoints=checkpoints, stop=stop or Stop(),
        events=events or (lambda _: None), on_step=on_step or (lambda _: None),
    )  # fmt: skip


def train(folder=None, **options):
    """Losses of steps and epochs, and all weights, trained and averaged."""
    losses = []
    made = trainer(folder, on_step=lambda step: losses.append(step.loss), **options)
    output = made.fit()
    trained = {f"trained.{k}": v.clone() for k, v in made.model.state_dict().items()}
    averaged = {f"averaged.{k}": v.clone() for k, v in made.averaged.state_dict().items()}
    return {"steps": losses, "output": output, "weights": averaged, "trained": trained}


def join(rank, size, port):
    """Join the processes of a training, as torchrun would have it."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank),
                   "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}  # fmt: skip
    torch.distributed.init_process_group("gloo")
