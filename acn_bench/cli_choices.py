"""The options of `run` -> the choices of a plan."""

from collections.abc import Iterator

from acn_bench.catalog import BenchmarkCard
from acn_bench.plan import Choices, numbers

OPTIONS = (
    "backbones", "strategies", "checkpoint", "seeds", "data", "attack", "epsilon", "settings", "quick", "cache"
)  # fmt: skip


def choices(
    card: BenchmarkCard,
    *,
    backbones: str | None,
    strategies: str | None,
    checkpoint: list[str] | None,
    seeds: str | None,
    data: str | None,
    attack: str | None,
    epsilon: str | None,
    settings: list[str] | None,
    quick: bool,
    cache: bool,
) -> Choices:
    """Parse the options that say what runs.

    Raises ValueError for seeds that are none, LookupError for an option that the benchmark has no setting for.
    """
    return Choices(
        backbones=words(backbones),
        strategies=words(strategies),
        checkpoints=tuple(checkpoint or ()),
        seeds=numbers(seeds) if seeds else (),
        data=data,
        settings=(*_attack(card, attack, epsilon), *_cached(card, cache), *(settings or ())),
        quick=quick,
    )


def words(text: str | None) -> tuple[str, ...]:
    """The words between commas."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _attack(card: BenchmarkCard, attack: str | None, epsilon: str | None) -> Iterator[str]:
    """The settings that `--attack` and `--epsilon` stand for. Raises LookupError for a benchmark without attacks."""
    for key, value in (("attack", attack), ("epsilon", epsilon)):
        if value is None:
            continue
        if not hasattr(card.protocol, key):
            raise LookupError(
                f"--{key} is of robustness benchmarks, and {card.name} is not one: try noise_cifar10"
            )
        yield f"{key}={value}"


def _cached(card: BenchmarkCard, cache: bool) -> Iterator[str]:
    """The setting that `--cache` stands for. Raises LookupError for a benchmark that reads no photographs."""
    if not cache:
        return
    if not hasattr(card.protocol, "cached"):
        raise LookupError(
            f"--cache is of benchmarks that train on photographs, and {card.name} is not one: try imagenet"
        )
    yield "cached=true"
