"""Folders for the files that Avalanche and Matplotlib write below HOME, where HOME cannot be written."""

import importlib.util
import json
import os
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from acn_bench.errors import sentence
from acn_bench.run_folder import atomic

AVALANCHE = "avalanche.benchmarks.datasets.dataset_utils"  # writes when it is imported
MATPLOTLIB = "MPLCONFIGDIR"  # the variable that Matplotlib takes its folder from


def prepare() -> str | None:
    """Give both libraries a folder that can be written; call it before either is imported, in each process.

    Returns a sentence for the user; None where HOME serves.
    """
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path raises where there is no HOME
    reasons = [_avalanche(home), _matplotlib(home)]
    reason = next(filter(None, reasons), None)
    if reason is None:
        return None
    return f"{reason}. Avalanche and Matplotlib write to {_substitute()}; set HOME to a folder of yours instead"


def _avalanche(home: Path) -> str | None:
    """Why Avalanche's settings file cannot be made or read; then another one is loaded."""
    settings = home / ".avalanche" / "config.json"
    try:
        _write_settings(settings)
        json.loads(settings.read_bytes())["dataset_location"]
    except OSError as e:
        reason = sentence(e)
    except (ValueError, LookupError, TypeError, RecursionError):
        reason = f"{settings} is not Avalanche's settings file"
    else:
        return None
    _load_avalanche_settings(_substitute())
    return reason


def _write_settings(path: Path) -> None:
    """Write Avalanche's own defaults, whole: two first commands at once would read each other's empty file."""
    if not path.exists():
        with atomic(path) as part:
            part.write_text(json.dumps({"dataset_location": str(path.parent / "data")}, indent=4))


def _load_avalanche_settings(folder: Path) -> None:
    """Import the one module of Avalanche that looks for HOME, with `folder` as HOME."""
    package = importlib.util.find_spec("avalanche")
    if AVALANCHE in sys.modules or package is None or package.origin is None:
        return
    _write_settings(folder / ".avalanche" / "config.json")
    source = Path(package.origin).parent / "benchmarks" / "datasets" / "dataset_utils.py"
    spec = importlib.util.spec_from_file_location(AVALANCHE, source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(folder)
    try:
        spec.loader.exec_module(module)
    finally:
        os.environ.pop("HOME")
        os.environ |= {} if before is None else {"HOME": before}
    sys.modules[AVALANCHE] = module


def _matplotlib(home: Path) -> str | None:
    """Why its cache cannot be written; then its variable names another folder."""
    if os.environ.get(MATPLOTLIB):
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "matplotlib"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return None
    except OSError as e:
        os.environ[MATPLOTLIB] = str(_substitute() / "matplotlib")
        return sentence(e)


@cache
def _substitute() -> Path:
    """A folder of this user alone: the same one in all processes, where nobody else has made it."""
    folder = Path(tempfile.gettempdir()) / f"acn_bench-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        owned = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
        if owned and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return folder
    return Path(tempfile.mkdtemp(prefix="acn_bench-"))
