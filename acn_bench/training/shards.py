"""Tensors that are sharded over processes -> a folder of their shards -> whole tensors, one at a time.

torch.distributed.checkpoint writes the shards as safetensors, each process its own. Its own consolidation is not used:
it writes zeros in place of tensors without dimensions, such as Adam's counts of steps, refuses integers, and keeps no
header (torch 2.14).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from acn_bench.errors import sentence

OFFSETS = "DCP_SHARDING_INFO"  # of a file's header: where in its tensor each shard begins


def write(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write this process's shards; all processes must call it.

    Raises OSError in all of them where one cannot write.
    """
    from torch.distributed.checkpoint.api import CheckpointException  # for FSDP alone
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    writer.sync_files = False  # they are read at once, and removed
    try:
        save(dict(tensors), storage_writer=writer)
    except CheckpointException as e:
        errors = [error for error, _ in e.failures.values()]
        if all(isinstance(error, OSError) for error in errors):
            raise OSError(sentence(errors[0])) from e
        raise


@dataclass(frozen=True)
class Sharded:
    """A tensor whose shards were written."""

    shards: "Shards"
    name: str
    shape: torch.Size  # of the whole tensor
    dtype: torch.dtype

    def read(self) -> Tensor:
        """The whole tensor, on the CPU. Raises OSError."""
        return self.shards.whole(self.name, torch.empty(self.shape, dtype=self.dtype))


class Shards:
    """The shards that all processes wrote into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor | Sharded]:
        """The tensors by name; sharded ones are read when they are used."""
        return {
            name: Sharded(self, name, t.shape, t.dtype) if isinstance(t, DTensor) else t
            for name, t in tensors.items()
        }

    def whole(self, name: str, tensor: Tensor) -> Tensor:
        """Fill the tensor with its shards, and return it. Raises OSError where they are not all there."""
        filled = 0
        for file, offsets in self._files:
            if name in offsets:
                shard = file.get_tensor(name)
                begins = offsets[name]["saved_offsets"]
                place = tuple(slice(b, b + n) for b, n in zip(begins, shard.shape, strict=True))
                tensor[place] = shard
                filled += shard.numel()
        if filled != tensor.numel():
            raise OSError(f"the processes do not share the folder {self.folder}: shards are missing")  # fmt: skip
        return tensor

    @cached_property
    def _files(self) -> list[tuple[Any, dict[str, Any]]]:
        paths = sorted(self.folder.glob("*.safetensors"))
        files: list[Any] = [safetensors.safe_open(path, "pt") for path in paths]
        return [(file, json.loads(file.metadata()[OFFSETS])) for file in files]


def sharded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the tensors that are sharded."""
    return {name: tensor for name, tensor in tensors.items() if isinstance(tensor, DTensor)}
