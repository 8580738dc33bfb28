#!/bin/sh
# What the entry points of MLproject start: entry.sh FOLDER COMMAND OPTION...
# Relative paths start in FOLDER. The code is that of this project, also where another copy is
# installed, and Python that of the active environment, or else of .venv.
set -eu
unset CDPATH
project=$(cd "$(dirname "$0")/.." && pwd)
[ -n "${VIRTUAL_ENV-}${CONDA_PREFIX-}${MADMINER_WORKFLOW_IMAGE-}" ] ||
    [ ! -d "$project/.venv/bin" ] || PATH=$project/.venv/bin:$PATH
export PATH PYTHONPATH="$project/code${PYTHONPATH:+:$PYTHONPATH}"
cd "$1"
shift
exec python -P -m madminer_workflow "$@" # without modules of FOLDER
