"""Measure speed side by side: our ViT-S/16 against timm's; every depth, and half the blocks, against all.

python tools/bench_backbones.py [--repetitions 7] [--out reports/<date>-speed]
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
from stopwatch import Side, Timed, alternate, keep, table
from torch import Tensor, nn

from acn_bench import device
from acn_bench.backbones import build, truncate
from acn_bench.execution import local
from acn_bench.spec import Precision

BATCH = 4  # a step of more takes seconds on one core
CLASSES = 1000
VIT_S = {"image_size": 224, "patch_size": 16, "width": 384, "heads": 6, "depth": 12}  # 22 M weights
MIXER_S = {"image_size": 224, "patch_size": 16, "width": 512, "token_width": 256,
           "channel_width": 2048, "depth": 8}  # fmt: skip


def ours(name: str, precision: Precision = "fp32") -> nn.Module:
    """One of our backbones at timm's size, its normalisation left to the pipeline, as timm's is."""
    sizes: dict[str, Any] = MIXER_S if name.endswith("mixer") else VIT_S
    return build(name, CLASSES, mean=None, precision=precision, **sizes)


def step(model: nn.Module, precision: Precision = "fp32") -> Timed:
    """One training step: forward, backward, AdamW. timm's network runs bf16 by autocast around it."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    images, labels = torch.randn(BATCH, 3, 224, 224), torch.randint(CLASSES, (BATCH,))

    def run() -> int:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = model(images)
        nn.functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        return BATCH

    return run


def forward(function: Callable[[Tensor], Tensor]) -> Timed:
    """One pass without gradients."""
    images = torch.randn(BATCH, 3, 224, 224)

    def run() -> int:
        with torch.inference_mode():
            function(images)
        return BATCH

    return run


def side() -> dict[str, Timed]:
    """Everything that is timed, by name."""
    known: dict[str, Timed] = {}
    for p in precisions():
        known[f"timm {p}"] = step(timm.create_model("vit_small_patch16_224"), p)
        for wiring in ("residual", "ac"):
            known[f"{wiring} {p}"] = step(ours(f"{wiring}_vit", p))
    for name in ("ac_vit", "ac_mixer"):
        model = ours(name).eval()
        known[f"{name} model(x)"] = forward(model)
        known[f"{name} forward_depths(x)"] = forward(model.forward_depths)
        known[f"{name} half"] = forward(truncate(model, model.depth // 2))
    return known


def precisions() -> list[Precision]:
    """What this processor has instructions for."""
    return ["fp32", "bf16"] if device.has_bf16(torch.device("cpu")) else ["fp32"]


def main() -> None:
    """Measure everything, print it, keep it."""
    parser = argparse.ArgumentParser(description="Speed of the backbones, side by side.")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    here = partial(alternate, repetitions=options.repetitions)
    process = Side(side, local.ENVIRONMENT)
    found = {}
    for p in precisions():
        title = f"a training step, ViT-S/16, batch {BATCH}, {p}"
        arms = {"timm": f"timm {p}", "residual_vit": f"residual {p}", "ac_vit": f"ac {p}"}
        found[title] = table(title, here({name: (process, work) for name, work in arms.items()}))
    for name, size in (("ac_vit", "ViT-S/16"), ("ac_mixer", "Mixer-S/16")):
        title = f"without gradients, {size}, batch {BATCH}, fp32"
        arms = {"model(x)": "model(x)", "forward_depths(x)": "forward_depths(x)",
                "half the blocks": "half"}  # fmt: skip
        found[title] = table(
            title, here({label: (process, f"{name} {work}") for label, work in arms.items()})
        )
    keep(options.out, "backbones", {"speeds": found})


if __name__ == "__main__":
    main()
