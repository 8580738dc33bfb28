#!/bin/sh
# What the entry points of MLproject start: a command of this project, and not of one that may be
# installed, with the Python of the active environment, or else with that of .venv.
set -eu
project=$(cd "$(dirname "$0")/.." && pwd)
[ -n "${VIRTUAL_ENV-}${CONDA_PREFIX-}${MADMINER_WORKFLOW_IMAGE-}" ] || [ ! -d "$project/.venv/bin" ] ||
    PATH=$project/.venv/bin:$PATH
export PATH PYTHONPATH="$project/code${PYTHONPATH:+:$PYTHONPATH}"
exec python -m madminer_workflow "$@"
