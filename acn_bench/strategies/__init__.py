"""A strategy's card -> an Avalanche learner; and metrics of a network for any Avalanche pipeline."""

from typing import TYPE_CHECKING

from acn_bench import registry

if TYPE_CHECKING:
    from acn_bench.strategies.metrics.depth import UtilisedDepth
    from acn_bench.strategies.metrics.noise import NoiseRobustness, RobustForgetting

__all__ = ["NoiseRobustness", "RobustForgetting", "UtilisedDepth"]

# importing Avalanche takes seconds
__getattr__ = registry.on_first_use(
    __name__,
    {
        "NoiseRobustness": "acn_bench.strategies.metrics.noise:NoiseRobustness",
        "RobustForgetting": "acn_bench.strategies.metrics.noise:RobustForgetting",
        "UtilisedDepth": "acn_bench.strategies.metrics.depth:UtilisedDepth",
    },
)
