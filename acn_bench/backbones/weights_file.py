"""A network <-> one safetensors file: its weights, and a header that describes how to build it.

Tensors are named `backbone.…` and `head.…` (`head.<e>.…` in a multi-head network), as in the weights files of
runs. Branches belong to the backbone: `backbone.branches.<block>.…`. The header holds family, wiring and
sizes as JSON, and the number of blocks after a cut. A file may come from anywhere: before a network is built,
the header is compared with the names and shapes of the tensors, which takes milliseconds.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from acn_bench import tensor_file
from acn_bench.backbones.backbone import Backbone, truncate
from acn_bench.backbones.branches import Branches
from acn_bench.backbones.heads import Heads, MultiHead
from acn_bench.backbones.state_dict_mismatch import state_dict_mismatch
from acn_bench.errors import listed, message, plain, shorten
from acn_bench.run_folder import atomic
from acn_bench.spec import Backbone as BackboneSpec
from acn_bench.weights_header import Header, header

Network = Backbone | MultiHead
Build = Callable[..., Backbone]  # from_spec

TENSORS = 20_000  # of a file, at most
DTYPES = {name: dtype for dtype, name in tensor_file.DTYPES.items() if dtype.is_floating_point}
BLOCK = re.compile(r"backbone\.blocks\.(0|[1-9][0-9]{0,5})\.")


def write(model: Network, path: Path, extra: dict[str, str] | None = None) -> None:
    """Write weights, header and `extra` metadata, atomically.

    Raises ValueError for a network that `load` could not rebuild.
    """
    if not isinstance(model, Backbone | MultiHead):
        raise ValueError(
            f"only a backbone or a MultiHead can be saved, not a {type(model).__name__}"
        )
    backbone, head = (model.backbone if isinstance(model, MultiHead) else model), model.head
    if backbone.spec is None or not isinstance(head, nn.Linear | Heads):
        raise ValueError(
            "only a network that `build`, `from_spec` or `load` made can be saved, with a Linear or Heads "
            f"as its head; this head is a {type(head).__name__}"
        )
    header = Header(backbone.spec, backbone.depth, backbone.precision)
    body = {f"backbone.{k}": v for k, v in backbone.state_dict().items() if k[:5] != "head."}
    weights = body | {f"head.{k}": v for k, v in head.state_dict().items()}
    tensors = {k: v.detach().cpu().contiguous() for k, v in weights.items()}
    _refuse_not_finite(tensors)
    with atomic(path) as part:
        part.write_bytes(tensor_file.encoded(tensors, {**(extra or {}), **header.encoded()}))


def read(path: Path, build: Build) -> Network:
    """Rebuild the network, in evaluation mode on the CPU; draws nothing from a random generator.

    Raises as `header`, and ValueError for a factory's network and for weights that do not fit the header.
    """
    described = header(path)
    spec = described.backbone
    if not isinstance(spec, BackboneSpec):
        raise ValueError(
            f"{path} holds a network of the factory {plain(spec.function or '')}: call the factory, and load "
            "the file's tensors into its network"
        )
    try:
        shapes = _shapes(path)
        _compare(spec, described.depth, shapes)
        with torch.device("meta"):  # shapes alone: the values come from the file
            network = _empty(described, shapes, build)
        if wrong := state_dict_mismatch(network, _names(network, shapes)):
            raise ValueError(wrong)
        tensors = safetensors.torch.load_file(path)
        _refuse_not_finite(tensors)
    except ValueError as e:
        raise ValueError(f"{path}: header and weights do not fit: {message(e)}") from e
    network.load_state_dict(_names(network, tensors), assign=True)
    return network.eval()


def _shapes(path: Path) -> dict[str, Tensor]:
    """The tensors of a file without their values. Raises ValueError for too many, empty ones and other types."""
    with safetensors.safe_open(path, "pt") as f:
        slices = {name: f.get_slice(name) for name in f.keys()}  # noqa: SIM118 - it is no dict
        if len(slices) > TENSORS:
            raise ValueError(f"{len(slices):,} tensors are more than a network's {TENSORS:,}")
        shapes = {name: (part.get_dtype(), part.get_shape()) for name, part in slices.items()}
    for name, (dtype, shape) in shapes.items():
        if dtype not in DTYPES:
            raise ValueError(f"{plain(name)} is of {dtype}, and weights are {listed(DTYPES)}")
        if 0 in shape:
            raise ValueError(f"{plain(name)} is {shorten(tuple(shape))}, which holds no value")
    return {
        name: torch.empty(shape, dtype=DTYPES[dtype], device="meta")
        for name, (dtype, shape) in shapes.items()
    }


def _compare(spec: BackboneSpec, depth: int, shapes: Mapping[str, Tensor]) -> None:
    """Raise ValueError where the header asks for more blocks, or larger ones, than the file can hold."""
    if depth > spec.depth:
        raise ValueError(f"the network has {depth:,} blocks, of {spec.depth:,} before a cut")
    blocks = {int(found[1]) for name in shapes if (found := BLOCK.match(name))}
    if len(blocks) != depth or blocks != set(range(depth)):
        raise ValueError(f"the header has {depth:,} blocks, and the weights have {len(blocks):,}")
    values = sum(tensor.numel() for tensor in shapes.values())
    for field in msgspec.structs.fields(spec):
        size = getattr(spec, field.name)
        if field.name != "depth" and type(size) is int and size > values:
            raise ValueError(f"{field.name} is {size:,}, and the weights have {values:,} values")


def _empty(header: Header, shapes: Mapping[str, Tensor], build: Build) -> Network:
    """The network that the header describes, with the heads and branches of the file."""
    others = {k.partition(".")[0] for k in shapes} - {"backbone", "head"}
    if others:
        raise ValueError(
            f"besides backbone and head there is {listed(sorted(others))}, which its strategy needs to predict"
        )
    if "head.decoder.weight" in shapes or "head.dense.weight" in shapes:
        raise ValueError(
            "its head predicts masked tokens: load the folder of the same name by AutoModelForMaskedLM"
        )
    mean = shapes.get("backbone.normalise.mean")
    channels = 0 if mean is None else _sizes("backbone.normalise.mean", mean, 3)[0]
    norms = {"mean": [0.0] * channels, "std": [1.0] * channels} if channels else {"mean": None}
    widths = {
        k: _sizes(k, v, 2)[0]
        for k, v in shapes.items()
        if k.startswith("head.") and k.endswith("weight")
    }
    if not widths:
        raise ValueError("the head is missing")
    cut = _cut(header, max(widths.values()), norms, build)
    cut.branches = _branches(shapes, header.depth)
    if list(widths) == ["head.weight"]:
        return cut
    assert isinstance(cut.head, nn.Linear)
    for e in range(len(widths)):
        if f"head.{e}.weight" not in widths:
            raise ValueError(f"head.{e}.weight is missing, of {len(widths)} heads")
    width = cut.head.in_features
    return MultiHead(
        cut, Heads([nn.Linear(width, widths[f"head.{e}.weight"]) for e in range(len(widths))])
    )


def _cut(header: Header, classes: int, norms: dict[str, Any], build: Build) -> Backbone:
    """The backbone after its cut, which has the blocks of the file alone."""
    spec = header.backbone
    assert isinstance(spec, BackboneSpec)
    shorter = msgspec.structs.replace(spec, depth=max(header.depth, 1))
    try:
        whole = build(shorter, classes, precision=header.precision, **norms)
    except (RuntimeError, TypeError, OverflowError) as e:  # sizes that no tensor has
        raise ValueError(f"no network has these sizes: {message(e)}") from e
    cut = whole if header.depth else truncate(whole, 0)
    cut.spec = spec
    return cut


def _sizes(name: str, tensor: Tensor, dimensions: int) -> tuple[int, ...]:
    """The shape of a tensor. Raises ValueError for another number of dimensions."""
    if tensor.ndim != dimensions:
        raise ValueError(
            f"{plain(name)} is {shorten(tuple(tensor.shape))}, expected {dimensions} dimensions"
        )
    return tuple(tensor.shape)


def _branches(shapes: Mapping[str, Tensor], depth: int) -> Branches | None:
    """The branches of the file: names of weights hold the blocks that they follow."""
    prefix, ending = "backbone.branches.", ".fc2.weight"
    last = {k: t for k, t in shapes.items() if k.startswith(prefix) and k.endswith(ending)}
    if not last:
        return None
    known = {f"{prefix}{k}{ending}": k for k in range(1, depth + 1)}
    for name in last:
        if name not in known:
            raise ValueError(f"{plain(name)} is of no block: the network has {depth}")
    name, fc2 = next(iter(last.items()))
    classes, hidden = _sizes(name, fc2, 2)
    return Branches([known[name] for name in last], hidden // 2, classes)


def _names(network: Network, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Under the names of the network's state dict."""
    prefix = "" if isinstance(network, MultiHead) else "backbone."
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _refuse_not_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has values that are no finite numbers: training diverged")
