"""A strategy and a protocol -> why the one cannot serve the other: *runs* is not *supports*.

Nothing here is found out by trying: a strategy that would run and mean something else is refused
before anything starts.
"""

from importlib.util import find_spec

from acn_bench.spec import (
    AgemSpec,
    ContinualSpec,
    CumulativeSpec,
    DerSpec,
    ErAceSpec,
    GdumbSpec,
    GemSpec,
    IcarlSpec,
    JointSpec,
    StrategySpec,
)

SOLVER = "quadprog"  # of GEM's projection


def refusal(strategy: StrategySpec, protocol: ContinualSpec) -> str | None:
    """A sentence without its full stop, or None where the strategy serves the protocol."""
    return (
        _scenario(strategy, protocol)
        or _scheme(strategy, protocol)
        or _solver(strategy)
        or _sizes(strategy, protocol)
    )


def _scenario(strategy: StrategySpec, protocol: ContinualSpec) -> str | None:
    if protocol.heads == "one":
        return None
    if isinstance(strategy, IcarlSpec):
        return (
            "with a head each, classes are numbered from 0 in every experience, and iCaRL keeps one mean a "
            "number: it would merge the classes of different experiences"
        )
    if isinstance(strategy, ErAceSpec):
        return (
            "with a head each, classes of different experiences never compete, so the mask of ER-ACE changes "
            "nothing: it would be replay under another name"
        )
    return None


def _scheme(strategy: StrategySpec, protocol: ContinualSpec) -> str | None:
    if protocol.scheme != "plain" and isinstance(strategy, DerSpec | IcarlSpec | ErAceSpec):
        return (
            f"its loss is its own and asks for the output alone, so that scheme={protocol.scheme} would "
            "change nothing"
        )
    return None


def _solver(strategy: StrategySpec) -> str | None:
    if isinstance(strategy, GemSpec) and find_spec(SOLVER) is None:
        return f"it needs {SOLVER}, which is not installed: pip install 'acn_bench[gem]'"
    return None


def _sizes(strategy: StrategySpec, protocol: ContinualSpec) -> str | None:
    """Values that fit each other nowhere: what would fail, or silently do nothing."""
    if (
        isinstance(strategy, DerSpec | ErAceSpec)
        and strategy.memory < strategy.memory_batch_size
        and protocol.experiences > 1
    ):
        return (
            f"its memory of {strategy.memory} never fills a batch of {strategy.memory_batch_size} "
            "(memory_batch_size), so nothing would be replayed"
        )
    earlier = protocol.experiences - 1
    if isinstance(strategy, AgemSpec) and strategy.sample_size < earlier:
        return (
            f"its sample of {strategy.sample_size} (sample_size) does not reach all {earlier} earlier "
            "experiences"
        )
    classes = protocol.experiences * protocol.classes_per_experience
    if isinstance(strategy, GdumbSpec | IcarlSpec) and strategy.memory < classes:
        return f"its memory of {strategy.memory} has no place for each of {classes} classes"
    mixed = isinstance(strategy, JointSpec | CumulativeSpec | GdumbSpec)
    if mixed and protocol.heads == "each" and protocol.batch_size < protocol.experiences:
        return (
            f"with a head each, a batch holds examples of all {protocol.experiences} experiences, and "
            f"{protocol.batch_size} (batch_size) is too few"
        )
    return None
