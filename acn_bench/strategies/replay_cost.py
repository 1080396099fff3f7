"""A protocol and a replay batch -> the passes that replay adds to an epoch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


def replay_passes(protocol: "ContinualSpec", examples: float) -> float:
    """Added passes for each row of the stream: every batch after experience 0 has `examples` of a memory."""
    T = protocol.experiences
    return examples * (T - 1) / T / protocol.batch_size
