#!/bin/sh
# Builds the image of this version. BASE_IMAGE replaces that of the Dockerfile; DOCKER_BUILD_ARGS has
# further options of `docker build`, with blanks between; IMAGE is another name for what is built.
set -eu
# shellcheck source=docker/common.sh
. "$(dirname "$0")/common.sh"

image=${IMAGE:-$image}
# One manifest and nothing beside it, so that its checksum is that of the image.
export BUILDX_NO_DEFAULT_ATTESTATIONS=1
set -- --build-arg "VERSION=$version" --build-arg "REVISION=$revision${changes:+-dirty}"
[ -z "${BASE_IMAGE-}" ] || set -- "$@" --build-arg "BASE_IMAGE=$BASE_IMAGE"
# shellcheck disable=SC2086 # several words
docker build --tag "$image" --file docker/Dockerfile "$@" ${DOCKER_BUILD_ARGS-} .
docker image inspect --format '{{.Size}}' "$image" |
    awk -v image="$image" '{ printf "built %s, %.2f GB\n", image, $1 / 1e9 }'
