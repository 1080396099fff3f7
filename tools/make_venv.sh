#!/bin/sh
# make_venv.sh FOLDER [PYTHON]: a virtual environment with pip in FOLDER, unless a whole one is there.
set -eu
folder=$1
wanted=${2:-}

if "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

new_enough() { # an interpreter that only has the name may not start: ask it
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=
for name in ${wanted:-python3.11 python3.12 python3.13 python3}; do
    if new_enough "$name"; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    echo "acn_bench needs Python 3.11 or newer; found none as ${wanted:-python3.11, python3.12, python3.13 or python3}." >&2
    echo "Name one: make setup PYTHON=/path/to/python3" >&2
    exit 2
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "$python cannot make a virtual environment: its modules venv and ensurepip are missing." >&2
    echo "On Debian or Ubuntu: apt-get install python3-venv. Or name another Python: make setup PYTHON=/path/to/python3" >&2
    exit 2
fi
if ! "$python" -m venv --clear "$folder"; then
    echo "$python -m venv $folder failed; its message stands above." >&2
    exit 2
fi
