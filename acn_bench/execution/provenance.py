"""The code, the libraries and the machine -> what a record says of how it was made."""

import ast
import hashlib
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import torch

from acn_bench.data.images import ImageData
from acn_bench.device import describe
from acn_bench.records import DataProvenance, Guard, Provenance
from acn_bench.spec import ContinualSpec, RunConfig

PACKAGE = Path(__file__).parent
PROTOCOLS = {  # the kind of a benchmark -> its protocol
    "continual": "acn_bench.benchmarks.continual.protocol",
    "transfer": "acn_bench.benchmarks.transfer.protocol",
}
LIBRARIES = ("acn_bench", "torch", "torchvision", "avalanche-lib", "numpy", "scikit-learn")


@lru_cache
def code(kind: str) -> str:
    """Hash, in 8 hex digits, of those files of the package that training and evaluation import.

    By the kind of benchmark, so that an edit to one protocol repeats no run of another.
    """
    digest = hashlib.sha256()
    for path in sorted(_imported((PROTOCOLS[kind],))):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def provenance(
    config: RunConfig, data: Sequence[ImageData], device: torch.device, guards: list[Guard]
) -> Provenance:
    """What made the record, as of now; `data` in the protocol's order."""
    why_not = _not_comparable(config, data, guards)
    first, *further = map(_data, data)
    return Provenance(
        code=code(config.benchmark.kind),
        commit=_commit(),
        versions=versions(),
        device=describe(device),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        data=first,
        further=further,
        comparable=not why_not,
        why_not=why_not,
        guards=guards,
    )


def _data(data: ImageData) -> DataProvenance:
    return DataProvenance(
        name=data.name,
        fingerprint=data.fingerprint,
        canonical=data.canonical,
        train=len(data.train_labels),
        test=len(data.test_labels),
    )


def _not_comparable(config: RunConfig, data: Sequence[ImageData], guards: list[Guard]) -> list[str]:
    reasons = []
    if config.quick:
        reasons.append("--quick: a shortened protocol")
    reasons += [
        f"whether the images of {d.name} are those of a published data set is not known"
        if d.experiences
        else f"{d.name} is not the full original data: {len(d.train_labels):,} training and "
        f"{len(d.test_labels):,} test images"
        for d in data
        if not d.canonical
    ]
    protocol = config.benchmark
    if isinstance(protocol, ContinualSpec):
        arrive = protocol.experiences * protocol.classes_per_experience
        if arrive < len(data[0].class_names):
            reasons.append(
                f"only {arrive} of the {len(data[0].class_names)} classes of {data[0].name}"
            )
        if protocol.seconds:
            reasons.append(
                f"budget {protocol.budget}: how much is learned in a time depends on the machine, and no "
                "run can be repeated exactly"
            )
    reasons += [f"check failed: {g.name} ({g.detail})" for g in guards if not g.passed]
    return reasons


def _imported(modules: tuple[str, ...]) -> set[Path]:
    """The package's files that these modules import, directly or not, read from their source."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        path = _file(waiting.pop())
        if path is None or path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _file(module: str) -> Path | None:
    words = module.split(".")
    if words[0] != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*words[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@lru_cache
def _commit() -> str | None:
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
    """The libraries that a figure can depend on, as installed."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found
