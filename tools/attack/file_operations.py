"""The files that this process is about to change, told before each change by Python's audit events."""

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

# event -> the arguments that are paths, and the one that is a folder's descriptor
_CHANGES = {
    "os.rename": ((0, 1), 2),
    "os.link": ((1,), 2),
    "os.symlink": ((1,), 2),
    "os.remove": ((0,), 1),
    "os.mkdir": ((0,), 2),
    "os.rmdir": ((0,), 1),
    "os.truncate": ((0,), None),
    "os.chmod": ((0,), 2),
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def watch(about_to_change: Callable[[str], None]) -> None:
    """Call the function with each path, absolute, from now to the end of the process and of those it forks.

    What a library writes without Python is not seen: its file is, when it is renamed.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" or event in _CHANGES:
            for path in _paths(event, arguments):
                about_to_change(path)

    sys.addaudithook(hook)


def _paths(event: str, arguments: tuple[Any, ...]) -> Iterator[str]:
    if event == "open":
        places: tuple[int, ...] = (0,) if (arguments[2] or 0) & _WRITES else ()
    else:
        places, descriptor = _CHANGES[event]
        if descriptor is not None and arguments[descriptor] not in (-1, None):
            return  # a name in a folder that was opened before
    for place in places:
        if isinstance(arguments[place], str | bytes | os.PathLike):
            yield os.path.abspath(os.fsdecode(arguments[place]))  # noqa: PTH100 - a link is no target
