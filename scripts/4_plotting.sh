#!/bin/sh
# Step 4: gathers the results, computes the limits and draws the figures.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

prepare 'Gathers the results, computes the limits and draws the figures.' \
    'project_path data_file input_file result_files output_dir mlflow_args' "$@"

track plot data_file="$data_file" input_file="$input_file" result_files="$result_files" \
    output_dir="$output_dir"
