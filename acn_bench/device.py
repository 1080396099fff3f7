"""The name of a device or a precision -> the one that a run uses on this machine. Imports torch."""

import os
import platform
from functools import lru_cache
from pathlib import Path

import torch

from acn_bench.errors import shorten
from acn_bench.spec import PRECISIONS, Precision

DEFAULT_PRECISION: Precision = "fp32"  # bf16 only on request
SLOW_BF16 = "ACN_BENCH_SLOW_BF16"  # environment variable: bf16 also where it is slow


def resolve(device: str) -> torch.device:
    """`auto`, `cpu` or `cuda` -> a device. Raises ValueError where this machine has none."""
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"unknown device {shorten(device)}. Known: auto, cpu, cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def by_index(device: torch.device) -> tuple[str, ...]:
    """All devices of that type that this process may use: "cuda:0", "cuda:1", …; or "cpu"."""
    if device.type == "cuda":
        return tuple(f"cuda:{k}" for k in range(torch.cuda.device_count()))
    return (device.type,)


def resolve_precision(name: str, device: torch.device) -> Precision:
    """`auto`, `fp32` or `bf16` -> the precision of a run.

    Raises ValueError for another name, and for bf16 on a device without its instructions, unless
    $ACN_BENCH_SLOW_BF16 is set.
    """
    known = {"auto": DEFAULT_PRECISION} | {p: p for p in PRECISIONS}
    if name not in known:
        raise ValueError(f"unknown precision {shorten(name)}. Known: {', '.join(known)}.")
    precision = known[name]
    if precision == "bf16" and not has_bf16(device) and not os.environ.get(SLOW_BF16):
        raise ValueError(
            f"precision bf16: {describe(device)}, has no bf16 instructions, and takes up to 70 times as long as "
            f"in fp32. Use precision=fp32, or set {SLOW_BF16}=1 to compute in bf16 anyway"
        )
    return precision


def has_bf16(device: torch.device) -> bool:
    """Whether the device has bfloat16 instructions, so that they are faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if platform.machine().lower() in ("arm64", "aarch64"):  # oneDNN's question is for more on x86
        ops = torch.ops.mkldnn
        return hasattr(ops, "_is_mkldnn_bf16_supported") and bool(ops._is_mkldnn_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


@lru_cache
def describe(device: torch.device) -> str:
    """The device's name, for the record."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = names[0].split(":")[1].strip() if names else name
    return f"{name}, {torch.get_num_threads()} thread(s)"
