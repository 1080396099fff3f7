"""`RunRecord`: the config, the raw measurements and what made them, as one JSON text.

It keeps evidence, not conclusions: metrics compute what follows when a record is read.
"""

from math import isfinite
from types import NoneType
from typing import Any, Generic, TypeAlias

import msgspec
from typing_extensions import TypeVar

from acn_bench import validation
from acn_bench.config import B, N, RunConfig, S
from acn_bench.registry import FAMILIES, KINDS, STRATEGIES
from acn_bench.result import Provenance, Result
from acn_bench.spec import Struct

SCHEMA = 1

R = TypeVar("R", bound=Result, default=Any)


class RunRecord(Struct, Generic[B, R, S, N], frozen=True, kw_only=True):
    """One run; generic over the spec and the result of its kind."""

    schema: int
    run_id: str
    config: RunConfig[B, S, N]
    result: R
    provenance: Provenance


Record: TypeAlias = RunRecord[Any, Any]


def encode(record: Record) -> bytes:
    """A record as JSON, one field a line. Raises ValueError where a number is not finite: JSON has no NaN."""
    _refuse_nan(msgspec.to_builtins(record), "record")
    return msgspec.json.format(msgspec.json.encode(record), indent=1)


def decode(raw: bytes, place: str) -> Record:
    """JSON -> a record. Raises ValueError that names `place` for what is no record of this schema."""
    try:
        head = msgspec.json.decode(raw, type=dict[str, Any])
        if head.get("schema") != SCHEMA:
            raise ValueError(f"its schema is {head.get('schema')!r}; this version reads {SCHEMA}")
        if isinstance(result := head.get("result"), dict):
            result.setdefault("kind", "continual")  # older records have no other kind
        record: Record = msgspec.convert(head, _type(head))
        _validate(record)
        return record
    except ValueError as e:  # msgspec's errors are ValueErrors too
        raise ValueError(f"{place} is not a record that can be read: {e}") from e


def _type(head: dict[str, Any]) -> Any:
    """The type of the record, by the tags of its parts."""
    for name in ("run_id", "config"):
        if name not in head:
            raise ValueError(f"Object missing required field `{name}`")
    config = head["config"]
    if not isinstance(config, dict):
        raise ValueError(f"Expected `object`, got `{type(config).__name__}` - at `$.config`")
    kind = KINDS.load(KINDS.tag(config.get("benchmark"), "kind", "$.config.benchmark"))
    strategy = config.get("strategy")
    method: Any = NoneType
    if strategy is not None:
        method = STRATEGIES.load(STRATEGIES.tag(strategy, "kind", "$.config.strategy"))
    family = FAMILIES.tag(config.get("backbone"), "family", "$.config.backbone")
    parts: Any = (kind.spec, kind.result, method, FAMILIES.load(family))
    return RunRecord[parts]


def _validate(record: Record) -> None:
    """Raise ValueError where the parts of a record do not fit each other."""
    if record.run_id != record.config.run_id:
        raise ValueError(
            f"its run_id is {record.run_id}, and its config's is {record.config.run_id}"
        )
    depths = len(record.result.parameters)
    validation.count("result.parameters", record.result.parameters, max(depths, 1))
    validation.count("result.flops", record.result.flops, depths)
    KINDS.load(record.config.benchmark.kind).validate(record.result, record.config.benchmark)


def _refuse_nan(value: Any, place: str) -> None:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{place} is {value}: a measurement must be a finite number")
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_nan(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            _refuse_nan(inner, f"{place}[{k}]")
