"""Commands on records of which one is damaged or forged, and on what is no ordinary file."""

import json
import os
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import mutations
from case import Case
from findings import ANOTHER_RECORD
from samples import Samples, record_bytes

from acn_bench import record, records
from acn_bench.record import digest


def damaged_record(random: Random, folder: Path, samples: Samples) -> Case:
    """`report` on records of which one is damaged: read as it was, or refused."""
    original = random.choice(samples.records)
    raw = record_bytes(original)
    if random.random() < 0.6:
        raw = mutations.damaged(raw, random)
    else:
        raw = mutations.edited(json.loads(raw), random).encode("utf-8", "surrogatepass")
    path = write(random, folder, samples, raw)

    def refuse_another() -> None:
        try:
            read = records.load(path)
        except ValueError:
            return
        if read != original:
            os._exit(ANOTHER_RECORD)

    return Case(report(random, folder), (folder / "records",), refuse_another)


def forged_record(random: Random, folder: Path, samples: Samples) -> Case:
    """`report` on a record that was edited and given a run_id and a digest that fit."""
    tree = json.loads(record_bytes(random.choice(samples.records)))
    text = mutations.edited(tree, random)
    for _ in range(random.choice((0, 0, 1, 3))):
        text = mutations.edited(_parsed(text) or tree, random)
    content = _parsed(text)
    if content is not None and "digest" in content:
        content.pop("digest")
        with suppress(Exception):  # no record at all
            parts = msgspec.convert(content, record._type(content))
            content["run_id"] = parts.config.run_id
        text = json.dumps(content | {"digest": digest(content)}, indent=1)
    write(random, folder, samples, text.encode("utf-8", "surrogatepass"))
    return Case(report(random, folder), (folder / "records",))


def _parsed(text: str) -> dict[str, Any] | None:
    """The record in the text; None where Python reads none."""
    try:
        content = json.loads(text)
        digest(content)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def write(random: Random, folder: Path, samples: Samples, raw: bytes) -> Path:
    """Write good records and this one; returns its path."""
    place = folder / "records"
    place.mkdir()
    for k, good in enumerate(random.sample(samples.records, 2)):
        (place / f"good-{k}.json").write_bytes(record_bytes(good))
    path = place / "strange.json"
    path.write_bytes(raw)
    return path


def report(random: Random, folder: Path) -> list[str]:
    """The words of a report on the folder in one of the formats."""
    formats = random.choices(("csv", "md", "latex", "html"), (60, 20, 18, 2))[0]
    return ["report", str(folder), "--format", formats, "--out", str(folder / "out")]


def strange_file(random: Random, folder: Path, samples: Samples) -> Case:
    """`report` or `run` on what is no ordinary file: a pipe, a folder, a link to itself, nothing, too much."""
    path = folder / random.choice(
        ("records/strange.json", "records.jsonl", "card.toml", "w.safetensors")
    )
    path.parent.mkdir(exist_ok=True)
    kind = random.choice(
        ("pipe", "folder", "loop", "empty", "huge", "device", "unreadable", "zeros")
    )
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind in ("loop", "device"):
        path.symlink_to(path if kind == "loop" else "/dev/zero")
    else:
        path.write_bytes(bytes(random.choice((1, 8, 4096))) if kind == "zeros" else b"")
        os.truncate(path, 2**40 if kind == "huge" else path.stat().st_size)
        path.chmod(0 if kind == "unreadable" else 0o600)
    whole = folder / "records" / "good.json"
    whole.parent.mkdir(exist_ok=True)
    whole.write_bytes(record_bytes(samples.records[0]))
    out = ["--out", str(folder / "out")]
    commands = {
        ".json": ["report", str(random.choice((folder, path))), "--format", "csv", *out],
        ".jsonl": ["report", str(random.choice((folder, path))), "--format", "csv", *out],
        ".toml": random.choice((["run", str(path), "--dry-run", *out], ["report", str(folder), "--format=csv", *out])),
        ".safetensors": ["truncate", str(path), "--out", str(folder / "out" / "cut.safetensors")],
    }  # fmt: skip
    return Case(commands[path.suffix], (whole,))
