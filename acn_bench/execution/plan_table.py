"""The runs of a plan -> a short name for each, and a table of the runs to make."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from acn_bench.analysis import labels
from acn_bench.config import RunConfig
from acn_bench.errors import listed
from acn_bench.printable import one_line

_TITLES = ("strategy", "backbone", "scheme", "depth", "settings")


class PlanTable:
    """Names that are unique within the plan: they omit the settings that all runs share."""

    def __init__(self, configs: Sequence[RunConfig]) -> None:
        settings = labels.distinguishing(configs)
        self._rows = {
            c.run_id: tuple(map(one_line, (*_arm(c), s)))
            for c, s in zip(configs, settings, strict=True)
        }

    def name(self, config: RunConfig) -> str:
        """In one line: "si ac_mixer:plain d5 equal images seed 0"."""
        return f"{self.of_any_seed(config)} seed {config.seeds.joined('/')}"

    def of_any_seed(self, config: RunConfig) -> str:
        """Its name without the seed."""
        *arm, depth, settings = self._rows[config.run_id]
        parts = [*arm, f"d{depth}" if depth else "", settings]
        return " ".join(part for part in parts if part)

    def table(self, configs: Sequence[RunConfig], finished: Sequence[bool]) -> Table:
        """A row per arm and setting: its seeds, and how many of its runs are still to do."""
        rows: dict[tuple[str, ...], list[tuple[RunConfig, bool]]] = {}
        for config, done in zip(configs, finished, strict=True):
            rows.setdefault(self._rows[config.run_id], []).append((config, done))
        used = [k for k, column in enumerate(zip(*rows, strict=True)) if any(column)]
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in (*(_TITLES[k] for k in used), "seeds", "to do"):
            table.add_column(title, justify="right" if title == "to do" else "left")
        for row, runs in rows.items():
            seeds = listed(dict.fromkeys(c.seeds.joined("/") for c, _ in runs))
            cells = [escape(row[k]) for k in used]
            table.add_row(*cells, seeds, str(sum(not done for _, done in runs)))
        return table


def _arm(config: RunConfig) -> tuple[str, ...]:
    """(strategy, backbone, the other settings of the arm, depth), each empty where there is none."""
    depth = "" if config.backbone.depth is None else str(config.backbone.depth)
    strategy = config.strategy.name if config.strategy else ""
    arm = " ".join(str(getattr(config.benchmark, name)) for name in config.benchmark.arm)
    return strategy, config.backbone.name, arm, depth
