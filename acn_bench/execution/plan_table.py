"""The runs of one plan -> what each is called, and the table of what is to do."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from acn_bench.analysis import labels
from acn_bench.config import RunConfig
from acn_bench.spec import FactorySpec

_TITLES = ("strategy", "backbone", "scheme", "depth", "settings")


class PlanTable:
    """Names that are clear among the plan's own runs: what all have alike, they leave out."""

    def __init__(self, configs: Sequence[RunConfig]) -> None:
        apart = labels.apart(configs)
        self._rows = {c.run_id: (*_arm(c), words) for c, words in zip(configs, apart, strict=True)}

    def name(self, config: RunConfig) -> str:
        """In one line: "si ac_mixer:plain d5 equal images seed 0"."""
        *words, depth, settings = self._rows[config.run_id]
        said = [*words, f"d{depth}" if depth else "", settings, f"seed {config.seeds.joined('/')}"]
        return " ".join(word for word in said if word)

    def table(self, configs: Sequence[RunConfig], finished: Sequence[bool]) -> Table:
        """A row for all seeds of a run, with how many of them are still to do."""
        rows: dict[tuple[str, ...], list[tuple[RunConfig, bool]]] = {}
        for config, done in zip(configs, finished, strict=True):
            rows.setdefault(self._rows[config.run_id], []).append((config, done))
        said = [k for k, words in enumerate(zip(*rows, strict=True)) if any(words)]
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in (*(_TITLES[k] for k in said), "seeds", "to do"):
            table.add_column(title, justify="right" if title == "to do" else "left")
        for words, runs in rows.items():
            seeds = ", ".join(dict.fromkeys(c.seeds.joined("/") for c, _ in runs))
            cells = [escape(words[k]) for k in said]
            table.add_row(*cells, seeds, str(sum(not done for _, done in runs)))
        return table


def _arm(config: RunConfig) -> tuple[str, ...]:
    """Strategy, backbone, what else tells arms apart, depth; each empty where there is none."""
    depth = "" if isinstance(config.backbone, FactorySpec) else str(config.backbone.depth)
    strategy = config.strategy.name if config.strategy else ""
    arm = " ".join(str(getattr(config.benchmark, name)) for name in config.benchmark.arm)
    return strategy, config.backbone.name, arm, depth
