"""Comparison -> caveats: what a reader must know before believing its figures."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from acn_bench.analysis import depth_metrics
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Difference, Group, arm_title, kind_of
from acn_bench.analysis.labels import mixed_codes
from acn_bench.record import Record
from acn_bench.registry import DATA, OFFICIAL
from acn_bench.result import DataProvenance
from acn_bench.wording import listed, plural


def caveats(comparison: Comparison) -> list[str]:
    """The gravest first; empty where there is nothing to warn of."""
    sentences = [
        *_guards(comparison.records),
        *not_comparable(comparison),
        *_data(comparison.records),
        *_mixed(comparison.records),
        *_mixed_pairs(comparison.groups),
        *_repeats(comparison),
        *_unequal(comparison.groups),
        *_seeds(comparison),
        *(f"{sentence}." for sentence in comparison.not_run),
        *_undistinguished(comparison),
        *comparison.kind.caveats(comparison.groups),
        *_chance(comparison.groups),
        *_points(comparison),
        *_many(comparison),
    ]
    return list(dict.fromkeys(sentences))


def data_title(data: DataProvenance) -> str:
    """A data set with its rows, as "subset" where it is a part of one."""
    title = set_title(data.name)
    rows = f"{data.train:,} train / {data.test:,} test rows"
    if data.canonical:
        return f"{title} in full, {rows}"
    known = ":" in data.name or (data.name in DATA and DATA.load(data.name).is_embedded)
    return f"{title}, {rows}" if known else f"{title} subset, {rows}"


def set_title(name: str) -> str:
    """The title of a data set; its name where it has none."""
    table = next((t for t in (DATA, OFFICIAL) if name in t), None)
    return table.load(name).title if table else name


def data_titles(record: Record) -> str:
    """The data sets of a run, in the protocol's order."""
    return "; ".join(data_title(data) for data in record.provenance.datasets)


def _guards(records: Sequence[Record]) -> Iterator[str]:
    failed: dict[str, list[str]] = {}
    for guard in (g for r in records for g in r.provenance.guards if not g.passed):
        failed.setdefault(guard.name, []).append(guard.detail.rstrip("."))
    for name, details in failed.items():
        distinct = list(dict.fromkeys(details))
        more = f"; and {len(distinct) - 3} more" if len(distinct) > 3 else ""
        yield f"A guard failed in {plural(len(details), 'run')}: {name}: {'; '.join(distinct[:3])}{more}."


def not_comparable(comparison: Comparison) -> Iterator[str]:
    """The records' own reasons against comparing them with published figures, each once."""
    records = comparison.records
    reasons = Counter(_short(reason) for r in records for reason in r.provenance.why_not)
    silent = sum(not r.provenance.comparable and not r.provenance.why_not for r in records)
    if silent:
        reasons["the records give no reason"] = silent
    for count in sorted(set(reasons.values()), reverse=True):
        which = "No run is" if count == len(records) else f"{count} of {len(records)} runs are not"
        words = "; ".join(reason for reason, n in reasons.items() if n == count)
        yield f"{which} comparable with published figures: {words}."


def _short(reason: str) -> str:
    """A reason; of a check that failed, without the details of each run."""
    return (reason.partition(" (")[0] if reason.startswith("check failed: ") else reason).rstrip(
        "."
    )


def _data(records: Sequence[Record]) -> Iterator[str]:
    data_sets = {d.fingerprint: d for r in records for d in r.provenance.datasets}
    which = (
        "Every figure"
        if len(data_sets) == len(records[0].provenance.datasets)
        else "Some of the figures"
    )
    for data in data_sets.values():
        if not data.canonical:
            yield f"{which} in this report is of {data_title(data)}, not of a published data set in full."


def _mixed(records: Sequence[Record]) -> Iterator[str]:
    """Differences that no config holds."""
    devices = sorted({r.provenance.device for r in records})
    if len(devices) > 1:
        yield f"Runs are from different devices, so times do not compare: {listed(devices)}."
    for package in sorted({p for r in records for p in r.provenance.versions}):
        versions = sorted({r.provenance.versions.get(package, "none") for r in records})
        if len(versions) > 1:
            yield f"Runs used different versions of {package}: {listed(versions)}."
    codes = sorted({code for found in mixed_codes(records).values() for code in found})
    if codes:
        yield f"Runs are of different code, each in a group of its own: {listed(codes)}."


def _mixed_pairs(groups: Sequence[Group]) -> Iterator[str]:
    """Pairs whose arms did not run in the same place."""
    for group in groups:
        pairs = [(ac.provenance, residual.provenance) for ac, residual in group.pairs]
        devices = sum(ac.device != residual.device for ac, residual in pairs)
        versions = sum(ac.versions != residual.versions for ac, residual in pairs)
        if devices:
            yield (
                f"{group.label}: in {devices} of {plural(len(pairs), 'pair')} the arms ran on different devices, "
                "so the difference of their times means nothing."
            )
        if versions:
            yield (
                f"{group.label}: in {versions} of {plural(len(pairs), 'pair')} the arms ran with different "
                "versions of the libraries."
            )


