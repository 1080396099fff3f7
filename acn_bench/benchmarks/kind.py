"""What a kind of benchmark is: one value that names its spec, its result, its protocol and its report.

A kind is a folder below `benchmarks/` and a line in `registry.KINDS`. Naming it imports neither torch nor what
draws its figures: those modules are given by name.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from acn_bench.analysis.final_model import FinalModel, final_model
from acn_bench.analysis.metric import Metric
from acn_bench.config import RunConfig
from acn_bench.errors import shorten
from acn_bench.record import Record
from acn_bench.registry import closest
from acn_bench.result import Result
from acn_bench.spec import Benchmark, Inputs

if TYPE_CHECKING:
    from acn_bench.analysis.groups import Group
    from acn_bench.data.data_set import DataSet

# quality and cost: a row or column for each metric; overview: groups side by side; runs: the appendix;
# definitions: metrics that compete for one word; published: read beside published figures alone
TableName = Literal["quality", "cost", "overview", "runs", "definitions", "published"]
Sentences = list[tuple[str, str]]  # (word, sentence)


def chance_of_final_model(record: Record) -> str:
    """The accuracy of guessing, of the model that a run ended with."""
    return f"{100 * final_model(record).chance:.3g} % accuracy"


@dataclass(frozen=True)
class Kind:
    """One kind of benchmark."""

    spec: type[Benchmark]
    result: type[Result]
    inputs: Inputs  # what its networks take
    # module: check(config, data), cost(config, data) -> Cost; train_rows(config, data), the rows that each training
    # cuts into batches, where they are known; prepare(config, data, report), which makes what runs read from disk,
    # once, where there is such a thing; never Avalanche
    planning: str
    # module: measure(run) -> RunOutput; where strategies apply, build(run), which builds all that is trained
    protocol: str
    tables: Mapping[TableName, tuple[Metric, ...]]  # each in the order of rows and columns
    describe: Callable[[RunConfig], str]  # the protocol, in one line
    summary: Callable[[Record], str]  # the outcome of a run, in a few words
    final_model: Callable[[Record], FinalModel]
    # module: training(config, rows, classes, shape) -> PaperTraining, for plans of many devices on paper; empty where
    # its trainings have no such plan
    on_paper: str = ""
    # module:object, the ReportSections of its reports
    sections: str = "acn_bench.reports.sections.shared:SHARED"
    # modules that the protocol loads by name, for some settings of its spec alone
    modules: Callable[[Any], Sequence[str]] = lambda _: ()
    # modules that the protocol loads by name, for networks that were trained before
    trained_modules: Sequence[str] = ()
    example: str = ""  # module: SMALLEST_CARD, and example_record(wiring, seed); for tests
    # raises ValueError where a result does not fit its spec, or itself
    validate: Callable[[Any, Any], None] = lambda *_: None
    # what two records of the same run must share
    outcome: Callable[[Record], object] = lambda record: record.result.accuracy
    setting: Callable[[Sequence[Record]], Sentences] = lambda _: []  # the protocol in a report
    chance_level: Callable[[Record], str] = chance_of_final_model
    # whether the chance level of an accuracy differs from metric to metric, so that each names its own
    chance_varies: Callable[[Record], bool] = lambda _: False
    # what its runs do where the publication of a preset does otherwise
    practice: Callable[[Record], dict[str, str]] = lambda _: {}
    caveats: Callable[[Sequence["Group"]], list[str]] = lambda _: []  # of this kind alone
    reads_folders: bool = False  # whether it takes images that lie in files, not in memory
    distributed: bool = False  # whether `measure` works in several processes: `run.world_size` > 1
    # that a run may take to save a checkpoint when it is stopped; a run that does not save ends at once
    stop_seconds: float = 1.0
    # metrics by which a strategy that acts differs from naive
    effects: tuple[str, ...] = ()
    # whether the protocol compares this run
    matched: Callable[[Record], bool] = lambda _: True
    # reasons why a run compares with no published figures: of this kind alone; (config, its data sets)
    not_comparable: Callable[[RunConfig, Sequence["DataSet"]], list[str]] = lambda *_: []
    # what is expensive in a run, in sentences for a plan; (config, its data sets)
    expenses: Callable[[RunConfig, Sequence["DataSet"]], list[str]] = lambda *_: []
    # settings that a report names elsewhere
    unlisted: frozenset[str] = field(default_factory=lambda: frozenset({"name"}))
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
            raise LookupError(f"unknown metric {shorten(name)}. {closest(name, self.metrics)}")
        return self.metrics[name]

    def table(self, name: TableName) -> tuple[Metric, ...]:
        """The metrics of a table; none where the kind has no such table."""
        return self.tables.get(name, ())

    @property
    def planning_module(self) -> ModuleType:
        """Import and return it."""
        return importlib.import_module(self.planning)

    @property
    def on_paper_module(self) -> ModuleType:
        """Import and return it; it must be named."""
        return importlib.import_module(self.on_paper)

    @property
    def protocol_module(self) -> ModuleType:
        """Import and return it."""
        return importlib.import_module(self.protocol)

    def check_processes(self, count: int) -> None:
        """Raise ValueError where a run of this kind cannot use so many processes."""
        if count > 1 and not self.distributed:
            raise ValueError(
                f"a run of a {self.name} benchmark uses one process, and cannot use {count}"
            )
