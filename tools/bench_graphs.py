"""Compare speeds on a GPU: a training step with its blocks replayed as a CUDA graph, and without.

python tools/bench_graphs.py [--depth 10] [--repetitions 5] [--out reports/<date>-speed]
"""

import argparse
import time
from pathlib import Path
from typing import cast

import torch
from stopwatch import save, table
from torch import nn

from acn_bench.backbones import build
from acn_bench.spec import PRECISIONS, Precision

BATCH, CLASSES, STEPS = 64, 5, 50  # as in split_cifar100; steps of one measurement


def network(precision: Precision, depth: int, *, graphed: bool) -> nn.Module:
    """The released residual Mixer at the paper's sizes, on the GPU, in training mode."""
    torch.manual_seed(0)
    model = build("residual_mixer", CLASSES, variant="released", depth=depth, precision=precision)
    model.graphed = graphed
    return model.cuda().train()


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    """The losses of training steps on one batch, the same for every model."""
    generator = torch.Generator("cuda").manual_seed(0)
    images = torch.rand(BATCH, 3, 32, 32, generator=generator, device="cuda")
    labels = torch.arange(BATCH, device="cuda") % CLASSES
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return cast(list[float], torch.stack(losses).tolist())


def compare(
    precision: Precision, depth: int, repetitions: int
) -> tuple[dict[str, list[float]], float]:
    """Images per second, the two sides in turn; and the largest difference of their losses."""
    models = [network(precision, depth, graphed=graphed) for graphed in (False, True)]
    optimizers = [torch.optim.AdamW(m.parameters(), 1e-3, fused=True) for m in models]
    sides = list(zip(("kernel by kernel", "graph"), models, optimizers, strict=True))
    losses = [train(model, optimizer, STEPS) for _, model, optimizer in sides]
    speeds: dict[str, list[float]] = {name: [] for name, _, _ in sides}
    for _ in range(repetitions):
        for name, model, optimizer in sides:
            torch.cuda.synchronize()
            start = time.perf_counter()
            train(model, optimizer, STEPS)  # its losses wait for the GPU
            speeds[name].append(STEPS * BATCH / (time.perf_counter() - start))
    return speeds, max(abs(a - b) for a, b in zip(*losses, strict=True))


def main() -> None:
    """Measure, print, and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("CUDA graphs: no GPU here, nothing to measure")
        return
    results = {}
    for precision in PRECISIONS:
        speeds, difference = compare(precision, options.depth, options.repetitions)
        title = f"a training step, released residual Mixer of {options.depth} blocks, {precision}"
        results[title] = table(title, speeds) | {"largest_difference_of_losses": difference}
        print(f"  losses differ by {difference:.1g} at most")
    if options.out:
        save(options.out, "graphs", results | {"gpu": torch.cuda.get_device_name()})


if __name__ == "__main__":
    main()
