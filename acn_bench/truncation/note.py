"""The note beside a truncated network, and its rows on the terminal."""

from acn_bench.evaluation.throughput import Throughput
from acn_bench.spec import Struct
from acn_bench.truncation.choice import Rule

SCHEMA = 1


class Count(Struct, frozen=True, kw_only=True):
    """A number of the whole network and of the truncated one."""

    before: int
    after: int


class Accuracy(Struct, frozen=True, kw_only=True):
    """Of the whole network and of the truncated one, mean over experiences, as the run measured it."""

    before: float
    after: float


class SufficientDepth(Struct, frozen=True, kw_only=True):
    """The smallest sufficient depth on held-out rows at one tolerance; null where a rule cannot decide."""

    tolerance: float
    by_tolerance: int | None
    by_test: int | None


class Cut(Struct, frozen=True, kw_only=True):
    """The note: the source, the choice of depth, and accuracy, size and speed before and after."""

    schema: int = SCHEMA
    checkpoint: str  # the file's name
    sha256: str  # of that file
    run_id: str | None  # null without a record
    backbone: str
    blocks: Count
    chosen: Rule
    tolerance: float | None  # null by hand
    held_out: int | None  # examples that the choice used; null by hand
    # by each rule at each of `depth_metrics.TOLERANCES`; empty without a record
    enough: list[SufficientDepth]
    validation_accuracy: Accuracy | None  # on held-out rows; null without a record
    test_accuracy: Accuracy | None
    parameters: Count
    flops: Count  # of one example forward, 2 per multiply-add
    bytes: Count  # of the two files
    speed: Throughput


Row = tuple[str, str, str, str]  # (what, before, after, remark)


def rows(cut: Cut) -> list[Row]:
    """The note as a table for the terminal."""
    table = [("blocks", str(cut.blocks.before), str(cut.blocks.after), _rule(cut))]
    if cut.enough:
        table.append(("sufficient depth", "", "", "; ".join(map(_sufficient, cut.enough))))
    if cut.validation_accuracy:
        table.append(_accuracy("held-out accuracy", cut.validation_accuracy))
    if cut.test_accuracy:
        table.append(_accuracy("test accuracy", cut.test_accuracy))
    speed = cut.speed
    table += [
        _count("parameters", cut.parameters, 1e6, "M"),
        _count("work per example", cut.flops, 1e9, "GFLOPs"),
        _count("file", cut.bytes, 2**20, "MiB"),
        (
            "examples per second",
            f"{speed.before.median:,.0f}",
            f"{speed.after.median:,.0f}",
            f"{speed.speed_up:.2f}× ({speed.speed_up_lowest:.2f} to {speed.speed_up_highest:.2f}), "
            f"batches of {speed.batch}, {speed.device}",
        ),
    ]
    return table


def _count(title: str, pair: Count, scale: float, unit: str) -> Row:
    before, after = (f"{n / scale:,.3g} {unit}" for n in (pair.before, pair.after))
    return title, before, after, f"{100 * (pair.after / pair.before - 1):+.0f} %"


def _accuracy(title: str, pair: Accuracy) -> Row:
    before, after = (f"{100 * share:.1f} %" for share in (pair.before, pair.after))
    return title, before, after, f"{100 * (pair.after - pair.before):+.1f} points"


def _sufficient(depth: SufficientDepth) -> str:
    by_tolerance, by_test = (
        "–" if k is None else str(k) for k in (depth.by_tolerance, depth.by_test)
    )
    return f"{by_tolerance} at {100 * depth.tolerance:g} points, {by_test} by test"


def _rule(cut: Cut) -> str:
    if cut.tolerance is None:
        return cut.chosen
    rule = f"{cut.chosen} {cut.tolerance:g}, on {cut.held_out:,} held-out examples"
    return f"{rule}: no block can be removed" if cut.blocks.before == cut.blocks.after else rule
