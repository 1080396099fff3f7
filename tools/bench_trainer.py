"""Compare speeds: a step through the trainer with a plain loop of the same network; epochs of small images with
those of other loaders; two processes with one.

python tools/bench_trainer.py [--repetitions 5] [--out reports/<date>-speed]

Steps and epochs are timed by the processor, processes by the clock: what they wait for each other is part of it.
"""

import argparse
import multiprocessing
import os
import socket
import warnings
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import bench_images
import torch
from stopwatch import Side, Timed, alternate, save, table
from torch import Tensor, nn

from acn_bench.backbones import build
from acn_bench.benchmarks.supervised.images import RunImages
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.benchmarks.supervised.task import ImageTask
from acn_bench.data import images
from acn_bench.execution import local
from acn_bench.training.recipe import Recipe
from acn_bench.training.trainer import Batch, Trainer

BATCH = 32
STEPS = 4  # of a repetition
CLASSES = 10
SIZES = {
    "residual_vit": {"image_size": 32, "patch_size": 4, "width": 128, "heads": 4, "depth": 3},
    "ac_mixer": {"image_size": 32, "patch_size": 4, "width": 128, "token_width": 64,
                 "channel_width": 512, "depth": 4},
}  # fmt: skip
CPU = torch.device("cpu")


class Task:
    """Random images, gathered by row."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.images = torch.rand(rows, 3, 32, 32)
        self.labels = torch.randint(CLASSES, (rows,))

    def batch(self, rows: Tensor, epoch: int) -> Batch:
        return Batch(self.images[rows], self.labels[rows], len(rows))

    def loss(self, model: nn.Module, batch: Batch, step: int, total_steps: int) -> Tensor:
        logits = model(batch.inputs)
        return nn.functional.cross_entropy(logits, batch.targets, reduction="sum")


def recipe(batch_size: int = BATCH) -> Recipe:
    """Nothing that the plain loop does not do."""
    return Recipe(epochs=1, batch_size=batch_size, learning_rate=1e-4)


def plain(model: nn.Module, task: Task) -> Timed:
    """Forward, backward, AdamW, and nothing else."""

    def run() -> int:
        model.train()
        optimizer = torch.optim.AdamW(model.parameters(), 1e-4, weight_decay=0.0, fused=True)
        for rows in torch.randperm(task.rows).split(BATCH):
            images, labels = task.images[rows], task.labels[rows]
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
        return task.rows

    return run


def trained(model: nn.Module, task: Task) -> Timed:
    """The same steps through the trainer, which is made anew: its making is part of the time."""

    def run() -> int:
        Trainer(model, task, recipe(), seed=0, device=CPU).fit()
        return task.rows

    return run


def side() -> dict[str, Timed]:
    """The timed pieces of work, by name."""
    task, works = Task(BATCH * STEPS), {}
    for name, sizes in SIZES.items():
        model = build(name, CLASSES, **sizes)
        works |= {f"{name} plain": plain(model, task), f"{name} trainer": trained(model, task)}
    return works


# ---------------------------------------------------------------- epochs of small images

SMALL_MIXER = {"image_size": 32, "patch_size": 8, "width": 32, "token_width": 16, "channel_width": 64, "depth": 2}  # fmt: skip
LOADERS: dict[str, tuple[Any, Any]] = {
    "torchvision's DataLoader": (bench_images.torchvision_loader, []),
    "timm's loader": (bench_images.timm_loader, None),
    "Avalanche's loader": (bench_images.avalanche_loader, []),
}


def of_loader(name: str) -> dict[str, Timed]:
    """An epoch of a small Mixer in a plain loop over another loader: crop and flip."""
    model, (loader, policy) = build("ac_mixer", 100, **SMALL_MIXER), LOADERS[name]
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

    def run() -> int:
        model.train()
        count = 0
        for pixels, labels, *_ in loader(policy):
            nn.functional.cross_entropy(model(pixels), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
            count += len(labels)
        return count

    return {"epoch": run}


def of_trainer() -> dict[str, Timed]:
    """The same epoch through the trainer and the task of the card `cifar10`."""
    data, rows = images.load("digits100"), torch.arange(bench_images.SMALL)
    spec = SupervisedSpec(name="bench", data="digits100", flip=True)
    task = ImageTask(RunImages(data, spec, 0, CPU), rows, data.train_labels[rows], spec, 100)
    model = build("ac_mixer", 100, **SMALL_MIXER)

    def run() -> int:
        Trainer(model, task, recipe(bench_images.BATCH), seed=0, device=CPU).fit()
        return task.rows

    return {"epoch": run}


# ---------------------------------------------------------------- one and two processes


def together(count: int, repetitions: int) -> list[float]:
    """Images per second of that many processes with BATCH images a step each."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    started = [
        context.Process(target=_rank, args=(rank, count, port, repetitions, results))
        for rank in range(count)
    ]
    with local.environment(local.ENVIRONMENT | {"OMP_NUM_THREADS": "1"}):
        for process in started:
            process.start()
    for process in started:
        process.join()
    speeds: list[float] = results.get()
    return speeds


def _rank(rank: int, count: int, port: int, repetitions: int, results: "multiprocessing.SimpleQueue[list[float]]") -> None:  # fmt: skip
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    variables = {"RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {k: str(v) for k, v in variables.items()}
    if count > 1:
        torch.distributed.init_process_group("gloo")
    model = build("residual_vit", CLASSES, **SIZES["residual_vit"])
    task, speeds = Task(BATCH * STEPS * count), []
    for _ in range(repetitions + 1):
        trainer = Trainer(model, task, recipe(BATCH * count), seed=0, device=CPU)
        start = perf_counter()
        trainer.fit()
        speeds.append(task.rows / (perf_counter() - start))
    if rank == 0:
        results.put(speeds[1:])  # the first warms up
    if count > 1:
        torch.distributed.destroy_process_group()


def main() -> None:
    """Measure, print and save all speeds."""
    parser = argparse.ArgumentParser(description="Speed of the trainer, side by side.")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    measure = partial(alternate, repetitions=options.repetitions)
    process, speeds = Side(side, local.ENVIRONMENT, process_time), {}
    for name in SIZES:
        title = f"a training step, {name}, batch {BATCH}, fp32"
        arms = {"plain loop": (process, f"{name} plain"), "trainer": (process, f"{name} trainer")}
        speeds[title] = table(title, measure(arms))
    arms = {n: (Side(partial(of_loader, n), local.ENVIRONMENT, process_time), "epoch") for n in LOADERS}  # fmt: skip
    arms["trainer"] = (Side(of_trainer, local.ENVIRONMENT, process_time), "epoch")
    title = "an epoch of 4,096 images of 32 × 32, crop and flip, a small Mixer"
    speeds[title] = table(title, measure(arms))
    title = f"residual_vit, {BATCH} images a process, one thread each, DDP on gloo"
    both = {f"{n} process{'es' * (n > 1)}": together(n, options.repetitions) for n in (1, 2)}
    speeds[title] = table(title, both)
    save(options.out, "trainer", {"speeds": speeds})


if __name__ == "__main__":
    main()
