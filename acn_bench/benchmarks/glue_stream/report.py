"""A stream of text tasks in words: its protocol, its chance level and its caveats."""

from collections.abc import Sequence
from typing import cast

from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.continual import report as continual
from acn_bench.benchmarks.continual.record import ContinualRecord
from acn_bench.benchmarks.continual.spec import ContinualConfig
from acn_bench.benchmarks.glue_stream.measures import chance
from acn_bench.benchmarks.glue_stream.record import GlueStreamRecord
from acn_bench.benchmarks.glue_stream.spec import GlueStreamConfig, GlueStreamSpec
from acn_bench.data.data_set import DataSet
from acn_bench.data.glue.tasks import TASKS
from acn_bench.wording import each, listed


def describe(config: GlueStreamConfig) -> str:
    """The protocol, in one line."""
    spec = config.benchmark
    return f"{_titles(spec)}, {_start(spec)}: {continual.describe(cast(ContinualConfig, config))}"


def _titles(spec: GlueStreamSpec) -> str:
    return listed([TASKS[name].title for name in spec.tasks])


def _start(spec: GlueStreamSpec) -> str:
    return {
        "scratch": "from scratch",
        "pretrained": f"from {spec.checkpoint}",
        "rewired": f"from the residual weights of {spec.checkpoint}",
    }[spec.start]


def not_comparable(_: GlueStreamConfig, __: Sequence[DataSet]) -> list[str]:
    """Why figures compare with no published ones."""
    return ["no figures of this stream are published"]


def setting(records: Sequence[GlueStreamRecord]) -> list[tuple[str, str]]:
    """The tasks and their texts, then as of any continual benchmark."""
    specs = [r.config.benchmark for r in records]
    return [
        ("Tasks", each(map(_tasks, specs))),
        ("Texts", each(map(_texts, records))),
        *continual.setting(cast(Sequence[ContinualRecord], records)),
    ]


def _tasks(spec: GlueStreamSpec) -> str:
    order = "in this order" if spec.class_order == "natural" else "in an order of each seed's own"
    return f"{_titles(spec)}, {order}, {_start(spec)}; each has a head"


def _texts(record: GlueStreamRecord) -> str:
    spec, result = record.config.benchmark, record.result
    rows = (
        ""
        if spec.class_rows is None
        else f"; at most {spec.class_rows:,} training texts of each class"
    )
    return (
        f"WordPiece, {result.vocabulary:,} pieces, at most {spec.length} tokens, {sum(result.cut):,} texts cut; token types "
        f"are not passed{rows}"
    )


def chance_level(record: GlueStreamRecord) -> str:
    """The accuracy of the most frequent class, mean over tasks."""
    return f"{100 * chance(record):.3g} % accuracy (the most frequent class, mean over tasks)"


def caveats(groups: Sequence[Group]) -> list[str]:
    """As of any continual benchmark."""
    return continual.caveats(groups)
