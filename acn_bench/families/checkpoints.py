"""`--checkpoint`: weights files, folders of them and functions -> networks, and the seeds that they were trained with."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from acn_bench import parsing
from acn_bench.config import Seeds
from acn_bench.errors import message, shorten
from acn_bench.families.trained import TrainedSpec
from acn_bench.spec import Backbone, ImageBackbone
from acn_bench.weights_header import about, header

ENDING = ".safetensors"

Trained = tuple[TrainedSpec, Seeds | None]  # no seeds: the network is of no run


def trained(references: Sequence[str]) -> list[Trained]:
    """The network of each reference, and of each weights file of a folder.

    Raises LookupError where there is no file, ValueError for a file that holds no network of images.
    """
    return [network for reference in references for network in _of(reference)]


def digest(path: Path) -> str:
    """8 hex digits of the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]


def _of(reference: str) -> Iterator[Trained]:
    path = Path(reference)
    if path.is_dir():
        files = sorted({*path.rglob(f"weights/*{ENDING}"), *path.glob(f"*{ENDING}")})
        if not files:
            raise LookupError(
                f"--checkpoint {shorten(reference)}: the folder holds no weights of runs"
            )
        yield from map(_of_file, files)
    elif path.suffix == ENDING or path.exists():
        yield _of_file(path)
    elif ":" in reference:
        yield TrainedSpec(checkpoint=reference), None
    else:
        raise LookupError(
            f"--checkpoint {shorten(reference)}: there is no such file or folder; a network of your own is "
            "pkg.module:function"
        )


def _of_file(path: Path) -> Trained:
    described = header(path)
    network = described.backbone
    if not isinstance(network, ImageBackbone):
        what = (
            f"text ({network.name})"
            if isinstance(network, Backbone)
            else f"a factory, {network.name}"
        )
        raise ValueError(
            f"--checkpoint {path} holds a network of {what}: give a function that returns it, pkg.module:function"
        )
    if described.depth == 0:
        raise ValueError(f"--checkpoint {path} holds a network that was cut to 0 blocks")
    spec = TrainedSpec(
        checkpoint=str(path),
        source=digest(path),
        architecture=network.family,
        wiring=network.wiring,
        variant=network.variant,
        depth=described.depth,
        image_shape=(network.in_channels, network.image_size, network.image_size),
    )
    return spec, _seeds(path)


def _seeds(path: Path) -> Seeds | None:
    """Of the run that wrote the file; None where it is of no run."""
    config = about(path).get("config")
    if config is None:
        return None
    try:
        return msgspec.convert(parsing.json_object(config).get("seeds"), Seeds)
    except ValueError as e:
        raise ValueError(f"{path}: the config in its header cannot be read: {message(e)}") from e
