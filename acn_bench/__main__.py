"""`python -m acn_bench`, and the command acn-bench."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from acn_bench import interruption

INTERRUPTED = 130  # as shells say of a command that Ctrl-C ended


def main() -> NoReturn:
    """Run the command line; Ctrl-C, whenever it comes, is one line and exit code 130."""
    try:
        with interruption.defer():
            from acn_bench import cli

        script = Path(sys.argv[0]).stem
        cli.app(prog_name=script if script == "acn-bench" else "python -m acn_bench")
    except KeyboardInterrupt:
        pass
    except SystemExit as end:
        if end.code != INTERRUPTED:
            raise
    print(
        "interrupted: what was finished is kept; the same command goes on from there",
        file=sys.stderr,
    )
    # Where the interrupt fell into text that exec() ran, as some imports do, CPython would end by the
    # signal, whatever the exit code.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


if __name__ == "__main__":  # a worker imports this file too, under another name
    main()
