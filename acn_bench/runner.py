"""RunConfig -> RunRecord: run the protocol of its kind, and keep what it found."""

import importlib
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch

from acn_bench import provenance, records, reference
from acn_bench.backbones.checkpoint import Header
from acn_bench.benchmarks.measured import Measured, Progress
from acn_bench.data import images
from acn_bench.records import Place, RunRecord
from acn_bench.spec import BuilderSpec, FactorySpec, RunConfig


def run(
    config: RunConfig,
    place: Place,
    *,
    data_root: Path | None,
    device: torch.device,
    progress: Progress = lambda _: None,
) -> RunRecord:
    """Run `config` and write its files: outcomes and weights first, the record last.

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
    measured = _measure(config)(config, *data, device, progress)
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
    with records.atomic(place.records / f"{name}.safetensors") as part:
        part.write_bytes(safetensors.torch.save(measured.examples, about))
    with records.atomic(place.weights / f"{name}.safetensors") as part:
        part.write_bytes(safetensors.torch.save(measured.weights, about | _header(config)))
    records.save(record, place.records)
    return record


def _check(function: str, what: str, planned: str) -> None:
    if reference.source(function, what) != planned:
        raise ValueError(f"{function} changed since the run was planned")


def _measure(config: RunConfig) -> Callable[..., Measured]:
    """`measure(config, a data set or more, device, progress)` of the protocol of its kind."""
    protocol = importlib.import_module(provenance.PROTOCOLS[config.benchmark.kind])
    found: Callable[..., Measured] = protocol.measure
    return found


def _header(config: RunConfig) -> dict[str, str]:
    """What `backbones.load` rebuilds the network from."""
    backbone = config.backbone
    depth = 0 if isinstance(backbone, FactorySpec) else backbone.depth
    return Header(backbone, depth, config.precision).encoded()
