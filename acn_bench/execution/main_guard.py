"""A script that starts runs needs `if __name__ == "__main__":`, since each worker imports the script again."""

import os
from multiprocessing import process

EXIT_CODE = 78  # of a worker whose import of the script started runs
MESSAGE = (
    "each worker imports the script that starts runs, and this one would start them again: put its calls below "
    'if __name__ == "__main__":'
)


def end_worker() -> None:
    """End this process, where it is a worker that still imports its script: it must not plan runs of its own.

    The parent knows the reason by the exit code.
    """
    if getattr(process.current_process(), "_inheriting", False):  # as multiprocessing asks it
        os._exit(EXIT_CODE)
