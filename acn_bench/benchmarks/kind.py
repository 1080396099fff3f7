"""What a kind of benchmark is: one value that names its spec, its result, its protocol and its report.

A kind is a folder below `benchmarks/` and a line in `registry.KINDS`. Naming it imports neither torch nor
matplotlib: the modules that need them are given by name.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from acn_bench.analysis.final_model import FinalModel
from acn_bench.analysis.metric import Metric
from acn_bench.config import RunConfig
from acn_bench.record import Record
from acn_bench.registry import closest
from acn_bench.result import Result
from acn_bench.spec import Benchmark, Inputs

if TYPE_CHECKING:
    from acn_bench.analysis.groups import Group

# quality and cost: a row or column for each metric; overview: groups side by side; runs: the appendix;
# definitions: metrics that compete for one word
TableName = Literal["quality", "cost", "overview", "runs", "definitions"]
Sentences = list[tuple[str, str]]  # (word, sentence)


@dataclass(frozen=True)
class Kind:
    """One kind of benchmark."""

    spec: type[Benchmark]
    result: type[Result]
    inputs: Inputs  # what its networks take
    planning: str  # module: check(config, data), cost(config, data) -> Cost; never Avalanche
    protocol: str  # module: measure(run) -> RunOutput
    sections: (
        str  # "module:object", the ReportSections of its reports; the module may import matplotlib
    )
    tables: Mapping[TableName, tuple[Metric, ...]]  # each in the order of rows and columns
    example: str  # module: SMALLEST_CARD, and example_record(wiring, seed); for tests
    # raises ValueError where a result does not fit its spec, or itself
    validate: Callable[[Any, Any], None]
    describe: Callable[[RunConfig], str]  # the protocol, in one line
    summary: Callable[[Record], str]  # the outcome of a run, in a few words
    final_model: Callable[[Record], FinalModel]
    outcome: Callable[[Record], object]  # what two records of the same run must share
    setting: Callable[[Sequence[Record]], Sentences]  # the protocol in a report
    chance_level: Callable[[Record], str]
    # whether the chance level of an accuracy differs from metric to metric, so that each names its own
    chance_varies: Callable[[Record], bool]
    practice: Callable[[Record], dict[str, str]]  # what its runs do where a preset does otherwise
    caveats: Callable[[Sequence["Group"]], list[str]]  # of this kind alone
    distributed: bool = False  # whether `measure` works in several processes: `run.world_size` > 1
    matched: Callable[[Record], bool] = lambda _: True  # whether the protocol compares this run
    # reasons why a run compares with no published figures: of this kind alone; (config, its data sets)
    not_comparable: Callable[[RunConfig, Sequence[Any]], list[str]] = lambda *_: []
    unlisted: frozenset[str] = field(
        default_factory=frozenset
    )  # settings that a report names elsewhere
    other_experiment: tuple[str, ...] = ()  # settings whose other value is another experiment

    @property
    def name(self) -> str:
        """The tag of its spec and its result."""
        return str(self.spec.__struct_config__.tag)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """All metrics of its tables, by name."""
        return {metric.name: metric for table in self.tables.values() for metric in table}

    def metric(self, name: str) -> Metric:
        """The metric of that name. Raises LookupError with the nearest known name."""
        if name not in self.metrics:
            raise LookupError(f"unknown metric {name!r}. {closest(name, self.metrics)}")
        return self.metrics[name]

    def table(self, name: TableName) -> tuple[Metric, ...]:
        """The metrics of a table; none where the kind has no such table."""
        return self.tables.get(name, ())

    @property
    def planning_module(self) -> ModuleType:
        """Import and return it."""
        return importlib.import_module(self.planning)

    @property
    def protocol_module(self) -> ModuleType:
        """Import and return it."""
        return importlib.import_module(self.protocol)
