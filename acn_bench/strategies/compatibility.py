"""A strategy and a protocol -> why the strategy does not support the protocol; None if it does.

*Runs* is not *supports*: a strategy that would run but be a different method is refused before anything starts.
Each strategy's file names its reasons.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec

SOLVER = "quadprog"  # of GEM's projection


def own_loss(protocol: "ContinualSpec") -> str | None:
    """Refuse a training scheme for a strategy that computes its own loss."""
    if protocol.scheme == "plain":
        return None
    return (
        f"its loss is its own and asks for the output alone, so that scheme={protocol.scheme} would change "
        "nothing"
    )


def no_solver() -> str | None:
    """Refuse GEM if its solver is not installed."""
    if find_spec(SOLVER) is not None:
        return None
    return f"it needs {SOLVER}, which is not installed: pip install 'acn_bench[gem]'"


def memory_below_batch(protocol: "ContinualSpec", memory: int, batch: int) -> str | None:
    """Refuse a memory that is smaller than its replay batch."""
    if memory >= batch or protocol.experiences == 1:
        return None
    return (
        f"its memory of {memory} never fills a batch of {batch} (memory_batch_size), so nothing would be "
        "replayed"
    )


def sample_below_experiences(protocol: "ContinualSpec", sample: int) -> str | None:
    """Refuse a sample that is smaller than the number of earlier experiences."""
    earlier = protocol.experiences - 1
    if sample >= earlier:
        return None
    return f"its sample of {sample} (sample_size) does not reach all {earlier} earlier experiences"


def memory_below_classes(protocol: "ContinualSpec", memory: int) -> str | None:
    """Refuse a memory that is smaller than the number of classes."""
    classes = protocol.classes
    return (
        f"its memory of {memory} has no place for each of {classes} classes"
        if memory < classes
        else None
    )


def batch_below_experiences(protocol: "ContinualSpec") -> str | None:
    """Refuse a task-incremental batch that is too small for an example of each experience."""
    if protocol.heads == "one" or protocol.batch_size >= protocol.experiences:
        return None
    return (
        f"with a head for each experience, a batch holds examples of all {protocol.experiences} experiences, "
        f"and {protocol.batch_size} (batch_size) is too few"
    )
