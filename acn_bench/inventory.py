"""Everything that has a name, with one line each: what `acn-bench list` shows."""

from acn_bench import catalog
from acn_bench.families import names
from acn_bench.registry import CORRUPTIONS, DATA, KINDS


def inventory() -> dict[str, dict[str, str]]:
    """List -> name -> one line."""
    return {
        "benchmarks": {n: catalog.benchmark(n).intent for n in catalog.names("benchmarks")},
        "strategies": {n: catalog.strategy(n).intent for n in catalog.names("strategies")},
        "backbones": names.descriptions(),
        "data": {n: DATA.load(n).description for n in DATA},
        "corruptions": {n: CORRUPTIONS.entry(n).description for n in CORRUPTIONS},
        "metrics": {
            metric.name: f"{metric.title}: {metric.definition} ({metric.origin})"
            for kind in KINDS
            for metric in KINDS.load(kind).metrics.values()
        },
    }
