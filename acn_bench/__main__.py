"""`python -m acn_bench`."""

from acn_bench.cli import main

if __name__ == "__main__":  # a worker imports this file too, under another name
    main()
