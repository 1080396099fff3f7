"""Records of `make demo` -> whether the demonstration shows what it is for: learning, then forgetting.

    python tools/check_demo.py runs/demo/split_cifar100

On a stream that is not learned, or that nothing forgets, every comparison is empty.
"""

import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from acn_bench import metrics, records
from acn_bench.records import RunRecord

LEARNED = 0.60  # of R[j][j], mean over experiences and seeds; chance is 1 in 5
FORGOTTEN = 0.10  # by naive, first_last


def main(folder: Path) -> str:
    """Print the figures of each arm and the report's path; returns why they fall short, or nothing."""
    try:
        found = records.load_all([folder])
    except (LookupError, ValueError) as e:
        return str(e)
    if not found:
        return f"there is no record below {folder}"
    arms = defaultdict(list)
    for record in _latest(found):
        arms[record.config.strategy.name, record.config.backbone.name].append(record)
    short = []
    print(f"{'strategy':<10} {'backbone':<24} {'seeds':>5} {'learned':>8} {'forgotten':>9}")
    for (strategy, backbone), runs in sorted(arms.items()):
        learned = _mean([metrics.learning_accuracy(r.result.accuracy) for r in runs])
        forgotten = _mean([metrics.forgetting(r.result.accuracy) for r in runs])
        figures = f"{_percent(learned):>8} {_percent(forgotten):>9}"
        print(f"{strategy:<10} {backbone:<24} {len(runs):>5} {figures}")
        if strategy != "joint" and (learned is None or learned < LEARNED):
            short.append(f"{strategy} {backbone} learned {_percent(learned)}, not {LEARNED:.0%}")
        if strategy == "naive" and (forgotten is None or forgotten < FORGOTTEN):
            short.append(f"naive {backbone} forgot {_percent(forgotten)}, not {FORGOTTEN:.0%}")
    report = folder / "report.html"
    if not report.is_file():
        short.append(f"there is no report at {report}")
    print(f"Report: {report}")
    return "; ".join(short)


def _latest(found: list[RunRecord]) -> list[RunRecord]:
    """The records of the protocol and the code of the newest one: an edit leaves older ones behind."""
    newest = max(found, key=lambda r: r.provenance.time)
    return [
        r
        for r in found
        if r.provenance.code == newest.provenance.code
        and r.config.benchmark == newest.config.benchmark
    ]


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return fmean(known) if known else None


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


if __name__ == "__main__":
    why = main(Path(sys.argv[1]))
    if why:
        sys.exit(f"The demonstration does not show what it should: {why}.")
