"""Whether the memory holds what training a network takes, asked before the network is built."""

import os
from collections.abc import Sequence

import msgspec
import torch

from acn_bench.config import RunConfig
from acn_bench.data.data_set import DataSet
from acn_bench.evaluation import cost
from acn_bench.execution import estimate
from acn_bench.spec import Backbone
from acn_bench.training.network import untrained

ALLOCATED = (
    1.3  # times what the tensors of a run take: an allocator's blocks, and what libraries keep
)
CONTEXT = 2**30  # bytes that each process takes on a GPU beside its tensors
MOST = 4  # runs at a time on one GPU: more slow each other down
BYTES = 16  # of a weight in training: itself, its gradient and the two moments of Adam, in fp32


def check(configs: Sequence[RunConfig], data: Sequence[DataSet], device: torch.device) -> None:
    """Raise ValueError for a network of the package whose weights alone are more than the memory can train."""
    memory = _memory(device)
    for config in {c.backbone: c for c in configs if isinstance(c.backbone, Backbone)}.values():
        weights = parameters(config, estimate.cost_of(config, data).classes)
        if weights * BYTES > memory:
            raise ValueError(
                f"{config.backbone.name} has {weights:,} parameters or more: to train them takes "
                f"{weights * BYTES / 1e9:,.0f} GB of memory, and there are {memory / 1e9:,.0f}"
            )


def runs_on_each(peaks: Sequence[int | None], free: Sequence[int]) -> int:
    """Runs at a time on each GPU, by the largest of their measured peaks; one where a run was never measured.

    `peaks` are bytes by records of runs that differ in their seeds alone, `free` the bytes of each GPU.
    """
    known = [peak for peak in peaks if peak is not None]
    if len(known) < len(peaks) or not known:
        return 1
    room = min(free) // int(max(known) * ALLOCATED + CONTEXT)
    return max(1, min(room, MOST))


def free(devices: Sequence[str]) -> list[int]:
    """Bytes that are free on each GPU."""
    return [torch.cuda.mem_get_info(device)[0] for device in devices]


def parameters(config: RunConfig, classes: int) -> int:
    """The number of weights, at least: the third block and later ones may have more than the second."""
    depth = config.backbone.depth
    assert depth is not None
    first, second = (_of_depth(config, classes, min(k, depth)) for k in (1, 2))
    return first + (second - first) * (depth - 1)


def _of_depth(config: RunConfig, classes: int, depth: int) -> int:
    shallow = msgspec.structs.replace(config.backbone, depth=depth)
    try:
        with torch.device("meta"):  # shapes alone
            network = untrained(msgspec.structs.replace(config, backbone=shallow), classes)
    except (RuntimeError, OverflowError) as e:
        reason = str(e).partition("\n")[0]
        raise ValueError(f"no {config.backbone.name} has these sizes: {reason}") from e
    return cost.parameters(network)


def _memory(device: torch.device) -> int:
    """Bytes that the machine or the GPU has."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
