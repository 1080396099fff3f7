"""Check that the training loss is finite."""

from math import isfinite


class DivergedError(RuntimeError):
    """The training loss is infinite or not a number."""


def finite(loss: float, place: str) -> float:
    """Return the loss. Raises DivergedError, which names `place`, where it is not finite."""
    if not isfinite(loss):
        raise DivergedError(f"the training loss became {loss} in {place}")
    return loss
