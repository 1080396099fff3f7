"""Compare speeds: acn_bench's ViT-S/16 with timm's; every depth, and half the blocks, with full depth.

python tools/bench_backbones.py [--repetitions 7] [--out reports/<date>-speed]
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
from stopwatch import Side, Timed, alternate, save, table
from torch import Tensor, nn

from acn_bench import device
from acn_bench.backbones import build, truncate
from acn_bench.execution import local
from acn_bench.spec import Precision

BATCH = 4  # a step with more images takes seconds on one core
CLASSES = 1000
VIT_S = {"image_size": 224, "patch_size": 16, "width": 384, "heads": 6, "depth": 12}  # 22 M weights
MIXER_S = {"image_size": 224, "patch_size": 16, "width": 512, "token_width": 256,
           "channel_width": 2048, "depth": 8}  # fmt: skip


def backbone(name: str, precision: Precision = "fp32") -> nn.Module:
    """A backbone at timm's size, without normalisation, as timm's."""
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
    """The timed pieces of work, by name."""
    works: dict[str, Timed] = {}
    for p in precisions():
        works[f"timm {p}"] = step(timm.create_model("vit_small_patch16_224"), p)
        for wiring in ("residual", "ac"):
            works[f"{wiring} {p}"] = step(backbone(f"{wiring}_vit", p))
    for name in ("ac_vit", "ac_mixer"):
        model = backbone(name).eval()
        works[f"{name} model(x)"] = forward(model)
        works[f"{name} forward_depths(x)"] = forward(model.forward_depths)
        works[f"{name} half"] = forward(truncate(model, model.depth // 2))
    return works


def precisions() -> list[Precision]:
    """The precisions that this processor has instructions for."""
    return ["fp32", "bf16"] if device.has_bf16(torch.device("cpu")) else ["fp32"]


def main() -> None:
    """Measure, print and save all speeds."""
    parser = argparse.ArgumentParser(description="Speed of the backbones, side by side.")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    measure = partial(alternate, repetitions=options.repetitions)
    process = Side(side, local.ENVIRONMENT)
    speeds = {}
    for p in precisions():
        title = f"a training step, ViT-S/16, batch {BATCH}, {p}"
        arms = {"timm": f"timm {p}", "residual_vit": f"residual {p}", "ac_vit": f"ac {p}"}
        speeds[title] = table(title, measure({k: (process, work) for k, work in arms.items()}))
    for name, size in (("ac_vit", "ViT-S/16"), ("ac_mixer", "Mixer-S/16")):
        title = f"without gradients, {size}, batch {BATCH}, fp32"
        arms = {"model(x)": "model(x)", "forward_depths(x)": "forward_depths(x)",
                "half the blocks": "half"}  # fmt: skip
        speeds[title] = table(
            title, measure({label: (process, f"{name} {work}") for label, work in arms.items()})
        )
    save(options.out, "backbones", {"speeds": speeds})


if __name__ == "__main__":
    main()
