"""Settings shared by the specs of protocols that train on images: mirroring and training schemes."""

from typing import TypeVar, get_args

import msgspec

from acn_bench.errors import shorten
from acn_bench.registry import DATA, closest
from acn_bench.spec import Benchmark, Network, Scheme

B = TypeVar("B", bound=Benchmark)

SCHEMES: tuple[str, ...] = get_args(Scheme)


def flips(datasets: tuple[str, ...]) -> bool:
    """Whether mirrored images of all data sets keep their class; a user's data function decides for itself."""
    return all(DATA.load(name).flips for name in datasets if name in DATA)


def with_scheme(protocol: B, scheme: str, backbone: str) -> B:
    """The protocol with that training scheme. Raises LookupError for an unknown one."""
    if scheme not in SCHEMES:
        raise LookupError(
            f"unknown scheme {shorten(scheme)} of {backbone}. {closest(scheme, SCHEMES)}"
        )
    return msgspec.structs.replace(protocol, scheme=scheme)


def check_scheme(scheme: Scheme, backbone: Network) -> None:
    """Raise ValueError for a scheme of losses by depth on a network whose depths are unknown."""
    if scheme != "plain" and backbone.depth is None:
        raise ValueError(
            f"{backbone.name}: scheme={scheme} needs a network with known blocks, and a factory's network has "
            "none; use scheme=plain"
        )
