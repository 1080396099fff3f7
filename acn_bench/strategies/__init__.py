"""A strategy's card -> an Avalanche learner; and metrics of a network for any Avalanche pipeline."""

from typing import TYPE_CHECKING, Any

from acn_bench import registry

if TYPE_CHECKING:
    from acn_bench.strategies.metrics.depth import UtilisedDepth
    from acn_bench.strategies.metrics.noise import NoiseRobustness, RobustForgetting

__all__ = ["NoiseRobustness", "RobustForgetting", "UtilisedDepth"]

_ON_FIRST_USE = {
    "NoiseRobustness": "acn_bench.strategies.metrics.noise:NoiseRobustness",
    "RobustForgetting": "acn_bench.strategies.metrics.noise:RobustForgetting",
    "UtilisedDepth": "acn_bench.strategies.metrics.depth:UtilisedDepth",
}


def __getattr__(name: str) -> Any:
    """Load the metrics on first use: importing Avalanche takes seconds."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return registry.load(_ON_FIRST_USE[name])