def _repeats(comparison: Comparison) -> Iterator[str]:
    """Runs that were made more than once, and whether their accuracies differ."""
    if not comparison.repeats:
        return
    runs = {new.run_id for _, new in comparison.repeats}
    other = {
        n.run_id for o, n in comparison.repeats if kind_of(o).outcome(o) != kind_of(n).outcome(n)
    }
    places = sorted({r.provenance.device for pair in comparison.repeats for r in pair})
    which = f"in {len(other)} of them" if len(runs) > 1 else "here"
    words = f"accuracies differ {which}" if other else "accuracies are the same"
    yield (
        f"{plural(len(runs), 'run')} {'was' if len(runs) == 1 else 'were'} made more than once ({listed(places)}); "
        f"one record of each counts, and {words}."
    )


def _unequal(groups: Sequence[Group]) -> Iterator[str]:
    """Pairs whose parameters or images seen differ by more than a hundredth."""
    for group in groups:
        for name in ("parameters", "images_seen"):
            ac, residual = group.cell("ac", name).mean, group.cell("residual", name).mean
            if ac and residual and abs(ac / residual - 1) > 0.01:
                more = "more" if ac > residual else "fewer"
                share = abs(100 * (ac / residual - 1))
                what = group.kind.metric(name).title.lower()
                yield f"{group.label}: AC has {share:.0f} % {more} {what} than residual."


def _seeds(comparison: Comparison) -> Iterator[str]:
    pairs = [g for g in comparison.groups if {"ac", "residual"} <= g.arms.keys()]
    common = {g.label: set(g.arms["ac"].seeds) & set(g.arms["residual"].seeds) for g in pairs}
    single = [label for label, seeds in common.items() if len(seeds) == 1]
    if single:
        yield f"One seed only, so no spread and no verdict: {_labels(single, comparison)}."
    few = [label for label, seeds in common.items() if len(seeds) == 2]
    if few:
        yield f"Two seeds only, so intervals are very wide: {_labels(few, comparison)}."
    for group in pairs:
        ac, residual = (set(group.arms[a].seeds) for a in ("ac", "residual"))
        if ac != residual:
            yield (
                f"{group.label}: the arms were not run with the same seeds; "
                f"differences are over the {len(ac & residual)} that they share."
            )
    for group in comparison.groups:
        absent = [
            name for a, name in (("ac", "AC"), ("residual", "residual")) if a not in group.arms
        ]
        if absent:
            yield f"{group.label}: {listed(absent)} not run{_elsewhere(group, comparison.groups)}, so there is no pair."


def _elsewhere(group: Group, groups: Sequence[Group]) -> str:
    """The other code that the missing arm of a group was run with."""
    similar = [g for g in groups if g.code != group.code and g.but_code == group.but_code]
    lacking = {"ac", "residual"} - group.arms.keys()
    codes = sorted({g.code[:8] for g in similar if lacking & g.arms.keys()})
    return f" with this code ({group.code[:8]}) but with {listed(codes)}" if codes else ""


def _undistinguished(comparison: Comparison) -> Iterator[str]:
    """Strategies that paired tests do not distinguish from naive."""
    for group, effects in zip(comparison.groups, comparison.acting, strict=True):
        if effects is None or not effects.undistinguished:
            continue
        arms = listed([arm_title(arm) for arm in effects.undistinguished])
        yield (
            f"{group.label}: paired tests do not tell {arms} from naive of the same seeds; less naive: "
            f"{effects.figures}. Its verdicts may be naive's under another name."
        )


def _chance(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups:
        for arm in group.arms.values():
            runs = [r for r in arm.records if depth_metrics.depth_curve(r, "validation")]
            at_chance = sum(depth_metrics.utilised_depth(r) is None for r in runs)
            if at_chance:
                yield (
                    f"{group.label}, {arm.title}: {at_chance} of {len(runs)} final models are not above "
                    "the chance level by two standard errors, so their utilised depth has no value."
                )


def _points(comparison: Comparison) -> Iterator[str]:
    flat = [v for v in comparison.verdicts if v.difference and _is_point(v.difference)]
    for title in dict.fromkeys(v.metric.title for v in flat):
        named = [v.group.label for v in flat if v.metric.title == title]
        yield (
            f"{title}, {_labels(named, comparison)}: all pairs differ by the same amount, so the interval is a "
            "point, and the sign test decides: five pairs are too few for it."
        )


def _is_point(difference: Difference) -> bool:
    return difference.interval is not None and difference.interval[0] == difference.interval[1]


def _many(comparison: Comparison) -> Iterator[str]:
    judged = [v for v in comparison.verdicts if v.outcome != "no verdict"]
    decided = [v for v in judged if v.outcome != "undecided"]
    if len(judged) > 3:
        yield (
            f"Each of the {len(judged)} verdicts stands on an interval of its own: of twenty 95 % intervals, "
            "one on average misses its true value by chance alone. After Holm's correction over all of them, "
            f"{sum(v.survives for v in decided)} of the {len(decided)} that hold or are reversed "
            f"{'survive' if len(decided) > 1 else 'survives'}."
        )


def _labels(labels: Iterable[str], comparison: Comparison) -> str:
    """The groups by name; "all groups" where they are all."""
    named = list(labels)
    return "all groups" if len(named) == len(comparison.groups) else listed(named)
