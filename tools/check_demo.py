"""Check that the records of `make demo` show learning and then forgetting.

    python tools/check_demo.py runs/demo/split_cifar100

If nothing is learned, or nothing forgotten, comparisons of strategies mean nothing.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from acn_bench import metrics, records
from acn_bench.records import RunRecord

LEARNED = 0.60  # of R[j][j], mean over experiences and seeds; chance is 1 in 5
FORGOTTEN = 0.10  # by naive, first_last


def main(folder: Path) -> str:
    """Print the figures of each arm and the report's path. Returns the failed checks; empty if none failed."""
    try:
        loaded = records.load_all([folder])
    except (LookupError, ValueError) as e:
        return str(e)
    if not loaded:
        return f"there is no record below {folder}"
    arms = defaultdict(list)
    for record in _latest(loaded):
        arms[record.config.strategy.name, record.config.backbone.name].append(record)
    failures = [*_shown(arms)]
    report = folder / "report.html"
    if not report.is_file():
        failures.append(f"there is no report at {report}")
    print(f"Report: {report}")
    return "; ".join(failures)


def _shown(arms: dict[tuple[str, str], list[RunRecord]]) -> Iterator[str]:
    """Print the figures of each arm; yield what they do not show."""
    print(f"{'strategy':<10} {'backbone':<24} {'seeds':>5} {'learned':>8} {'forgotten':>9}")
    for (strategy, backbone), runs in sorted(arms.items()):
        learned = _mean([metrics.learning_accuracy(r.result.accuracy) for r in runs])
        forgotten = _mean([metrics.forgetting(r.result.accuracy) for r in runs])
        figures = f"{_percent(learned):>8} {_percent(forgotten):>9}"
        print(f"{strategy:<10} {backbone:<24} {len(runs):>5} {figures}")
        if strategy != "joint" and (learned is None or learned < LEARNED):
            yield f"{strategy} {backbone} learned {_percent(learned)}, not {LEARNED:.0%}"
        if strategy == "naive" and (forgotten is None or forgotten < FORGOTTEN):
            yield f"naive {backbone} forgot {_percent(forgotten)}, not {FORGOTTEN:.0%}"
    if not any(strategy == "naive" for strategy, _ in arms):
        yield "there is no run of naive, which forgets"


def _latest(loaded: list[RunRecord]) -> list[RunRecord]:
    """The records with the newest one's protocol, of each strategy and backbone those of its newest code."""
    newest = {(r.config.strategy, r.config.backbone): r for r in sorted(loaded, key=_time)}
    protocol = max(loaded, key=_time).config.benchmark
    return [
        r
        for r in loaded
        if r.provenance.code == newest[r.config.strategy, r.config.backbone].provenance.code
        and r.config.benchmark == protocol
    ]


def _time(record: RunRecord) -> str:
    return record.provenance.time


def _mean(values: list[float | None]) -> float | None:
    measured = [v for v in values if v is not None]
    return fmean(measured) if measured else None


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


if __name__ == "__main__":
    failures = main(Path(sys.argv[1]))
    if failures:
        sys.exit(f"The demonstration does not show what it should: {failures}.")
