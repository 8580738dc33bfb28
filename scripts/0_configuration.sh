#!/bin/sh
# Step 0: resolves the input file into one settings file for each step.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

prepare 'Resolves the input file into one settings file for each step.' \
    'project_path data_file input_file output_dir' "$@"

exec python -m madminer_workflow configure \
    --data_file "$data_file" --input_file "$input_file" --output_dir "$output_dir"
