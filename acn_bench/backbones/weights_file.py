"""A network <-> one safetensors file: its weights, and a header that describes how to build it.

Tensors are named `backbone.…` and `head.…` (`head.<e>.…` in a multi-head network), as in the weights files of
runs. Branches belong to the backbone: `backbone.branches.<block>.…`. The header holds family, wiring and
sizes as JSON, and the number of blocks after a cut.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic

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
from acn_bench.config import N
from acn_bench.registry import FAMILIES
from acn_bench.run_folder import atomic
from acn_bench.spec import Precision

Network = Backbone | MultiHead
Build = Callable[..., Backbone]  # from_spec


class Header(msgspec.Struct, Generic[N], frozen=True):
    """The network of a weights file."""

    backbone: N  # as it was built, before any cut
    depth: int  # blocks after the cut
    precision: Precision = "fp32"

    def encoded(self) -> dict[str, str]:
        """As safetensors metadata, which holds strings only."""
        return {"acn_bench": msgspec.json.encode(self).decode()}


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
    with atomic(path) as part:
        part.write_bytes(tensor_file.encoded(tensors, {**(extra or {}), **header.encoded()}))


def about(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file. Raises LookupError for no file, ValueError for another kind of file."""
    if not path.is_file():
        raise LookupError(f"there is no file at {path}")
    try:
        with safetensors.safe_open(path, "pt") as f:
            return dict(f.metadata() or {})
    except safetensors.SafetensorError as e:
        raise ValueError(f"{path} is not a whole safetensors file: {e}") from e


def header(path: Path) -> Header:
    """The header of a weights file. Raises as `about`, and ValueError for a file without a header."""
    metadata = about(path)
    if "acn_bench" not in metadata:
        raise ValueError(
            f"{path} is not a finished network of acn_bench: it has no header that describes the network"
        )
    try:
        raw = msgspec.json.decode(metadata["acn_bench"], type=dict[str, Any])
        family = FAMILIES.load(FAMILIES.tag(raw.get("backbone"), "family", "$.backbone"))
        header: Header = msgspec.convert(raw, Header[family])  # type: ignore[valid-type]
        return header
    except ValueError as e:
        raise ValueError(f"{path}: its header cannot be read: {e}") from e


def read(path: Path, build: Build) -> Network:
    """Rebuild the network, in evaluation mode on the CPU; draws nothing from a random generator.

    Raises as `header`, and ValueError for a factory's network and for weights that do not fit the header.
    """
    described = header(path)
    if described.backbone.function:
        raise ValueError(
            f"{path} holds a network of the factory {described.backbone.function}: call the factory, and load "
            "the file's tensors into its network"
        )
    tensors = safetensors.torch.load_file(path)
    try:
        with torch.device("meta"):  # shapes alone: the values come from the file
            network = _empty(described, tensors, build)
        names = tensors if isinstance(network, MultiHead) else _without("backbone.", tensors)
        if wrong := state_dict_mismatch(network, names):
            raise ValueError(wrong)
    except ValueError as e:
        raise ValueError(f"{path}: header and weights do not fit: {e}") from e
    network.load_state_dict(names, assign=True)
    return network.eval()


def _empty(header: Header, tensors: dict[str, Tensor], build: Build) -> Network:
    """The network that the header describes, with the heads and branches of the file."""
    mean = tensors.get("backbone.normalise.mean")
    norms = (
        {"mean": None} if mean is None else {"mean": [0.0] * len(mean), "std": [1.0] * len(mean)}
    )
    widths = {
        k: len(v) for k, v in tensors.items() if k.startswith("head.") and k.endswith("weight")
    }
    others = {k.partition(".")[0] for k in tensors} - {"backbone", "head"}
    if others:
        raise ValueError(
            f"besides backbone and head there is {', '.join(sorted(others))}, which its strategy needs to predict"
        )
    if not widths:
        raise ValueError("the head is missing")
    whole = build(header.backbone, max(widths.values()), precision=header.precision, **norms)
    cut = truncate(whole, header.depth)
    cut.branches = _branches(tensors)
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


def _branches(tensors: dict[str, Tensor]) -> Branches | None:
    """The branches of the file: names of weights hold the blocks that they follow."""
    prefix, ending = "backbone.branches.", ".fc2.weight"
    last = {k: t for k, t in tensors.items() if k.startswith(prefix) and k.endswith(ending)}
    if not last:
        return None
    after = [int(name.removeprefix(prefix).removesuffix(ending)) for name in last]
    classes, hidden = next(iter(last.values())).shape
    return Branches(after, hidden // 2, classes)


def _without(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
