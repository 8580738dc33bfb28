#!/bin/sh
# Step 2: trains one estimator.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

prepare 'Trains one estimator; --mlflow_args "member=1" trains another member of an ensemble.' \
    'project_path input_file train_folder output_dir mlflow_args' "$@"

track train input_file="$input_file" train_folder="$train_folder" output_dir="$output_dir"
