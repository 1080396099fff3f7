"""RunConfig -> RunRecord: run the protocol of its kind, and keep what it found."""

import importlib
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import safetensors.torch
import torch

from acn_bench import records, registry, run_folder
from acn_bench.backbones.weights_file import Header
from acn_bench.benchmarks.run import Progress, RunOutput
from acn_bench.data import images
from acn_bench.data.images import ImageData
from acn_bench.device import describe
from acn_bench.execution import provenance
from acn_bench.records import CHECKPOINT_INTERVAL, RunRecord
from acn_bench.run_folder import RunFolder
from acn_bench.spec import BuilderSpec, FactorySpec, RunConfig
from acn_bench.training.resume import Checkpoint

Note = Callable[[str], None]  # told, in a sentence, what a person should know of a run


def run(
    config: RunConfig,
    place: RunFolder,
    *,
    data_root: Path | None,
    device: torch.device,
    progress: Progress = lambda _: None,
    note: Note = lambda _: None,
    interval: float = CHECKPOINT_INTERVAL,
) -> RunRecord:
    """Run `config` and write its files: outcomes and weights first, the record last.

    It goes on from its checkpoint where there is one; another is written every `interval` seconds.

    Raises ValueError where data or factory are not what the plan saw, DivergedError where the loss is no
    number, OSError where a file cannot be written; then no record exists.
    """
    if isinstance(config.backbone, FactorySpec):
        _check(config.backbone.factory, "backbone factory", config.backbone.source)
    if isinstance(config.strategy, BuilderSpec):
        _check(config.strategy.builder, "strategy builder", config.strategy.source)
    data = images.of(config.benchmark, data_root)
    found = images.fingerprint(data)
    if found != config.fingerprint:
        names = " or ".join(config.benchmark.datasets)
        raise ValueError(
            f"{names} changed since the run was planned: the fingerprint is {found}, not {config.fingerprint}"
        )
    kept = checkpoint(config, place, device, note, interval)
    measured = _measure(config, data, device, progress, kept)
    record = RunRecord(
        schema=records.SCHEMA,
        run_id=config.run_id,
        config=config,
        result=measured.result,
        provenance=provenance.provenance(config, data, device, measured.guards),
    )
    stem = records.stem(record.run_id, record.provenance.code)
    name = records.free_path(place.records, stem).stem
    about = {"run_id": record.run_id, "config": records.encode(config)}
    with run_folder.atomic(place.records / f"{name}.safetensors") as part:
        part.write_bytes(safetensors.torch.save(measured.examples, about))
    with run_folder.atomic(place.weights / f"{name}.safetensors") as part:
        part.write_bytes(safetensors.torch.save(measured.weights, about | _header(config)))
    records.save(record, place.records)
    kept.remove()
    return record


def _check(function: str, what: str, planned: str) -> None:
    if registry.source(function, what) != planned:
        raise ValueError(f"{function} changed since the run was planned")


def _measure(
    config: RunConfig,
    data: list[ImageData],
    device: torch.device,
    progress: Progress,
    kept: Checkpoint,
) -> RunOutput:
    """By the protocol of its kind; one that can go on inside itself takes a checkpoint."""
    protocol = importlib.import_module(provenance.PROTOCOLS[config.benchmark.kind])
    measure: Callable[..., RunOutput] = protocol.measure
    goes_on = "checkpoint" in signature(measure).parameters
    more = {"checkpoint": kept} if goes_on else {}
    return measure(config, *data, device, progress, **more)


def checkpoint(
    config: RunConfig,
    place: RunFolder,
    device: torch.device,
    note: Note = lambda _: None,
    interval: float = CHECKPOINT_INTERVAL,
) -> Checkpoint:
    """The checkpoint of the record that `config` is to have next: no other is of use."""
    code = provenance.code(config.benchmark.kind)
    record = records.free_path(place.records, records.stem(config.run_id, code))
    about = {
        "run": config.run_id,
        "config": records.encode(config),
        "code": code,
        "libraries": ", ".join(f"{k} {v}" for k, v in provenance.versions().items()),
        "device": describe(device),
    }
    return Checkpoint(place.checkpoints / f"{record.stem}.safetensors", about, interval, note)


def _header(config: RunConfig) -> dict[str, str]:
    """What `backbones.load` rebuilds the network from."""
    backbone = config.backbone
    depth = 0 if isinstance(backbone, FactorySpec) else backbone.depth
    return Header(backbone, depth, config.precision).encoded()
