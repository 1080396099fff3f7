"""The terminal of the command line: the one place that prints."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from acn_bench.printable import printable


class Terminal(Console):
    """A console that shows each control character of a text as its escape, and takes no word for an emoji."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, emoji=False)

    def render(self, *args: Any, **kwargs: Any) -> Iterable[Segment]:
        """All that is printed passes here, before colours and movements of the cursor are added."""
        for segment in super().render(*args, **kwargs):
            text, style, control = segment
            yield segment if control else Segment(printable(text), style)
