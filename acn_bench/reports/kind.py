"""What a report shows of one kind of benchmark: which metrics where, and the protocol in sentences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acn_bench.analysis.groups import Group
from acn_bench.analysis.metric import Metric
from acn_bench.records import RunRecord


@dataclass(frozen=True)
class Kind:
    """Names are those of metrics; their order is that of rows and columns."""

    metrics: dict[str, Metric]  # all that its records can have
    quality: tuple[str, ...]  # the table of AC beside the others
    cost: tuple[str, ...]
    overview: tuple[str, ...]  # groups side by side
    per_run: tuple[str, ...]  # the appendix
    ledger: tuple[str, ...]  # definitions that compete for one word
    protocol: Callable[[Sequence[RunRecord]], list[tuple[str, str]]]  # (word, sentence)
    guessing: Callable[[RunRecord], str]  # what it would have
    caveats: Callable[[Sequence[Group]], list[str]]  # of this kind alone
    matched: Callable[[RunRecord], bool]  # whether a run is one that the protocol compares
    unlisted: frozenset[str]  # settings that are said elsewhere, or are no part of training
    other_experiment: tuple[str, ...]  # settings of which another value is another experiment
