"""A masked-language pre-training in words: its protocol, its chance level and its caveats."""

from collections.abc import Iterator, Sequence

from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.mlm.metrics import chance
from acn_bench.benchmarks.mlm.record import MlmRecord
from acn_bench.benchmarks.mlm.spec import MlmConfig, MlmSpec
from acn_bench.data.data_set import DataSet
from acn_bench.wording import each, plural


def describe(config: MlmConfig) -> str:
    """The protocol, in one line."""
    p = config.benchmark
    start = {"scratch": "", "pretrained": f", from {p.checkpoint}"}.get(p.start, f", from the residual weights of {p.checkpoint}")  # fmt: skip
    return (
        f"{p.data} for {_ends(p)}, {100 * p.masked:g} % of the tokens masked, batch {p.batch_size:,} × {p.length} tokens, "
        f"AdamW {p.learning_rate:g}{start}"
    )


def _ends(spec: MlmSpec) -> str:
    steps = "" if spec.max_steps is None else f", {plural(spec.max_steps, 'step')} at most"
    return f"{plural(spec.epochs, 'epoch')}{steps}"


def summary(record: MlmRecord) -> str:
    """The outcome of a run, in a few words."""
    test = record.result.test
    return f"loss {test.loss[-1]:.3f} nats, accuracy {100 * test.correct[-1] / test.tokens:.1f} %"


def not_comparable(config: MlmConfig, _: Sequence[DataSet]) -> list[str]:
    """Why figures compare with no published ones."""
    spec = config.benchmark
    return [f"the loss is of {spec.data}, with a vocabulary of its own"]


def practice(record: MlmRecord) -> dict[str, str]:
    """What a run does in place of the published settings that it cannot have."""
    p = record.config.benchmark
    return {
        "data": p.data,
        "held_out": f"{100 * p.validation:g} % of the sequences",
        "training": _ends(p),
    }


def setting(records: Sequence[MlmRecord]) -> list[tuple[str, str]]:
    """Training and masking; where runs differ, each value once."""
    specs = [r.config.benchmark for r in records]
    return [
        ("Training", each(_training(spec) for spec in specs)),
        ("Masking", each(_masking(r) for r in records)),
        ("Depth", _DEPTH),
    ]


_DEPTH = (
    "the head, which was trained at full depth, after 0 … L blocks, in one pass; utilised depth is chosen on the masked "
    "tokens of held-out sequences"
)


def _training(spec: MlmSpec) -> str:
    clip = "" if spec.clip_norm is None else f", gradients clipped at {spec.clip_norm:g}"
    return (
        f"{_ends(spec)}, {spec.batch_size:,} sequences of {spec.length} tokens a step, AdamW at {spec.learning_rate:g} "
        f"(β {spec.betas[0]:g}, {spec.betas[1]:g}; {spec.schedule}, warm-up over {100 * spec.warmup:g} % of the steps), "
        f"weight decay {spec.weight_decay:g}{clip}; the loss of a step is the mean over all its masked tokens"
    )


def _masking(record: MlmRecord) -> str:
    spec, result = record.config.benchmark, record.result
    return (
        f"{100 * spec.masked:g} % of the tokens, each for itself and anew in each epoch: 80 % become [MASK], 10 % another "
        f"token; WordPiece, {result.vocabulary:,} pieces; sequences are full, so nothing is padded"
    )


def chance_level(record: MlmRecord) -> str:
    """The accuracy of the most frequent token."""
    return f"{100 * chance(record):.3g} % of the masked tokens (the most frequent one)"


def caveats(groups: Sequence[Group]) -> list[str]:
    """Arms that ended at different losses: what is fine-tuned from them starts from there."""
    return [sentence for group in groups for sentence in _dissimilar(group)]


def _dissimilar(group: Group) -> Iterator[str]:
    means = {a.title: m for a in group.arms.values() if (m := a.cell("loss").mean) is not None}
    low, high = min(means, key=lambda a: means[a]), max(means, key=lambda a: means[a])
    if means[high] - means[low] > SIMILAR:
        yield (
            f"{group.label}: the arms end at different losses, {means[low]:.3f} nats for {low} and {means[high]:.3f} for "
            f"{high}, at equal steps; the ACN paper gives AC twice the epochs of residual for an equal loss."
        )


SIMILAR = 0.05  # nats: arms whose losses differ by more are dissimilar
