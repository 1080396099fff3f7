"""RunConfig -> the hash of the package's files that the run executes, and of no others.

The files are the import closure of the run's own modules: its protocol, family, strategy, data sets and
corruptions. Another kind, another strategy or a report is never among them.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import acn_bench
from acn_bench.config import RunConfig
from acn_bench.run_modules import modules

PACKAGE = Path(acn_bench.__file__).parent

# Runs import these tables of names, but no figure depends on them: `run_modules` follows a run's own names instead.
NAMES = frozenset({"acn_bench", "acn_bench.registry", "acn_bench.families.names"})


def code(config: RunConfig) -> str:
    """8 hex digits: an edit repeats a run only if the run executes the edited file."""
    return _hash(frozenset(modules(config)), PACKAGE)


@lru_cache
def _hash(roots: frozenset[str], package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(closure(roots, package)):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def closure(roots: frozenset[str], package: Path) -> set[Path]:
    """The package's files that these modules import, directly or not, read from their source."""
    files: set[Path] = set()
    visited: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module in visited or module in NAMES or module.partition(".")[0] != package.name:
            continue
        visited.add(module)
        waiting.append(module.rpartition(".")[0])  # its package is imported first
        path = _file(module, package)
        if path is not None and path not in files:
            files.add(path)
            waiting += _imports_of(path.read_text(encoding="utf-8"))
    return files


@lru_cache(maxsize=1024)
def _imports_of(text: str) -> tuple[str, ...]:
    return tuple(_imports(ast.parse(text)))


def _imports(tree: ast.AST) -> Iterator[str]:
    """The modules that the code imports, in functions too, except under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _imports(node)


def _file(module: str, package: Path) -> Path | None:
    path = package.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
