"""Records of every form that was ever written still load: a sample of each, in the order in which they came.

Each sample is an example record of the code of its day. Keys and shapes are as that code wrote them; made-up accuracies
are rounded to whole numbers of examples, which later code checks.
"""

from pathlib import Path

import msgspec
import pytest

from acn_bench import records
from acn_bench.record import decode, encode

FOLDER = Path(__file__).parent / "older_records"
RESPELLED = {"record.config.benchmark.epsilon"}  # 0.0313…, which is 8/255 now
LINES = [
    pytest.param(line, id=f"{path.stem}-{number}")
    for path in sorted(FOLDER.glob("*.jsonl"))
    for number, line in enumerate(path.read_bytes().splitlines(), start=1)
]


@pytest.mark.parametrize("line", LINES)
def test_a_record_of_an_older_form_is_read_and_says_the_same_when_it_is_written_anew(
    line, tmp_path
):
    record = decode(line, "here")

    assert records.load(records.save(record, tmp_path)) == record
    new, old = msgspec.json.decode(encode(record)), msgspec.json.decode(line)
    old.pop("digest", None)
    assert set(_lost(old, new)) <= RESPELLED


def test_the_samples_hold_forms_without_digest_kind_scheme_and_preset():
    raw = [msgspec.json.decode(line.values[0]) for line in LINES]

    assert {"digest", "schema"} & set(raw[0]) == {"schema"}
    assert any("kind" not in r["result"] for r in raw)
    assert any("further" not in r["provenance"] for r in raw)
    assert any("preset" not in r["config"] for r in raw)
    assert any("scheme" not in r["config"]["benchmark"] for r in raw)
    assert any("changes" not in r["result"]["validation"] for r in raw if "validation" in r["result"])  # fmt: skip
    assert any(next(iter(r)) == "config" for r in raw)  # keys sorted
    assert {r["config"]["benchmark"].get("kind") for r in raw} >= {"continual", "transfer", "robustness"}  # fmt: skip


def _lost(old, new, place="record"):
    """The places of values that are not there any more."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [p for key in old for p in _lost(old[key], new.get(key), f"{place}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        return [p for k, (a, b) in enumerate(pairs) for p in _lost(a, b, f"{place}[{k}]")]
    return [] if old == new else [place]
