"""An error -> one sentence for the user; and the errors that several modules raise."""

_TERMINATED = 143  # the exit code of SIGTERM, with which a worker's handler ends it
_LONGEST = 300  # characters of a foreign message


def sentence(error: BaseException) -> str:
    """The message on one line; that of an error that users cannot mend begins with its type."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    # str(KeyError(text)) puts the text in quotes
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    text = " ".join(text.split())
    mendable = isinstance(error, ValueError | LookupError | OSError)
    if isinstance(error, LookupError) and " " not in text:  # Python's own: "7" is no sentence
        mendable = False
    if mendable or type(error).__name__ == "DivergedError":
        return text
    return f"{type(error).__name__}: {text}"


def reason(error: BaseException) -> str:
    """Type and message of what foreign code raised, on one line; of a message that cannot be read the type alone."""
    try:
        text = " ".join(str(error).split())
    except (Exception, SystemExit):
        text = ""
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
