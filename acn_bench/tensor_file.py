"""Tensors and a header -> the bytes of a safetensors file: the same for the same content."""

import json
from collections.abc import Mapping

import safetensors.torch
from torch import Tensor


def encoded(tensors: dict[str, Tensor], header: Mapping[str, str]) -> bytes:
    """The file's bytes. safetensors writes the keys of a header in another order each time; here they are sorted."""
    raw = memoryview(safetensors.torch.save(tensors, dict(header) or None))
    end = 8 + int.from_bytes(raw[:8], "little")  # the length of the JSON, the JSON, the tensors
    described = json.loads(bytes(raw[8:end]))
    if header:
        described["__metadata__"] = dict(sorted(header.items()))
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return b"".join([len(text).to_bytes(8, "little"), text, raw[end:]])
