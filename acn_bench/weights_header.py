"""A weights file -> its header, which describes how to build its network; no tensor is read."""

from pathlib import Path
from typing import Annotated, Generic

import msgspec
import safetensors

from acn_bench import parsing
from acn_bench.config import N
from acn_bench.errors import message
from acn_bench.registry import FAMILIES
from acn_bench.spec import Precision


class Header(msgspec.Struct, Generic[N], frozen=True):
    """The network of a weights file."""

    backbone: N  # as it was built, before any cut
    depth: Annotated[int, msgspec.Meta(ge=0)]  # blocks after the cut
    precision: Precision = "fp32"

    def encoded(self) -> dict[str, str]:
        """As safetensors metadata, which holds strings only."""
        return {"acn_bench": msgspec.json.encode(self).decode()}


def about(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file. Raises LookupError for no file, ValueError for another kind of file."""
    if not path.is_file():
        raise LookupError(f"there is no file at {path}")
    try:
        with safetensors.safe_open(path, "np") as f:
            return dict(f.metadata() or {})
    except safetensors.SafetensorError as e:
        raise ValueError(f"{path} is not a whole safetensors file: {message(e)}") from e


def header(path: Path) -> Header:
    """The header of a weights file. Raises as `about`, and ValueError for a file without a header."""
    metadata = about(path)
    if "acn_bench" not in metadata:
        raise ValueError(
            f"{path} is not a finished network of acn_bench: it has no header that describes the network"
        )
    try:
        raw = parsing.json_object(metadata["acn_bench"])
        family = FAMILIES.load(FAMILIES.tag(raw.get("backbone"), "family", "$.backbone"))
        header: Header = msgspec.convert(raw, Header[family])  # type: ignore[valid-type]
        return header
    except ValueError as e:
        raise ValueError(f"{path}: its header cannot be read: {message(e)}") from e
