"""An error -> one sentence for people; and the errors that several parts raise."""


def sentence(error: BaseException) -> str:
    """What went wrong and where, on one line; what is no message to people is named by its type."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    # KeyError shows its text as Python would write it
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    text = " ".join(text.split())
    meant = isinstance(error, ValueError | LookupError | OSError)
    if meant or type(error).__name__ == "DivergedError":
        return text
    return f"{type(error).__name__}: {text}"


class MissingData(LookupError):  # noqa: N818 - what it is, not that it is an error
    """The files are not there, and could not be downloaded; `embedded` is the data to use instead."""

    def __init__(self, message: str, embedded: str) -> None:
        super().__init__(message)
        self.embedded = embedded
