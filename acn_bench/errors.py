"""An error -> one sentence for people."""


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
