"""`pkg.module:function` -> the function, and the hash of the file that defines it; what its code raises, in one sentence."""

import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from acn_bench.errors import is_stop, plain, reason, shorten


@contextmanager
def guarded(
    what: str,
    error: type[Exception] = ValueError,
    why: Callable[[BaseException], str] = reason,
) -> Iterator[None]:
    """Turn whatever foreign code raises in the block, `sys.exit` too, into an `error` that begins with `what`.

    Ctrl-C and SIGTERM pass.
    """
    try:
        yield
    except BaseException as e:
        if is_stop(e):
            raise
        raise error(f"{what}: {why(e)}") from e


def function(reference: str, what: str) -> Callable[..., Any]:
    """The function of that name; `what` it is, for a message: "backbone factory".

    Raises LookupError where there is no such function.
    """
    module, _, name = reference.partition(":")
    with guarded(
        f"there is no {what} {shorten(reference)} (pkg.module:function)",
        LookupError,
        _why_not_imported,
    ):
        made = getattr(importlib.import_module(module), name)
    if not callable(made):
        raise LookupError(f"{plain(reference)} is no function, but a {type(made).__name__}")
    return made  # type: ignore[no-any-return]


def _why_not_imported(error: BaseException) -> str:
    """The messages of these two begin with what is missing: their type would say it again."""
    text = reason(error)
    missing = isinstance(error, ImportError | AttributeError)
    return text.partition(": ")[2] or text if missing else text


def source(reference: str, what: str) -> str:
    """8 hex digits of the hash of the file that defines the function; empty where there is none.

    Raises LookupError where there is no such function, or its file cannot be read.
    """
    made = function(reference, what)
    with guarded(f"the file of the {what} {shorten(reference)} cannot be read", LookupError):
        made = inspect.unwrap(made)
        try:
            path = inspect.getsourcefile(made)
        except TypeError:  # a partial, say: the module that names it
            path = inspect.getsourcefile(importlib.import_module(reference.partition(":")[0]))
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:8] if path else ""
