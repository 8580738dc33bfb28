#!/bin/sh
# Runs the self-check of the image as a user whom it does not know, without network.
set -eu
# shellcheck source=docker/common.sh
. "$(dirname "$0")/common.sh"

image=${IMAGE:-$image}
docker image inspect "$image" >/dev/null 2>&1 || fail "$image is missing: 'make build' builds it"
docker run --rm --network none --user 12345:12345 "$image" madminer-workflow self-check
