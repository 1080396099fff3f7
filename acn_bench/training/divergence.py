"""The mean loss of a part of training -> the same, or `DivergedError`."""

from math import isfinite


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


def finite(loss: float, place: str) -> float:
    """The loss. Raises DivergedError, naming `place`, where it is not a number."""
    if not isfinite(loss):
        raise DivergedError(f"the training loss became {loss} in {place}")
    return loss
