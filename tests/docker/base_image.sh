#!/bin/sh
# Makes a stand-in for python:3.11-slim where packages can be had but no images: base_image.sh TAG
# It is this Debian with its Python, and knows the certificates and the wheels of this machine, where
# pip has been told of any. Needs root and a Docker engine.
set -eu

tag=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT TERM
command -v debootstrap >/dev/null || {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends debootstrap
}
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016 # for apt-get
mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $suite" "Created-By: Packages" | head -n 1)
debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
    "$suite" "$root" "${mirror:-http://deb.debian.org/debian}"

ln -s python3 "$root/usr/bin/python"
rm -rf "$root"/usr/lib/python3*/EXTERNALLY-MANAGED "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
wheels=${PIP_FIND_LINKS:-$(python3 -m pip config get global.find-links 2>/dev/null || true)}
{
    echo '[global]'
    echo 'cert = /etc/ssl/certs/ca-certificates.crt'
    if [ -d "$wheels" ]; then
        mkdir -p "$root/opt/wheels"
        cp "$wheels"/*.whl "$root/opt/wheels"
        echo 'find-links = /opt/wheels'
    fi
} >"$root/etc/pip.conf"
tar -C "$root" -c . | docker import --change 'CMD ["python3"]' \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$tag"
