"""The options of `run` -> the choices of a plan."""

from collections.abc import Iterator

from acn_bench.catalog import BenchmarkCard
from acn_bench.plan import Choices, numbers

OPTIONS = (
    "backbones", "strategies", "checkpoint", "seeds", "data", "attack", "epsilon", "settings", "quick"
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
) -> Choices:
    """Parse the options that say what runs. Raises ValueError for seeds that are none, and LookupError as `_attack`."""
    return Choices(
        backbones=words(backbones),
        strategies=words(strategies),
        checkpoints=tuple(checkpoint or ()),
        seeds=numbers(seeds) if seeds else (),
        data=data,
        settings=(*_attack(card, attack, epsilon), *(settings or ())),
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
