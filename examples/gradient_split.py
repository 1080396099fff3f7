"""The paper's explanation of compression: each block's gradient in training, and its direct share.

Trains Mixers of three wirings on handwritten digits from one seed and shows, step by step and block by
block, the norm of the full gradient and |DG| / |FG| (as in figures 1 and 2 of the ACN paper):

    python examples/gradient_split.py --depth 8 --steps 400 --figure gradient_split.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn.functional import cross_entropy

from acn_bench.backbones import build
from acn_bench.backbones.gradients import GradientSplit
from acn_bench.data import images

WIRINGS = ("ac", "residual", "feedforward")
SHOWN = {"full": "|FG|, norm of the full gradient", "ratio": "|DG| / |FG|, direct share"}


def train(wiring: str, depth: int, steps: int, every: int, batch_size: int) -> GradientSplit:
    """Train a Mixer of that wiring on digits10; measure the split at every `every`-th step."""
    digits = images.load("digits10")
    torch.manual_seed(0)
    model = build(
        f"{wiring}_mixer", 10, depth, patch_size=8, width=64, token_width=32, channel_width=128
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    recorder = GradientSplit(model, every)
    order = torch.Generator().manual_seed(0)  # every arm trains on the same batches
    for _ in range(steps):
        rows = torch.randint(len(digits.train_labels), (batch_size,), generator=order)
        x, y = digits.train_images[rows] / 255, digits.train_labels[rows]
        recorder(lambda x=x, y=y: cross_entropy(model(x), y))
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()
    return recorder


def text(title: str, recorder: GradientSplit, quantity: str) -> str:
    """One row per measured step, one column per block."""
    rows = recorder.table(quantity)
    lines = [title, "  step " + "".join(f"{i:>8}" for i in range(1, len(rows[0]) + 1))]
    for step, row in zip(recorder.steps, rows, strict=True):
        cells = "".join("       -" if v is None else f"{v:8.3g}" for v in row)
        lines.append(f"{step:6d} {cells}")
    return "\n".join(lines)


def heat_maps(recorders: dict[str, GradientSplit]) -> Figure:
    """Blocks upwards, steps to the right: each block's share of its step's |FG|, and |DG| / |FG|."""
    figure = Figure(figsize=(3.2 * len(recorders), 5.4), layout="constrained")
    grid = figure.subplots(len(SHOWN), len(recorders), squeeze=False)
    for row, quantity in zip(grid, SHOWN, strict=True):
        for axes, (wiring, recorder) in zip(row, recorders.items(), strict=True):
            table = np.array(recorder.table(quantity), dtype=float)  # (steps, L)
            if (
                quantity == "full"
            ):  # relative to the whole network's norm, as after gradient clipping
                table /= np.linalg.norm(table, axis=1, keepdims=True)
            box = (0, recorder.step, 0.5, table.shape[1] + 0.5)
            image = axes.imshow(table.T, aspect="auto", origin="lower", extent=box, vmin=0, vmax=1)
            axes.set(title=wiring, xlabel="step", ylabel="block")
        label = "|DG| / |FG|" if quantity == "ratio" else "|FG|, relative to all blocks'"
        figure.colorbar(image, ax=row, label=label)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--figure", type=Path, help="where to draw heat maps, e.g. split.png")
    chosen = parser.parse_args(arguments)
    sizes = (chosen.depth, chosen.steps, chosen.every, chosen.batch_size)
    recorders = {wiring: train(wiring, *sizes) for wiring in WIRINGS}
    for quantity, label in SHOWN.items():
        for wiring, recorder in recorders.items():
            print(text(f"{wiring}: {label}", recorder, quantity), end="\n\n")
    if chosen.figure:
        heat_maps(recorders).savefig(chosen.figure, dpi=150)
        print(f"figure: {chosen.figure}")


if __name__ == "__main__":
    main()
