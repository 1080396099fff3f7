"""An error -> one sentence for the user; values as messages quote them; errors that several modules raise."""

from collections.abc import Iterable, Mapping
from itertools import islice

SCREEN = 2000  # characters of a message: one screen
QUOTED = 100  # characters of a value in a message
_ITEMS = 4  # of a list or dictionary that is quoted
_EXACT = (type(None), bool, float, complex)  # their repr is short

_TERMINATED = 143  # the exit code of SIGTERM, with which a worker's handler ends it
_LONGEST = 300  # characters of a foreign message


def sentence(error: BaseException) -> str:
    """The message on one line and one screen; that of an error that users cannot mend begins with its type."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return within_screen(f"{place}{error.strerror}")
    text = message(error)
    mendable = isinstance(error, ValueError | LookupError | OSError)
    if isinstance(error, LookupError) and " " not in text:  # Python's own: "7" is no sentence
        mendable = False
    if text and (mendable or type(error).__name__ in ("DivergedError", "TrainingDiverged")):
        return text
    return f"{type(error).__name__}: {text}"


def message(error: BaseException) -> str:
    """What an error of any code says, on one line and one screen; empty where it cannot be read.

    Values that it holds are shortened.
    """
    if type(error).__str__ in (BaseException.__str__, KeyError.__str__):
        # str() would write out a list of any length, and put a KeyError's text in quotes
        texts = [value if isinstance(value, str) else shorten(value) for value in error.args]
        return within_screen(", ".join(texts))
    try:
        return within_screen(str(error))
    except (Exception, SystemExit):  # anybody's code
        return ""


def within_screen(text: str) -> str:
    """The text on one line; of a long one the beginning and the end, where the remedy stands."""
    if len(text) <= SCREEN and len(line := " ".join(text.split())) <= SCREEN:
        return line
    first, last = text[: SCREEN * 3 // 4], text[-SCREEN // 8 :]
    left_out = len(text) - len(first) - len(last)
    return " ".join(f"{first} … ({left_out:,} characters left out) … {last}".split())


def shorten(value: object, limit: int = QUOTED) -> str:
    """A value as a message quotes it: its repr, or a part of it with its length. Never writes a long one out."""
    if isinstance(value, str):
        return _word(str(value[:limit]), len(value))
    if isinstance(value, bytes | bytearray):  # a byte may take four characters
        return _word(bytes(value[: limit // 4]), len(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole_number(int(value))
    inner = limit // _ITEMS
    if isinstance(value, Mapping):
        pairs = islice(value.items(), _ITEMS if inner >= _ITEMS else 0)
        shown = [f"{shorten(k, inner)}: {shorten(v, inner)}" for k, v in pairs]
        return _items(shown, len(value), "{", "}")
    if isinstance(value, list | tuple | set | frozenset):
        shown = [shorten(v, inner) for v in islice(value, _ITEMS if inner >= _ITEMS else 0)]
        return _items(shown, len(value), *_BRACKETS.get(type(value), ("[", "]")))
    if isinstance(value, _EXACT):
        return repr(value)
    return f"a {type(value).__name__:.{QUOTED}}"


def plain(word: str) -> str:
    """A word without quotes; a long one as `shorten` has it."""
    return word if len(word) <= QUOTED else shorten(word)


def listed(values: Iterable[object], count: int = 20) -> str:
    """The first `count` values with commas between them, and how many more there are."""
    words = list(values)
    first = [plain(str(word)) for word in words[:count]]
    more = f" and {len(words) - count:,} more" if len(words) > count else ""
    return ", ".join(first) + more


_BRACKETS = {tuple: ("(", ")"), set: ("{", "}"), frozenset: ("{", "}")}


def _word(start: str | bytes, length: int) -> str:
    if length == len(start):
        return repr(start)
    quoted = repr(start)
    return f"{quoted[:-1]}…{quoted[-1]} ({length:,} characters)"


def _whole_number(value: int) -> str:
    # Python refuses to write out more than 4,300 digits; 1 bit is 0.30103 of a digit
    if value.bit_length() > 3 * QUOTED:
        return f"a number of about {value.bit_length() * 30103 // 100_000:,} digits"
    return repr(value)


def _items(shown: list[str], count: int, left: str, right: str) -> str:
    more = [f"… {count:,} in all" if shown else "…"] * (count > len(shown))
    comma = "," * (count == 1 and left == "(")  # of a tuple of one
    return f"{left}{', '.join(shown + more)}{comma}{right}"


def reason(error: BaseException) -> str:
    """Type and message of what foreign code raised, on one line; of a message that cannot be read the type alone."""
    is_key = type(error).__str__ is KeyError.__str__ and len(error.args) == 1
    text = shorten(error.args[0]) if is_key else message(error)
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"{type(error).__name__}: {short}" if text else type(error).__name__


def is_stop(error: BaseException) -> bool:
    """Whether it is Ctrl-C or SIGTERM, which end the process, and no failure of the code that it came from."""
    if isinstance(error, SystemExit):
        return error.code == _TERMINATED
    return isinstance(error, KeyboardInterrupt)


class MissingData(LookupError):  # noqa: N818 - named by its cause
    """Files of a data set are missing, and cannot be downloaded; `embedded` names the set to use instead."""

    def __init__(self, message: str, embedded: str) -> None:
        super().__init__(message)
        self.embedded = embedded
