"""A network <-> one safetensors file that rebuilds it: weights, and in its header what they are weights of.

Tensors are named `backbone.…` and `head.…` (`head.<e>.…` with a head each), as the runs of the benchmarks
name theirs; branches are part of the backbone, `backbone.branches.<block>.…`. The header holds the family,
wiring and sizes as JSON, and to how many blocks it was cut.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

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
    """What the weights in a file are weights of."""

    backbone: N  # as it was built, before any cut
    depth: int  # blocks that are left of it
    precision: Precision = "fp32"

    def encoded(self) -> dict[str, str]:
        """As a safetensors file keeps it: words only."""
        return {"acn_bench": msgspec.json.encode(self).decode()}


def write(model: Network, path: Path, more: dict[str, str] | None = None) -> None:
    """Write weights and header, `more` words in it, whole or not at all. Raises ValueError for what `load` could not rebuild."""
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
    said = Header(backbone.spec, backbone.depth, backbone.precision)
    body = {f"backbone.{k}": v for k, v in backbone.state_dict().items() if k[:5] != "head."}
    weights = body | {f"head.{k}": v for k, v in head.state_dict().items()}
    kept = {k: v.detach().cpu().contiguous() for k, v in weights.items()}
    with atomic(path) as part:
        part.write_bytes(safetensors.torch.save(kept, {**(more or {}), **said.encoded()}))


def about(path: Path) -> dict[str, str]:
    """The words in a file's header. Raises LookupError for no file, ValueError for one of another kind."""
    if not path.is_file():
        raise LookupError(f"there is no file at {path}")
    try:
        with safetensors.safe_open(path, "pt") as f:
            return dict(f.metadata() or {})
    except safetensors.SafetensorError as e:
        raise ValueError(f"{path} is not a whole safetensors file: {e}") from e


def header(path: Path) -> Header:
    """What the weights of a file are weights of. Raises as `about`, and ValueError where it does not say."""
    words = about(path)
    if "acn_bench" not in words:
        raise ValueError(
            f"{path} is not a finished network of acn_bench: it does not say what its weights are of"
        )
    try:
        raw = msgspec.json.decode(words["acn_bench"], type=dict[str, Any])
        family = FAMILIES.load(FAMILIES.tag(raw.get("backbone"), "family", "$.backbone"))
        header: Header = msgspec.convert(raw, Header[family])  # type: ignore[valid-type]
        return header
    except ValueError as e:
        raise ValueError(f"{path}: its header cannot be read: {e}") from e


def read(path: Path, build: Build) -> Network:
    """Rebuild the network, in evaluation mode on the CPU; draws nothing from a random generator.

    Raises as `header`, and ValueError for a factory's network and for weights that do not fit the header.
    """
    said = header(path)
    if said.backbone.function:
        raise ValueError(
            f"{path} holds a network that {said.backbone.function} makes: build it there, and load the "
            "file's tensors into it"
        )
    tensors = safetensors.torch.load_file(path)
    try:
        with torch.device("meta"):  # shapes alone: the values come from the file
            network = _empty(said, tensors, build)
        names = tensors if isinstance(network, MultiHead) else _without("backbone.", tensors)
        if wrong := state_dict_mismatch(network, names):
            raise ValueError(wrong)
    except ValueError as e:
        raise ValueError(f"{path}: header and weights do not fit: {e}") from e
    network.load_state_dict(names, assign=True)
    return network.eval()


def _empty(said: Header, tensors: dict[str, Tensor], build: Build) -> Network:
    """The network that the header describes, with the heads that are there."""
    mean = tensors.get("backbone.normalise.mean")
    norms = (
        {"mean": None} if mean is None else {"mean": [0.0] * len(mean), "std": [1.0] * len(mean)}
    )
    wide = {k: len(v) for k, v in tensors.items() if k.startswith("head.") and k.endswith("weight")}
    others = {k.partition(".")[0] for k in tensors} - {"backbone", "head"}
    if others:
        raise ValueError(
            f"beside backbone and head there is {', '.join(sorted(others))}, which its strategy predicts with"
        )
    if not wide:
        raise ValueError("there is no head")
    whole = build(said.backbone, max(wide.values()), precision=said.precision, **norms)
    cut = truncate(whole, said.depth)
    cut.branches = _branches(tensors)
    if list(wide) == ["head.weight"]:
        return cut
    assert isinstance(cut.head, nn.Linear)
    for e in range(len(wide)):
        if f"head.{e}.weight" not in wide:
            raise ValueError(f"there is no head.{e}.weight, and {len(wide)} heads")
    width = cut.head.in_features
    return MultiHead(
        cut, Heads([nn.Linear(width, wide[f"head.{e}.weight"]) for e in range(len(wide))])
    )


def _branches(tensors: dict[str, Tensor]) -> Branches | None:
    """Those whose weights are there: their names say after which blocks."""
    prefix, ending = "backbone.branches.", ".fc2.weight"
    last = {k: t for k, t in tensors.items() if k.startswith(prefix) and k.endswith(ending)}
    if not last:
        return None
    after = [int(name.removeprefix(prefix).removesuffix(ending)) for name in last]
    classes, hidden = next(iter(last.values())).shape
    return Branches(after, hidden // 2, classes)


def _without(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
