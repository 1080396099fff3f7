"""A strategy's card -> an Avalanche learner; and what any Avalanche pipeline can log of a network."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acn_bench.strategies.metrics.depth import UtilisedDepth
    from acn_bench.strategies.metrics.noise import NoiseRobustness, RobustForgetting

__all__ = ["NoiseRobustness", "RobustForgetting", "UtilisedDepth"]


def __getattr__(name: str) -> Any:
    """Load the metrics when they are asked for: importing Avalanche takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from acn_bench.strategies.metrics import depth, noise

    return getattr(depth if name == "UtilisedDepth" else noise, name)
