"""Attack the commands with damaged input and with kills, and count how they end.

    python tools/attack [--seed 0] [--short] [--family NAME] [--case N] [--folder runs/attack]

Every case is drawn from the seed, its family and its number, so that each can be repeated alone.
"""

import os
import sys

# before torch is imported; the workers of a command inherit them
os.environ.update({"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "MPLBACKEND": "Agg"})
os.environ.update({"ACN_BENCH_OFFLINE": "1", "NO_COLOR": "1"})
sys.dont_write_bytecode = True

import campaign  # noqa: E402

sys.exit(campaign.main(sys.argv[1:]))
