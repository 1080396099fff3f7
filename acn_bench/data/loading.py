"""A name and a folder -> a loaded data set of any kind."""

import os
from pathlib import Path
from typing import Any

from acn_bench import registry
from acn_bench.data.data_set import DataSet
from acn_bench.registry import DATA, OFFICIAL
from acn_bench.spec import Benchmark


def load(
    name: str,
    root: Path | None = None,
    arguments: dict[str, Any] | None = None,
    *,
    tests_alone: bool = False,
) -> DataSet:
    """The data set of that name, read from `root` (default: `default_root()`) once in a process.

    `pkg.module:function` makes an Avalanche benchmark, called with `arguments`. With `tests_alone` photographs need no
    training images.

    Raises LookupError where the name is unknown or the files are absent and cannot be downloaded
    (`errors.MissingData`), ValueError where a file is damaged.
    """
    folder = _folder(root)
    if ":" in name:
        stream: DataSet = registry.load(registry.USER_DATA.target)(name, folder, arguments or {})
        return stream
    info = DATA.load(name)
    reader = (tests_alone and info.tests_reader) or info.reader
    data: DataSet = registry.load(reader)(name, folder)
    return data


def official(name: str, root: Path | None = None) -> DataSet:
    """The official files of that name, below `root` (default: `default_root()`). Raises as `load`."""
    files: DataSet = registry.load(OFFICIAL.load(name).reader)(name, _folder(root))
    return files


def load_all(protocol: Benchmark, root: Path | None = None) -> list[DataSet]:
    """All data sets of a protocol, in its order, then its official files. Raises as `load`."""
    tests_alone = not protocol.trains_photographs
    data = [
        load(name, root, protocol.data_arguments, tests_alone=tests_alone)
        for name in protocol.datasets
    ]
    return data + [official(name, root) for name in protocol.official_files]


def default_root() -> Path:
    """$ACN_BENCH_DATA, else ~/.cache/acn_bench."""
    return Path(os.environ.get("ACN_BENCH_DATA") or "~/.cache/acn_bench").expanduser()


def _folder(root: Path | None) -> Path:
    return (root or default_root()).expanduser().absolute()
