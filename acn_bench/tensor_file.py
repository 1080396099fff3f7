"""Tensors and a header -> a safetensors file: the same bytes for the same content."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from torch import Tensor

DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


class Later(Protocol):
    """A tensor that is made when it is written."""

    @property
    def shape(self) -> torch.Size: ...

    @property
    def dtype(self) -> torch.dtype: ...

    def read(self) -> Tensor:
        """The tensor. Raises OSError."""
        ...


def encoded(tensors: dict[str, Tensor], header: Mapping[str, str]) -> bytes:
    """The file's bytes. safetensors writes the keys of a header in another order each time; here they are sorted."""
    raw = memoryview(safetensors.torch.save(tensors, dict(header) or None))
    end = 8 + int.from_bytes(raw[:8], "little")  # the length of the JSON, the JSON, the tensors
    described = json.loads(bytes(raw[8:end]))
    described.pop("__metadata__", None)
    return b"".join([_head(described, header), raw[end:]])


def write(path: Path, tensors: Mapping[str, Tensor | Later], header: Mapping[str, str]) -> None:
    """Write the file to the disk; one tensor at a time is copied or made. Raises OSError.

    Tensors may share memory, and lie on any device.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))  # aligned
    described, end = {}, 0
    for name in names:
        tensor = tensors[name]
        begin, end = end, end + tensor.shape.numel() * tensor.dtype.itemsize
        shape, dtype = list(tensor.shape), DTYPES[tensor.dtype]
        described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    with path.open("wb") as file:
        file.write(_head(described, header))
        for name in names:
            tensor = tensors[name]
            whole = tensor if isinstance(tensor, Tensor) else tensor.read()
            flat = whole.detach().cpu().contiguous().reshape(-1)
            file.write(flat.view(torch.uint8).numpy().data)
        file.flush()
        os.fsync(file.fileno())


def _head(described: dict[str, Any], header: Mapping[str, str]) -> bytes:
    """The length of the JSON and the JSON, which describes the tensors."""
    if header:
        described = {"__metadata__": dict(sorted(header.items())), **described}
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text
