"""`RunRecord`: the config, the raw measurements and what made them, as one JSON text.

It keeps evidence, not conclusions: metrics compute what follows when a record is read. Its text holds a digest of
all that it says, so that a changed bit is no other result.
"""

import hashlib
from functools import cached_property
from math import isfinite
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, cast

import msgspec
from typing_extensions import TypeVar

from acn_bench import parsing, validation
from acn_bench.config import B, N, RunConfig, S
from acn_bench.errors import message, shorten
from acn_bench.registry import FAMILIES, KINDS, STRATEGIES
from acn_bench.result import Provenance, Result
from acn_bench.spec import Struct

if TYPE_CHECKING:
    from acn_bench.analysis.final_model import FinalModel

SCHEMA = 1

R = TypeVar("R", bound=Result, default=Any)


class RunRecord(Struct, Generic[B, R, S, N], frozen=True, kw_only=True, dict=True):
    """One run; generic over the spec and the result of its kind."""

    schema: int
    run_id: str
    config: RunConfig[B, S, N]
    result: R
    provenance: Provenance

    @cached_property
    def final_model(self) -> "FinalModel":
        """The network that the run ended with, as its kind defines it; twenty metrics ask for it."""
        return KINDS.load(self.config.benchmark.kind).final_model(cast("Record", self))


Record: TypeAlias = RunRecord[Any, Any]


def encode(record: Record) -> bytes:
    """A record as JSON with its digest: a line for each of its fields, keys sorted, no spaces.

    Raises ValueError where a number is not finite.
    """
    _refuse_nan(msgspec.to_builtins(record), "record")
    content = msgspec.json.decode(msgspec.json.encode(record))
    whole = content | {"digest": digest(content)}
    fields = (b'"%s":%s' % (k.encode(), _sorted(whole[k])) for k in sorted(whole))
    return b"{\n%s\n}\n" % b",\n".join(fields)


def _sorted(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def digest(content: dict[str, Any]) -> str:
    """SHA-256, 64 hex digits, of a record's JSON as msgspec writes it: keys sorted, no spaces."""
    return _digest(_sorted(content))


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def decode(raw: bytes, place: str) -> Record:
    """JSON -> a record. An older one has no digest.

    Raises ValueError that names `place` for what is no record of this schema, or was changed, or contradicts itself.
    """
    if (written := _as_written(raw)) is not None:
        return written
    try:
        content, given_digest, text = parsing.json_object_and_text(raw, "digest")
        if content.get("schema") != SCHEMA:
            given = shorten(content.get("schema"))
            raise ValueError(f"its schema is {given}; this version reads {SCHEMA}")
        unchanged = given_digest in ([], [_digest(text)])
        if isinstance(result := content.get("result"), dict):
            result.setdefault("kind", "continual")  # older records have no other kind
        record: Record = msgspec.convert(content, _type(content))
        _validate(record)
        if not unchanged:  # last: the checks before name the place
            raise ValueError("it was changed after it was written: its digest is of other content")
        return record
    except ValueError as e:  # msgspec's errors are ValueErrors too
        raise ValueError(f"{place} is not a record that can be read: {message(e)}") from e


class _Head(msgspec.Struct):
    """What tells a record's type."""

    config: dict[str, Any]


def _as_written(raw: bytes) -> Record | None:
    """The record of a text as `encode` writes it: its digest is of the text itself, which is decoded once.

    None for any other text, an older record's or one that is wrong: `decode` takes a second look, and has the words.
    """
    if not raw[:16].replace(b"\n", b"").startswith(b'{"config":'):
        return None
    try:
        before, _, rest = raw.replace(b"\n", b"").partition(b',"digest":"')
        text, given_digest = before + rest[65:], rest[:64]
        if _digest(text).encode() != given_digest:
            return None
        parsing.refuse_repeated_keys(raw)
        config = msgspec.json.decode(before + b"}", type=_Head).config  # the first of its fields
        record: Record = msgspec.json.decode(text, type=_type_of(config))
        if record.schema != SCHEMA:
            return None
        _validate(record)
    except (ValueError, RecursionError):
        return None
    return record


def _type(content: dict[str, Any]) -> Any:
    """The type of the record, by the tags of its parts."""
    for name in ("run_id", "config"):
        if name not in content:
            raise ValueError(f"Object missing required field `{name}`")
    return _type_of(content["config"])


def _type_of(config: Any) -> Any:
    kind, *others = _parts(config)
    parts: Any = (kind.spec, kind.result, *others)
    return RunRecord[parts]


def decode_config(raw: bytes | msgspec.Raw) -> RunConfig:
    """JSON -> a config. Raises ValueError for what is none."""
    content = parsing.json_object(bytes(raw))
    kind, *others = _parts(content)
    parts: Any = (kind.spec, *others)
    config: RunConfig = msgspec.convert(content, RunConfig[parts])
    return config


def _parts(config: Any) -> tuple[Any, Any, Any]:
    """The kind, and the types of strategy and network, of a config by its tags."""
    if not isinstance(config, dict):
        raise ValueError(f"Expected `object`, got `{type(config).__name__}` - at `$.config`")
    kind = KINDS.load(KINDS.tag(config.get("benchmark"), "kind", "$.config.benchmark"))
    strategy = config.get("strategy")
    method: Any = NoneType
    if strategy is not None:
        method = STRATEGIES.load(STRATEGIES.tag(strategy, "kind", "$.config.strategy"))
    family = FAMILIES.tag(config.get("backbone"), "family", "$.config.backbone")
    return kind, method, FAMILIES.load(family)


def _validate(record: Record) -> None:
    """Raise ValueError where the parts of a record do not fit each other."""
    config, result, made_by = record.config, record.result, record.provenance
    if record.run_id != config.run_id:
        raise ValueError(
            f"its run_id is {shorten(record.run_id)}, and its config's is {shorten(config.run_id)}"
        )
    validation.same("result.precision", result.precision, config.precision)
    blocks = config.backbone.depth  # None: a factory's network, which may have depths or not
    depths = max(len(result.parameters), 1) if blocks is None else blocks + 1
    validation.count("result.parameters", result.parameters, depths)
    validation.count("result.flops", result.flops, depths)
    for place, value in (
        ("result.seconds.train", result.seconds.train),
        ("result.seconds.evaluate", result.seconds.evaluate),
        ("result.peak_memory", result.peak_memory),
        ("result.images_seen", result.images_seen),
    ):
        validation.at_least(place, value, 0)
    fingerprints = "+".join(data.fingerprint for data in made_by.datasets)
    validation.same("provenance.data.fingerprint", fingerprints, config.fingerprint)
    for data in made_by.datasets:
        validation.at_least("provenance.data.train", data.train, 0)
        validation.at_least("provenance.data.test", data.test, 0)
    KINDS.load(config.benchmark.kind).validate(result, config.benchmark)


def _refuse_nan(value: Any, place: str) -> None:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{place} is {value}: a measurement must be a finite number")
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_nan(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            _refuse_nan(inner, f"{place}[{k}]")
