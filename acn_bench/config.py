"""Everything that decides a run's outcome, resolved: `RunConfig`, and its `run_id`."""

import hashlib
from functools import lru_cache
from typing import Annotated, Any, Generic

import msgspec
from typing_extensions import TypeVar

from acn_bench.spec import Benchmark, Network, Precision, Strategy, Struct

B = TypeVar("B", bound=Benchmark, default=Any)
S = TypeVar("S", bound=Strategy | None, default=Strategy | None)
N = TypeVar("N", bound=Network, default=Network)


MAX_SEED = 2**63 - 1  # what the generators take
Seed = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEED)]


class Seeds(Struct, frozen=True, kw_only=True):
    """Four independent seeds; the arms of a pair share all of them."""

    order: Seed = 0  # which classes come when
    init: Seed = 0  # initial weights
    data: Seed = 0  # held-out rows, batch order, augmentation, replay memories
    noise: Seed = 0  # test-time corruptions

    def joined(self, between: str) -> str:
        """Order, init, data, noise; one number where they are all the same."""
        values = (self.order, self.init, self.data, self.noise)
        return between.join(map(str, values if len(set(values)) > 1 else values[:1]))


class RunConfig(Struct, Generic[B, S, N], frozen=True, kw_only=True):
    """Everything that decides a run's outcome; generic over the specs of its protocol, strategy and network."""

    benchmark: B
    strategy: S  # null where nothing can be forgotten
    backbone: N
    seeds: Seeds
    fingerprint: str  # of the data: the same name with other rows is another run; joined by "+"
    precision: Precision = "fp32"
    quick: bool = False  # the card's [quick] values: figures are not comparable
    preset: str = ""  # the card's [preset.…] whose values were asked for

    @property
    def run_id(self) -> str:
        """Readable words and 8 hex digits of the hash of all that differs from the defaults."""
        digest = hashlib.sha256(_canonical(self)).hexdigest()[:8]
        words = self.backbone.words
        if self.strategy is not None:
            words = [self.strategy.name, *words]
        else:
            words += [v for v in map(str, arm_values(self.benchmark)) if v != "plain"]
        return "-".join([*words, f"s{self.seeds.joined('.')}", digest])


def arm_values(benchmark: Benchmark) -> list[Any]:
    """The values of the settings that tell arms apart."""
    return [getattr(benchmark, name) for name in benchmark.arm]


def _canonical(config: msgspec.Struct) -> bytes:
    return msgspec.json.encode(_without_defaults(config), order="deterministic")


def _without_defaults(value: Any) -> Any:
    """A struct as builtins, less the fields that hold their default."""
    if not isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    values = {
        name: _without_defaults(inner)
        for name, default in _defaults(type(value))
        if (inner := getattr(value, name)) != default
    }
    tag = value.__struct_config__
    return values | ({tag.tag_field: tag.tag} if tag.tag_field else {})


@lru_cache
def _defaults(spec: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Each field's name and default; NODEFAULT, which equals no value, where it has none."""
    return tuple(
        (f.name, f.default if f.default_factory is msgspec.NODEFAULT else f.default_factory())
        for f in msgspec.structs.fields(spec)
    )
