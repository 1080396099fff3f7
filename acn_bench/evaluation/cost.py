"""The cost of a network: parameters, FLOPs, seconds, memory."""

import ctypes
import gc
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from acn_bench.backbones import Backbone, truncate
from acn_bench.evaluation.correctness import evaluating

EVALUATED = (
    1 / 3
)  # work of evaluating an image, in trained images: 1 pass, where training takes about 3
CORRUPTED = 6e-8  # seconds a pixel of a common corruption, mean of the 15, on one thread


if TYPE_CHECKING:
    from acn_bench.backbones import EarlyExit


def by_depth(backbone: nn.Module, heads: nn.Module, image: Tensor) -> tuple[list[int], list[int]]:
    """Parameters and FLOPs of the network cut to 0 … L blocks, heads included; image (1, C, H, W).

    FLOPs are of one image forward, two per multiply-add, through one head. A network that is not a
    `Backbone` gives one figure each.
    """
    cuts = (
        [truncate(backbone, k) for k in range(backbone.depth + 1)]
        if isinstance(backbone, Backbone)
        else [backbone]
    )
    head_parameters = parameters(heads)
    head = heads[0] if isinstance(heads, nn.ModuleList) else heads
    work = [flops(nn.Sequential(cut, head), image) for cut in cuts]
    return [parameters(cut) + head_parameters for cut in cuts], work


def by_exit(exits: "EarlyExit", *inputs: Tensor | None) -> dict[int, int]:
    """{k: FLOPs of one example that exits after k blocks}: its blocks, and every exit up to there.

    `inputs` are those of one example; FLOPs as in `by_depth`. An argument of `metrics.flops_saved`.
    """
    passes = {k: partial(exits.exit_after, k, *inputs) for k in exits.depths}
    return {k: _counted(exits.model, forward) for k, forward in passes.items()}


def parameters(module: nn.Module) -> int:
    """The number of weights of a module."""
    return sum(p.numel() for p in module.parameters())


def flops(module: nn.Module, image: Tensor) -> int:
    """FLOPs of one forward pass, two per multiply-add."""
    return _counted(module, lambda: module(image))


def _counted(module: nn.Module, forward: Callable[[], Any]) -> int:
    # with gradients, and attention by plain products: the counter does not know some other kernels
    counter, products = FlopCounterMode(display=False), sdpa_kernel(SDPBackend.MATH)
    with evaluating(module), torch.inference_mode(False), torch.enable_grad(), products, counter:
        forward()
    return int(counter.get_total_flops())


def seconds(device: torch.device) -> float:
    """The clock in seconds, after the device has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


def reset_peak_memory(device: torch.device) -> None:
    """Start a new measurement. Systems that cannot reset measure since the start of the process.

    First free the memory of earlier runs: a learner and its plug-ins refer to each other, and the allocator
    caches freed memory.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int:
    """Bytes since the last reset: of the process on the CPU, of the allocator on a GPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
