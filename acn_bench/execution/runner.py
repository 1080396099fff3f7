"""RunConfig -> RunRecord: run the protocol of its kind, and keep what it found."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import safetensors.torch
import torch

from acn_bench import records, run_folder, user_functions
from acn_bench.backbones.weights_file import Header
from acn_bench.benchmarks.run import Progress, Run, RunOutput
from acn_bench.config import RunConfig
from acn_bench.data import loading
from acn_bench.data.data_set import joint_fingerprint
from acn_bench.device import describe
from acn_bench.execution import code_hash, provenance
from acn_bench.record import RunRecord
from acn_bench.registry import KINDS
from acn_bench.run_folder import RunFolder
from acn_bench.spec import Network, Strategy
from acn_bench.training.resume import INTERVAL, ResumeFile

Note = Callable[[str], None]  # told, in a sentence, what a person should know of a run


def run(
    config: RunConfig,
    place: RunFolder,
    *,
    data_root: Path | None,
    device: torch.device,
    progress: Progress = lambda _: None,
    note: Note = lambda _: None,
    interval: float = INTERVAL,
) -> RunRecord:
    """Run `config` and write its files: outcomes and weights first, the record last.

    It goes on from its checkpoint where there is one; another is written every `interval` seconds.

    Raises ValueError where data or factory are not what the plan saw, DivergedError where the loss is no
    number, OSError where a file cannot be written; then no record exists.
    """
    _check(config.backbone, "backbone factory")
    _check(config.strategy, "strategy builder")
    data = loading.load_all(config.benchmark, data_root)
    found = joint_fingerprint(data)
    if found != config.fingerprint:
        names = " or ".join(config.benchmark.datasets)
        raise ValueError(
            f"{names} changed since the run was planned: the fingerprint is {found}, not {config.fingerprint}"
        )
    kept = checkpoint(config, place, device, note, interval)
    protocol = KINDS.load(config.benchmark.kind).protocol_module
    measured: RunOutput = protocol.measure(Run(config, data, device, progress, kept))
    record = RunRecord(
        schema=records.SCHEMA,
        run_id=config.run_id,
        config=config,
        result=measured.result,
        provenance=provenance.provenance(config, data, device, measured.guards),
    )
    stem = records.stem(record.run_id, record.provenance.code)
    name = records.free_path(place.records, stem).stem
    about = {"run_id": record.run_id, "config": _json(config)}
    with run_folder.atomic(place.records / f"{name}.safetensors") as part:
        part.write_bytes(safetensors.torch.save(measured.examples, about))
    with run_folder.atomic(place.weights / f"{name}.safetensors") as part:
        part.write_bytes(safetensors.torch.save(measured.weights, about | _header(config)))
    records.save(record, place.records)
    kept.remove()
    return record


def _check(spec: Network | Strategy | None, what: str) -> None:
    """Raise ValueError where the user's function is not the one that was planned."""
    if spec is None or spec.function is None:
        return
    if user_functions.source(spec.function, what) != spec.source:
        raise ValueError(f"{spec.function} changed since the run was planned")


def checkpoint(
    config: RunConfig,
    place: RunFolder,
    device: torch.device,
    note: Note = lambda _: None,
    interval: float = INTERVAL,
) -> ResumeFile:
    """The checkpoint of the record that `config` is to have next: no other is of use."""
    code = code_hash.code(config)
    record = records.free_path(place.records, records.stem(config.run_id, code))
    about = {
        "run": config.run_id,
        "config": _json(config),
        "code": code,
        "libraries": ", ".join(f"{k} {v}" for k, v in provenance.versions().items()),
        "device": describe(device),
    }
    return ResumeFile(place.checkpoints / f"{record.stem}.safetensors", about, interval, note)


def _json(config: RunConfig) -> str:
    return msgspec.json.encode(config).decode()


def _header(config: RunConfig) -> dict[str, str]:
    """What `backbones.load` rebuilds the network from."""
    backbone = config.backbone
    return Header(backbone, backbone.depth or 0, config.precision).encoded()
