"""`python -m acn_bench`, and the command acn-bench."""

import sys
from pathlib import Path

from acn_bench import interruption


def main() -> None:
    """Run the command line; Ctrl-C, SIGTERM and SIGHUP print one line at any moment; exit with 130, 143 and 129."""
    try:
        interruption.listen()
        with interruption.exits_at_once():
            from acn_bench import cli

        script = Path(sys.argv[0]).stem
        cli.app(prog_name=script if script == "acn-bench" else "python -m acn_bench")
    except KeyboardInterrupt as e:
        interruption.end(interruption.exit_code(e))
    except SystemExit as e:
        if e.code in interruption.ENDS:
            interruption.end(int(e.code))
        raise


if __name__ == "__main__":  # a worker imports this file too, under another name
    main()
