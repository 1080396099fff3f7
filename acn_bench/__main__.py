"""`python -m acn_bench`, and the command acn-bench."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from acn_bench import interruption

INTERRUPTED = 130  # the exit code that shells use for Ctrl-C


def main() -> NoReturn:
    """Run the command line; Ctrl-C prints one line at any moment, and exits with 130."""
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
        "interrupted: finished runs are saved; run the same command again to resume",
        file=sys.stderr,
    )
    # If the interrupt came inside exec(), as in some imports, CPython would end by the signal instead of
    # the exit code.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


if __name__ == "__main__":  # a worker imports this file too, under another name
    main()
