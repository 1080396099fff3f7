"""A process of this machine by its number and the time of its birth: another may get the number later."""

import os
from pathlib import Path


def born(number: int) -> str | None:
    """When the process started, in ticks since boot; None for one that has ended, and on systems without /proc."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def has_ended(number: int, birth: str | None) -> bool:
    """Whether the process of that number and birth is no more."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # another user's; no number of a process
        pass
    return born(number) != birth
