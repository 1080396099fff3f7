"""The code, the libraries and the machine -> a record's `Provenance`."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata

import torch

from acn_bench.config import RunConfig
from acn_bench.data.data_set import NOUNS, DataSet, describe_counts
from acn_bench.device import describe
from acn_bench.execution.code_hash import PACKAGE, code
from acn_bench.registry import KINDS
from acn_bench.result import DataProvenance, Guard, Provenance

LIBRARIES = ("acn_bench", "torch", "torchvision", "avalanche-lib", "numpy", "scikit-learn")


def provenance(
    config: RunConfig, data: Sequence[DataSet], device: torch.device, guards: list[Guard]
) -> Provenance:
    """The provenance of a run that ends now; `data` in the protocol's order."""
    why_not = _not_comparable(config, data, guards)
    first, *further = map(_data, data)
    return Provenance(
        code=code(config),
        commit=commit(),
        versions=versions(),
        device=describe(device),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        data=first,
        further=further,
        comparable=not why_not,
        why_not=why_not,
        guards=guards,
    )


def _data(data: DataSet) -> DataProvenance:
    return DataProvenance(
        name=data.name,
        fingerprint=data.fingerprint,
        canonical=data.canonical,
        train=data.counts.train,
        test=data.counts.test,
    )


def _not_comparable(config: RunConfig, data: Sequence[DataSet], guards: list[Guard]) -> list[str]:
    reasons = []
    if config.quick:
        reasons.append("--quick: a shortened protocol")
    reasons += [
        f"{d.name} is not the full original data: {describe_counts(d)}"
        if d.origin_known
        else f"it is not known whether {d.name} has the {NOUNS[d.inputs]} of a published data set"
        for d in data
        if not d.canonical
    ]
    reasons += KINDS.load(config.benchmark.kind).not_comparable(config, data)
    reasons += [f"check failed: {g.name} ({g.detail})" for g in guards if not g.passed]
    return reasons


@lru_cache
def commit() -> str | None:
    """The commit of the working tree that the package lies in; None outside one."""
    git = ["git", "-C", str(PACKAGE.parent)]
    if not (PACKAGE.parent / ".git").exists():
        return None
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10
        )
        state = subprocess.run(
            [*git, "status", "--porcelain", "--", PACKAGE.name],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if head.returncode != 0:
        return None
    return head.stdout.strip()[:12] + ("+changes" if state.stdout.strip() else "")


@lru_cache
def versions() -> dict[str, str]:
    """The installed versions of the libraries that a figure can depend on."""
    installed = {}
    for library in LIBRARIES:
        try:
            installed[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return installed
