"""How much compute early exit saves in an AC and in a residual network.

Trains Mixers on handwritten digits from one seed, each twice: by a loss of its single head at every depth
(scheme `aligned`), and with branches (scheme `branches`). Then every test image exits at the first exit with
an entropy below a threshold, as in Table 7 of the ACN paper. The speed-up is in FLOPs, exits included,
relative to the residual network without exits:

    python examples/early_exit.py --depth 8 --steps 300 --thresholds 0.3,0.7
"""

import argparse
from collections.abc import Sequence

import torch

from acn_bench import metrics
from acn_bench.backbones import Backbone, EarlyExit, add_branches, build
from acn_bench.data import images
from acn_bench.evaluation import cost
from acn_bench.training.schemes import scheme

WIRINGS = ("ac", "residual")
EXITS = {
    "head": "aligned",
    "branches": "branches",
}  # kind of exit -> training scheme


def train(wiring: str, by: str, depth: int, steps: int, batch_size: int) -> Backbone:
    """A Mixer of that wiring on digits10; its branches come after a quarter, a half and three quarters."""
    digits = images.load("digits10")
    torch.manual_seed(0)
    model = build(
        f"{wiring}_mixer", 10, depth, patch_size=8, width=64, token_width=32, channel_width=128
    )
    if by == "branches":
        add_branches(model, after=(depth // 4, depth // 2, 3 * depth // 4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    training = scheme(EXITS[by])
    order = torch.Generator().manual_seed(0)  # every arm trains on the same batches
    for step in range(steps):
        rows = torch.randint(len(digits.train_labels), (batch_size,), generator=order)
        x, y = digits.train_images[rows] / 255, digits.train_labels[rows]
        optimizer.zero_grad()
        training.loss(model, x, y, step, steps).backward()
        optimizer.step()
    return model.eval()


def rows(
    wiring: str, by: str, model: Backbone, thresholds: Sequence[float], full: int
) -> list[str]:
    """One line per threshold: accuracy, exit depths and speed-up relative to `full` FLOPs."""
    digits = images.load("digits10")
    x, y = digits.test_images / 255, digits.test_labels
    with torch.no_grad():
        whole = (model(x).argmax(dim=1) == y).float().mean().item()
    lines = []
    for threshold in thresholds:
        exits = EarlyExit(model, threshold, by)
        output = exits(x)
        accuracy = (output.logits.argmax(dim=1) == y).float().mean().item()
        depths = output.depth.tolist()
        saved = metrics.flops_saved(depths, cost.by_exit(exits, x[:1]), full)
        counts = "  ".join(f"{k}: {depths.count(k)}" for k in exits.depths)
        lines.append(
            f"{wiring:<9} {by:<9} {threshold:5.2f} {100 * whole:9.1f} % {100 * accuracy:9.1f} % "
            f"{sum(depths) / len(depths):6.2f} {1 / (1 - saved):8.2f}×   {counts}"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--depth", type=int, default=8, help="4 or more")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--thresholds", default="0.3,0.7", help="entropies, in nats")
    chosen = parser.parse_args(arguments)
    if chosen.depth < 4:
        parser.error(f"--depth {chosen.depth}: three branches need 4 blocks or more")
    thresholds = [float(t) for t in chosen.thresholds.split(",")]
    sizes = (chosen.depth, chosen.steps, chosen.batch_size)
    models = {(wiring, by): train(wiring, by, *sizes) for by in EXITS for wiring in WIRINGS}
    residual = models["residual", "head"]
    image = images.load("digits10").test_images[:1] / 255
    full = cost.flops(residual, image)
    print("wiring    exits  below  full depth  early exit  blocks  speed-up  images per exit depth")
    for (wiring, by), model in models.items():
        print("\n".join(rows(wiring, by, model, thresholds, full)))


if __name__ == "__main__":
    main()
