"""A fine-tuning on GLUE in words: its protocol, its chance level and its caveats."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.glue import measures
from acn_bench.benchmarks.glue.record import GlueRecord
from acn_bench.benchmarks.glue.spec import GlueConfig, GlueSpec
from acn_bench.data.data_set import DataSet
from acn_bench.wording import each, plural

ENOUGH = 5  # seeds of a small task


def describe(config: GlueConfig) -> str:
    """The protocol, in one line."""
    p = config.benchmark
    pruning = "" if p.pruning == "none" else f", {p.pruning} pruning"
    return (
        f"{p.facts.title}{_rows(p)} for {plural(p.epochs, 'epoch')}, batch {p.batch_size}, AdamW {p.learning_rate:g}, "
        f"{_start(p)}{pruning}"
    )


def _rows(spec: GlueSpec) -> str:
    return "" if spec.train_rows is None else f", {spec.train_rows:,} training rows at most"


def _start(spec: GlueSpec) -> str:
    return {
        "scratch": "from scratch",
        "pretrained": f"from {spec.checkpoint}",
        "rewired": f"from the residual weights of {spec.checkpoint}",
    }[spec.start]


def summary(record: GlueRecord) -> str:
    """The outcome of a run, in a few words."""
    values = {
        name: next(iter(record.result.tests.values())).scores[name][-1]
        for name in measures.task(record).scores
    }
    return ", ".join(
        f"{wording.key(name)} {100 * v:.1f} %" if name in ("accuracy", "f1") else f"{wording.key(name)} {v:.3f}"
        for name, v in values.items()
    )  # fmt: skip


def not_comparable(config: GlueConfig, _: Sequence[DataSet]) -> list[str]:
    """Why figures compare with no published ones."""
    spec = config.benchmark
    reasons = [
        f"{100 * spec.validation:g} % of the training rows are held out, and published figures train on all of them"
    ]
    if spec.train_rows is not None:
        reasons.append(f"{spec.train_rows:,} training rows at most")
    if spec.start == "scratch":
        reasons.append("the network was not pre-trained")
    return reasons


def practice(record: GlueRecord) -> dict[str, str]:
    """What a run does in place of the published settings that it cannot have."""
    p = record.config.benchmark
    return {
        "start": _start(p),
        "held_out": f"{100 * p.validation:g} % of the training rows",
        "training": plural(p.epochs, "epoch") + _rows(p),
    }


# ---------------------------------------------------------------- the protocol


def setting(records: Sequence[GlueRecord]) -> list[tuple[str, str]]:
    """Training, tokens and pruning; where runs differ, each value once."""
    specs = [r.config.benchmark for r in records]
    pruned = [_pruning(spec) for spec in specs if spec.pruning != "none"]
    small = [s.facts.title for s in specs if s.facts.is_small]
    seeds = (
        f"{each(small)}: under 10,000 training texts, so that the score varies by several points from seed to seed "
        f"(Mosbach et al. 2021); cards have {ENOUGH} seeds for that"
    )
    return [
        ("Training", each(_training(spec) for spec in specs)),
        ("Tokens", each(map(_tokens, records))),
        *([("Pruning", each(pruned))] if pruned else []),
        *([("Seeds of small tasks", seeds)] if small else []),
        ("Depth", _DEPTH),
    ]


_DEPTH = (
    "pooler and head, which were trained at full depth, after 0 … L blocks, in one pass; utilised depth is chosen on "
    "held-out training rows by accuracy (a regression: by the mean correlation), and the development set is read once, "
    "at the end"
)


def _training(spec: GlueSpec) -> str:
    warmup = f", warm-up over {100 * spec.warmup:g} % of the steps" if spec.warmup else ""
    batches = "texts of similar length" if spec.by_length else "random texts"
    return (
        f"{_start(spec)}, {plural(spec.epochs, 'epoch')}{_rows(spec)}, batches of {spec.batch_size} {batches}, AdamW at "
        f"{spec.learning_rate:g} ({spec.schedule}{warmup}), weight decay {spec.weight_decay:g}; "
        f"{100 * spec.validation:g} % of the training rows held out"
    )


def _tokens(record: GlueRecord) -> str:
    spec, result = record.config.benchmark, record.result
    cut = sum(lengths.cut for lengths in result.lengths.values())
    texts = "no text was cut" if not cut else f"{plural(cut, 'text')} cut"
    types = "" if spec.token_types else "; token types are not passed"
    return (
        f"WordPiece, {result.vocabulary:,} pieces, at most {spec.length} tokens: {texts} "
        f"({spec.facts.title}){types}"
    )


def _pruning(spec: GlueSpec) -> str:
    what = (
        "one threshold over the Linears of all blocks; embeddings, pooler and head keep all weights"
    )
    if spec.pruning == "magnitude":
        shares = wording.listed([f"{100 * share:g} %" for share in spec.pruned])
        return f"magnitude, after fine-tuning, at {shares}; {what}"
    return (
        f"movement, |weight × gradient| of the last batch: after each epoch but the last {100 * spec.prune_share:g} % of "
        f"what is left, measured at the end of each epoch; {what}"
    )


def chance_level(record: GlueRecord) -> str:
    """The accuracy of the most frequent class."""
    if measures.task(record).is_regression:
        return "a correlation of 0"
    return f"{100 * measures.chance(record):.3g} % accuracy (the most frequent class)"


# ---------------------------------------------------------------- caveats


def caveats(groups: Sequence[Group]) -> list[str]:
    """Small tasks with few seeds, texts that were cut or left out, and arms at the level of the most frequent class."""
    kinds = (_few_seeds, _cut, _left_out, _nothing_learned)
    return [sentence for group in groups for kind in kinds for sentence in kind(group)]


def _few_seeds(group: Group) -> Iterator[str]:
    few = min(len(arm.records) for arm in group.arms.values())
    facts = group.config.benchmark.facts
    if facts.is_small and few < ENOUGH:
        yield (
            f"{group.label}: {facts.title} has {facts.train:,} training texts, so that scores vary by several points from "
            f"seed to seed; with {plural(few, 'seed')} in place of {ENOUGH} a difference between arms may be chance."
        )


def _cut(group: Group) -> Iterator[str]:
    result = group.records[0].result
    cut = {name: lengths.cut for name, lengths in result.lengths.items() if lengths.cut}
    if cut:
        words = wording.listed([f"{count:,} of {name}" for name, count in cut.items()])
        longest = group.config.benchmark.length
        yield f"{group.label}: texts were cut to {longest} tokens: {words}."


def _left_out(group: Group) -> Iterator[str]:
    rows = group.records[0].result.left_out
    if rows:
        yield f"{group.label}: {plural(len(rows), 'incomplete row')} of the release left out: {wording.listed(rows)}."


def _nothing_learned(group: Group) -> Iterator[str]:
    for arm in group.arms.values():
        at_chance = sum(
            value <= measures.chance(r)
            for r in arm.records
            if (value := measures.of_first("accuracy")(r)) is not None
        )
        if at_chance:
            yield (
                f"{group.label}, {arm.title}: {at_chance} of {plural(len(arm.records), 'run')} ended no better than the "
                "most frequent class; their depths say nothing."
            )
