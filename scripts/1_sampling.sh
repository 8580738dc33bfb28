#!/bin/sh
# Step 1: draws the training, validation and test samples of every method.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

prepare 'Draws the training, validation and test samples of every method.' \
    'project_path data_file input_file output_dir mlflow_args' "$@"

track sample data_file="$data_file" input_file="$input_file" output_dir="$output_dir"
