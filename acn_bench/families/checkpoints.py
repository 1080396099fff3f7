"""`--checkpoint`: weights files, models of RobustBench's zoo, folders of them and functions -> networks, and the seeds that they were trained with."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from acn_bench import parsing
from acn_bench.config import Seeds
from acn_bench.errors import listed, message, shorten
from acn_bench.families.trained import TrainedSpec
from acn_bench.registry import closest
from acn_bench.spec import Backbone, ImageBackbone
from acn_bench.weights_header import about, header

ENDING = ".safetensors"
ZOO_ENDING = ".pt"  # of RobustBench's zoo
ZOO = "<folder>/<dataset>/<threat model>/<name>.pt"  # as robustbench stores it
ZOO_DATA, ZOO_THREATS = ("cifar10", "cifar100", "imagenet"), ("Linf", "L2", "corruptions")

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
        zoo = sorted(p for p in path.rglob(f"*{ZOO_ENDING}") if _is_of_zoo(p))
        if not files and not zoo:
            raise LookupError(
                f"--checkpoint {shorten(reference)}: the folder holds no weights of runs"
            )
        yield from map(_of_file, files)
        yield from map(_of_zoo, zoo)
    elif path.suffix == ZOO_ENDING:
        yield _of_zoo(path)
    elif path.suffix == ENDING or path.exists():
        yield _of_file(path)
    elif ":" in reference:
        yield TrainedSpec(checkpoint=reference), None
    else:
        raise LookupError(
            f"--checkpoint {shorten(reference)}: there is no such file or folder; a network of your own is "
            "pkg.module:function"
        )


def zoo_files(path: Path) -> list[Path]:
    """The files of a model of the zoo: its own, or one for each network of an ensemble; an empty list without any."""
    return [path] if path.is_file() else sorted(path.parent.glob(f"{path.name}_m*{ZOO_ENDING}"))


def zoo_digest(path: Path) -> str:
    """8 hex digits of the hash of these files; empty without any."""
    return "-".join(map(digest, zoo_files(path)))


def _is_of_zoo(path: Path) -> bool:
    return path.parent.name in ZOO_THREATS and path.parent.parent.name in ZOO_DATA


def _of_zoo(path: Path) -> Trained:
    """The model of RobustBench's zoo whose weights lie there. Raises LookupError where they don't."""
    # of an ensemble, by any of its files
    path = path.with_name(re.sub(rf"{re.escape(ZOO_ENDING)}_m\d+{re.escape(ZOO_ENDING)}$", ZOO_ENDING, path.name))  # fmt: skip
    if not _is_of_zoo(path.absolute()):
        raise LookupError(
            f"--checkpoint {shorten(str(path))}: a model of RobustBench's zoo lies in {ZOO}, with {listed(ZOO_DATA)} "
            f"and {listed(ZOO_THREATS)}; another network is a function that returns it, pkg.module:function"
        )
    if not zoo_files(path):
        there = [p.stem for p in path.parent.glob(f"*{ZOO_ENDING}")]
        near = f" {closest(path.stem, there)}" if there else ""
        raise LookupError(
            f"the weights of RobustBench's {path.stem} are missing: {path}.{near} They are not downloaded here; where "
            "there is a network, robustbench.utils.load_model does"
        )
    zoo = "/".join(path.absolute().with_suffix("").parts[-3:])
    return TrainedSpec(checkpoint=str(path), source=zoo_digest(path), zoo=zoo), None


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
