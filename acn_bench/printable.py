"""Foreign text -> text without control characters: names, notes and messages come from anybody's files."""

import re

# Controls (C0, C1), line and paragraph separators, halves of characters, and marks that change the direction of the
# words around them; not the tab and the newline
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BREAK = re.compile("\r\n|[\n\r\t]")


def printable(text: str) -> str:
    r"""The text with each control character as its escape: `\x1b`, `\u202e`. Tabs and newlines stay."""
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


def one_line(text: str) -> str:
    """`printable`, with a space in place of each tab and line break."""
    return printable(_BREAK.sub(" ", text))
