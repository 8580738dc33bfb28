#!/bin/sh
# Step 3: evaluates one estimator on the grid of theory parameters.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

prepare 'Evaluates one estimator on the grid of theory parameters.' \
    'project_path data_file input_file model_file output_dir mlflow_args' "$@"

track eval data_file="$data_file" input_file="$input_file" model_file="$model_file" \
    output_dir="$output_dir"
