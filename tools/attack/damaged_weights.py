"""`truncate` on weights files whose header, network or tensors are damaged."""

import json
from pathlib import Path
from random import Random
from typing import Any

import mutations
from case import Case
from samples import Samples


def weights(random: Random, folder: Path, samples: Samples) -> Case:
    """`truncate` on a damaged weights file."""
    path = folder / "net.safetensors"
    path.write_bytes(_weights(samples.weights, random))
    out = folder / "out" / "cut.safetensors"
    return Case(["truncate", str(path), "--depth", "1", "--out", str(out)], (path,))


def _weights(raw: bytes, random: Random) -> bytes:
    size = int.from_bytes(raw[:8], "little")
    header, values = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    how = random.choice(
        ("bytes", "header", "header", "network", "network", "network", "tensor", "tensor", "size")
    )
    if how == "bytes":
        start = random.choice((raw, raw[: 8 + size]))
        return mutations.damaged(start, random) + raw[len(start) :]
    if how == "size":
        return random.choice((0, 1, 2**20, 2**40, 2**63, 2**64 - 1)).to_bytes(8, "little") + raw[8:]
    text = ""
    if how == "header":
        text = mutations.edited(header, random)
    elif how == "network":
        network = json.loads(header["__metadata__"]["acn_bench"])
        header["__metadata__"]["acn_bench"] = mutations.edited(network, random)
    else:
        values = _tensor(header, values, random)
    encoded = (text or json.dumps(header)).encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(8, "little") + encoded + values


def _tensor(header: dict[str, Any], values: bytes, random: Random) -> bytes:
    """Another tensor in place of one; returns the bytes of all."""
    name = random.choice([k for k in header if k != "__metadata__"])
    tensor = header[name]
    start, end = tensor["data_offsets"]
    how = random.choice(("nan", "inf", "type", "shape", "none", "more", "name"))
    if how in ("nan", "inf"):
        number = b"\0\0\xc0\x7f" if how == "nan" else b"\0\0\x80\x7f"
        return values[:start] + number * ((end - start) // 4) + values[end:]
    if how == "type":
        tensor["dtype"] = random.choice(("I32", "U32", "F64", "F16", "U8", "BOOL", "F8_E4M3"))
    elif how == "shape":
        count = (end - start) // 4
        tensor["shape"] = random.choice(
            ([count], [1, count], [count, 1], [], [0], [2**62, 4], [1] * 3_000 + [count])
        )
    elif how == "none":
        tensor |= {"shape": [0], "data_offsets": [start, start]}
    elif how == "more":
        count = random.choice((1, 100, 25_000))
        empty = {"dtype": "F32", "shape": [0], "data_offsets": [len(values), len(values)]}
        prefix = random.choice(("head.", "backbone.blocks.", "backbone.branches.", "x."))
        header |= {f"{prefix}{k}.weight": empty for k in range(count)}
    else:
        header[
            random.choice(("head.0.weight", "", "backbone.blocks.99.x", "\x1b[31m", "x" * 3_000))
        ] = header.pop(name)
    return values
