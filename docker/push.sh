#!/bin/sh
# Pushes the image of this version to REGISTRY as DOCKERUSER. The password is DOCKERPASS or, without it,
# the first line of the standard input. A version that is in the registry is never replaced.
set -eu
set +x # a trace would show the password
password=${DOCKERPASS-}
unset DOCKERPASS
# shellcheck source=docker/common.sh
. "$(dirname "$0")/common.sh"

target=${REGISTRY:+$REGISTRY/}$image
where=${REGISTRY:-Docker Hub}

check_image() {
    [ -n "$revision" ] || fail "this is no git checkout: nobody could tell what was pushed"
    [ -z "$changes" ] || fail "there are changes that are not committed (git status lists them)"
    built=$(docker image inspect --format \
        '{{ index .Config.Labels "org.opencontainers.image.revision" }}' "$image" 2>/dev/null) ||
        fail "$image is missing: 'make build' builds it"
    [ "$built" = "$revision" ] ||
        fail "$image was built from ${built:-unknown code}, not from $revision: 'make build' builds it anew"
}

ask_password() {
    if [ -t 0 ]; then
        printf 'password of %s: ' "$DOCKERUSER" >&2
        trap 'stty echo' EXIT
        stty -echo
        IFS= read -r password || true
        stty echo
        echo >&2
    else
        IFS= read -r password || true
    fi
}

# Keeps the credentials away from the files of the user, for the engine that the user has chosen.
log_in() {
    DOCKER_HOST=$(docker context inspect --format '{{ .Endpoints.docker.Host }}')
    DOCKER_CONFIG=$(mktemp -d)
    trap 'rm -rf "$DOCKER_CONFIG"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    export DOCKER_HOST DOCKER_CONFIG
    said=$(printf '%s' "$password" |
        docker login --username "$DOCKERUSER" --password-stdin ${REGISTRY:+"$REGISTRY"} 2>&1) && return
    case $said in
    *401* | *nauthorized* | *ncorrect*) fail "$where knows no $DOCKERUSER with this password" ;;
    *) fail "no login at $where: $(last_line "$said")" ;;
    esac
}

# The identifier of an image is a checksum of its content, which its manifest in a registry has too.
check_registry() {
    case ${REGISTRY-} in
    localhost | localhost:* | 127.*) set -- --insecure ;; # as the engine itself treats them
    *) set -- ;;
    esac
    id=$(docker image inspect --format '{{ .Id }}' "$image")
    if said=$(docker manifest inspect "$@" --verbose "$target" 2>&1); then
        case $said in
        *"$id"*) echo "$target is there already, with this content" ;;
        *) fail "$target is there already, with other content: raise VERSION" ;;
        esac
    else
        case $said in
        *"no such manifest"* | *"manifest unknown"* | *"name unknown"*) ;;
        *) fail "$where does not tell what $target is: $(last_line "$said")" ;;
        esac
    fi
}

last_line() {
    printf '%s\n' "$1" | tail -n 1
}

check_image
[ -n "${DOCKERUSER-}" ] || fail "DOCKERUSER is missing: the name of the user at $where"
[ -n "$password" ] || ask_password
[ -n "$password" ] || fail "DOCKERPASS is missing, and the standard input is empty"
log_in
check_registry
docker tag "$image" "$target"
docker push "$target"
