"""`pkg.module:function` -> the function, and the hash of the file that defines it."""

import hashlib
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any


def function(reference: str, what: str) -> Callable[..., Any]:
    """The function of that name; `what` it is, for a message: "backbone factory".

    Raises LookupError where there is no such function.
    """
    module, _, name = reference.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)
    except Exception as e:  # anybody's code
        why = e if isinstance(e, ImportError | AttributeError) else f"{type(e).__name__}: {e}"
        raise LookupError(f"there is no {what} {reference!r} (pkg.module:function): {why}") from e
    if not callable(made):
        raise LookupError(f"{reference} is no function, but a {type(made).__name__}")
    return made  # type: ignore[no-any-return]


def source(reference: str, what: str) -> str:
    """8 hex digits of the hash of the file that defines the function; empty where there is none."""
    made = inspect.unwrap(function(reference, what))
    try:
        path = inspect.getsourcefile(made)
    except TypeError:  # a partial, say: the module that names it
        path = inspect.getsourcefile(importlib.import_module(reference.partition(":")[0]))
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:8] if path else ""
