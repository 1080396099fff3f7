"""A strategy and a protocol -> why the one cannot serve the other: *runs* is not *supports*.

A strategy that would run and mean something else is refused before anything starts; nothing is found by
trying. Each strategy's file says which of these reasons it has.
"""

from importlib.util import find_spec

from acn_bench.benchmarks.continual.spec import ContinualSpec

SOLVER = "quadprog"  # of GEM's projection


def own_loss(protocol: ContinualSpec) -> str | None:
    """Refuse a scheme of losses by depth for a strategy whose loss is its own."""
    if protocol.scheme == "plain":
        return None
    return (
        f"its loss is its own and asks for the output alone, so that scheme={protocol.scheme} would change "
        "nothing"
    )


def no_solver() -> str | None:
    """Refuse GEM where its solver is not installed."""
    if find_spec(SOLVER) is not None:
        return None
    return f"it needs {SOLVER}, which is not installed: pip install 'acn_bench[gem]'"


def memory_below_batch(protocol: ContinualSpec, memory: int, batch: int) -> str | None:
    """Refuse a memory that never fills its batch."""
    if memory >= batch or protocol.experiences == 1:
        return None
    return (
        f"its memory of {memory} never fills a batch of {batch} (memory_batch_size), so nothing would be "
        "replayed"
    )


def sample_below_experiences(protocol: ContinualSpec, sample: int) -> str | None:
    """Refuse a sample that is smaller than the number of earlier experiences."""
    earlier = protocol.experiences - 1
    if sample >= earlier:
        return None
    return f"its sample of {sample} (sample_size) does not reach all {earlier} earlier experiences"


def memory_below_classes(protocol: ContinualSpec, memory: int) -> str | None:
    """Refuse a memory that is smaller than the number of classes."""
    classes = protocol.experiences * protocol.classes_per_experience
    return (
        f"its memory of {memory} has no place for each of {classes} classes"
        if memory < classes
        else None
    )


def batch_below_experiences(protocol: ContinualSpec) -> str | None:
    """Refuse a batch that cannot hold an example of each experience, where each has its head."""
    if protocol.heads == "one" or protocol.batch_size >= protocol.experiences:
        return None
    return (
        f"with a head for each experience, a batch holds examples of all {protocol.experiences} experiences, "
        f"and {protocol.batch_size} (batch_size) is too few"
    )
