"""RunConfig -> RunRecord: run the protocol of its kind, and write the record, the outcomes and the weights."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import torch

from acn_bench import records, run_folder, tensor_file, user_functions
from acn_bench.benchmarks.run import Progress, Run, RunOutput
from acn_bench.config import RunConfig
from acn_bench.data import loading
from acn_bench.data.data_set import joint_fingerprint
from acn_bench.device import describe
from acn_bench.execution import code_hash, provenance
from acn_bench.execution.job import Placement
from acn_bench.execution.locks import ALONE, Claim
from acn_bench.record import Record, RunRecord, decode, encode
from acn_bench.registry import KINDS
from acn_bench.run_folder import RunFolder
from acn_bench.spec import Network, Strategy
from acn_bench.training.checkpoints import adopt
from acn_bench.training.divergence import DivergedError
from acn_bench.training.resume import INTERVAL, ResumeFile
from acn_bench.training.stopping import Stop
from acn_bench.weights_header import Header

Note = Callable[[str], None]  # takes a sentence for the user


def run(
    config: RunConfig,
    folder: RunFolder,
    *,
    data_root: Path | None,
    placement: Placement,
    progress: Progress = lambda _: None,
    note: Note = lambda _: None,
    interval: float = INTERVAL,
    claim: Claim = ALONE,
    stop: Stop | None = None,
    trackers: Sequence[str] = (),
) -> Record | None:
    """Run `config` and write its files: outcomes and weights first, the record last.

    A run resumes from its checkpoint if there is one; it writes a new one every `interval` seconds. Of several
    processes the first writes the files and returns the record; the others return None.

    Raises ValueError where data or a user's function changed since the plan was made, DivergedError where the
    loss is not finite, OSError where a file cannot be written, SupersededError where another process was
    quicker; then no record is written.
    """
    device = torch.device(placement.device)
    _check(config.backbone, config.backbone.role)
    _check(config.strategy, "strategy builder")
    data = loading.load_all(config.benchmark, data_root)
    fingerprint = joint_fingerprint(data)
    if fingerprint != config.fingerprint:
        names = " or ".join(one.name for one in data)
        raise ValueError(
            f"{names} changed since the run was planned: the fingerprint is {fingerprint}, not {config.fingerprint}"
        )
    resume_file = checkpoint(config, folder, device, note, interval, claim.token)
    resume_file.stopping = claim.stopping
    if claim.token and placement.world_size == 1:
        others = records.of_run(
            folder.checkpoints, records.stem(config.run_id, resume_file.about["code"]), ""
        )
        adopt(resume_file.folder, others)
    this_run = Run(
        config,
        data,
        device,
        progress,
        resume_file,
        rank=placement.rank,
        world_size=placement.world_size,
        stop=stop or Stop(),
        trackers=trackers,
    )
    if placement.rank > 0:
        KINDS.load(config.benchmark.kind).protocol_module.measure(this_run)
        return None
    record, output = _measured_once_or_again(this_run, resume_file)
    claim.check()
    _write(record, output, folder, claim.token)
    resume_file.remove()
    return record


def _write(record: Record, output: RunOutput, folder: RunFolder, token: str) -> None:
    """Write the outcomes and the weights, then the record."""
    stem = records.stem(record.run_id, record.provenance.code)
    path = records.free_path(folder.records, stem, token)
    about = {"run_id": record.run_id, "config": _json(record.config)}
    with run_folder.atomic(path.with_suffix(".safetensors")) as part:
        part.write_bytes(tensor_file.encoded(output.examples, about))
    if output.weights:  # a network that was trained before has its file
        with run_folder.atomic(folder.weights / f"{path.stem}.safetensors") as part:
            part.write_bytes(tensor_file.encoded(output.weights, about | _header(record.config)))
    if output.files:
        run_folder.write_folder(folder.weights / path.stem, output.files)
    records.save(record, folder.records, path)


def _measured_once_or_again(run: Run, resume_file: ResumeFile) -> tuple[Record, RunOutput]:
    """Measure; a run that fails after it resumed begins again: its checkpoint may be forged.

    Not if it diverged, or lacked memory or disk: that is no fault of a checkpoint, and would take as long again.
    """
    try:
        return _measured(run)
    except (OSError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as e:
        if not resume_file.resumed or run.world_size > 1:  # the other processes would not follow
            raise
        if isinstance(e, DivergedError):
            resume_file.remove()  # the next command begins again
            raise
        resume_file.reject(f"cannot be used ({type(e).__name__})")
    return _measured(run)  # here: what the first attempt held in memory is free


def _measured(run: Run) -> tuple[Record, RunOutput]:
    """Run the protocol of its kind. Raises ValueError where the record could not be read again."""
    protocol = KINDS.load(run.config.benchmark.kind).protocol_module
    output: RunOutput = protocol.measure(run)
    made = RunRecord(
        schema=records.SCHEMA,
        run_id=run.config.run_id,
        config=run.config,
        result=output.result,
        provenance=provenance.provenance(run.config, run.data, run.device, output.guards),
    )
    decode(encode(made), "the result of the run")
    return made, output


def _check(spec: Network | Strategy | None, role: str) -> None:
    """Raise ValueError where the file of a user's function changed since the plan was made."""
    if spec is None or spec.function is None:
        return
    if user_functions.source(spec.function, role) != spec.source:
        raise ValueError(f"{spec.function} changed since the run was planned")


def checkpoint(
    config: RunConfig,
    folder: RunFolder,
    device: torch.device,
    note: Note = lambda _: None,
    interval: float = INTERVAL,
    token: str = "",
) -> ResumeFile:
    """The resume file for this run's next record: written by this process, read from whoever came furthest."""
    code = code_hash.code(config)
    stem = records.stem(config.run_id, code)
    next_record = records.free_path(folder.records, stem).stem
    own = records.free_path(folder.records, stem, token).stem
    about = {
        "run": config.run_id,
        "config": _json(config),
        "code": code,
        "libraries": ", ".join(f"{k} {v}" for k, v in provenance.versions().items()),
        "device": describe(device),
    }
    own_path = folder.checkpoints / f"{own}.safetensors"
    written = records.of_run(folder.checkpoints, stem, ".safetensors")
    others = [p for p in written if records.without_token(p) == next_record]
    files = [ResumeFile(own_path, about, interval, note, p) for p in (own_path, *others)]
    return max(files, key=_progress)


def _progress(file: ResumeFile) -> tuple[float, bool]:
    """Orders resume files; of files that cannot be used, one that exists, which says why."""
    share = file.share
    return -1.0 if share is None else share, file.source.exists()


def _json(config: RunConfig) -> str:
    return msgspec.json.encode(config).decode()


def _header(config: RunConfig) -> dict[str, str]:
    """The header from which `backbones.load` rebuilds the network."""
    backbone = config.backbone
    return Header(backbone, backbone.depth or 0, config.precision).encoded()
