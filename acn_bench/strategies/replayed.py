"""A memory beside each batch -> the passes that it adds to an epoch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


def beside(protocol: "ContinualSpec", examples: float) -> float:
    """Passes for each row of the stream, where `examples` of a memory join each batch after the first experience."""
    T = protocol.experiences
    return examples * (T - 1) / T / protocol.batch_size
