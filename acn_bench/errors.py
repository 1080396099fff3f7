"""An error -> one sentence for the user; and the errors that several modules raise."""


def sentence(error: BaseException) -> str:
    """The message on one line; that of an error that users cannot mend begins with its type."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    # str(KeyError(text)) puts the text in quotes
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    text = " ".join(text.split())
    mendable = isinstance(error, ValueError | LookupError | OSError)
    if mendable or type(error).__name__ == "DivergedError":
        return text
    return f"{type(error).__name__}: {text}"


class MissingData(LookupError):  # noqa: N818 - named by its cause
    """Files of a data set are missing, and cannot be downloaded; `embedded` names the set to use instead."""

    def __init__(self, message: str, embedded: str) -> None:
        super().__init__(message)
        self.embedded = embedded
