# shellcheck shell=sh disable=SC2034 # sourced: what is set here is used elsewhere
# Shared by the scripts of the image, which run in the root of the checkout.

fail() {
    echo "error: $*" >&2
    exit 1
}

cd "$(dirname "$0")/.." || exit
version=$(cat VERSION)
name=$(sed -n 's/^ *image: *//p' workflow/steps.yml)
image=$name:$version
revision=$(git rev-parse HEAD 2>/dev/null) || revision=''
changes=$(git status --porcelain 2>/dev/null) || changes=''
docker version >/dev/null 2>&1 || fail "no Docker engine answers: docker version says why"
