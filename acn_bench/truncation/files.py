"""The files of a truncation: weights, their record, and where the smaller network and its note go."""

from pathlib import Path
from tempfile import TemporaryFile

from acn_bench import records, weights_header
from acn_bench.record import Record

ENDING = ".safetensors"
CUT_FROM = "cut_from"  # the key in the header of a truncated network


def weights_and_record(source: Path) -> tuple[Path, Path]:
    """Paths of the weights and of their record, which may be missing: in a run's folder, or side by side."""
    if source.is_dir():
        files = sorted(source.rglob(f"weights/*{ENDING}"))
        example = f", e.g. {files[0]}" if files else ""
        raise LookupError(f"{source} is a folder: name one file of weights{example}")
    if source.suffix not in (ENDING, ".json"):
        raise ValueError(f"{source} is neither weights ({ENDING}) nor a record (.json)")
    if source.parent.name in ("weights", "records"):
        run = source.parent.parent
        return run / "weights" / f"{source.stem}{ENDING}", run / "records" / f"{source.stem}.json"
    return source.with_suffix(ENDING), source.with_suffix(".json")


def load_record(weights: Path, path: Path) -> Record | None:
    """The record of these weights; None where there is none, as for a network that is truncated already.

    Raises ValueError for the record of another run.
    """
    header = weights_header.about(weights)
    if CUT_FROM in header or not path.is_file():
        return None
    record = records.load(path)
    if header.get("run_id") != record.run_id:
        raise ValueError(
            f"{path} is the record of {record.run_id}, but {weights} is of another run"
        )
    return record


def note_path(out: Path) -> Path:
    """Where the note of the network in `out` goes."""
    return out.with_suffix(".json")


def check_output(out: Path, weights: Path) -> None:
    """Raise ValueError where `out` cannot be written, or would replace another kind of file."""
    if out.suffix != ENDING:
        raise ValueError(f"--out: {out} must end in {ENDING}")
    if out.exists() and out.samefile(weights):
        raise ValueError(f"--out: {out} is the network to truncate; choose another name")
    for path in (out, note_path(out)):
        if path.exists() and not _is_truncated(out):
            raise ValueError(
                f"--out: {path} exists, and is no truncated network; choose another name"
            )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out.parent):
            pass
    except OSError as e:
        raise ValueError(f"--out: {out.parent} cannot be written: {e.strerror or e}") from e


def _is_truncated(path: Path) -> bool:
    try:
        return CUT_FROM in weights_header.about(path)
    except (LookupError, ValueError):
        return False
