"""The records in a folder -> what runs that differ from them in their seeds alone take: seconds, and memory."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from acn_bench import records
from acn_bench.config import RunConfig, Seeds
from acn_bench.record import Record


@dataclass(frozen=True)
class Measured:
    """Of runs that are alike but for their seeds."""

    seconds: float  # of training and evaluation, the median
    peak_memory: int  # bytes on the device, the largest


def measured(folder: Path, device: str | None = None) -> dict[bytes, Measured]:
    """By `alike`, for each that has a record in the folder; of one kind of device, as `device.describe` names it."""
    made: dict[bytes, list[Record]] = {}
    for record in records.load_all([folder]) if folder.is_dir() else []:
        if device in (None, record.provenance.device):
            made.setdefault(alike(record.config), []).append(record)
    return {key: _of(records) for key, records in made.items()}


def alike(config: RunConfig) -> bytes:
    """The same for runs that differ in their seeds alone."""
    return msgspec.json.encode(msgspec.structs.replace(config, seeds=Seeds()))


def _of(made: list[Record]) -> Measured:
    results = [record.result for record in made]
    seconds = median(r.seconds.train + r.seconds.evaluate for r in results)
    return Measured(seconds, max(r.peak_memory for r in results))
