#!/bin/sh
# Makes a virtual environment from a file of exact versions: environment.sh LOCK_FILE [FOLDER]
# The default folder, .venv, gets this package, too. The stamp FOLDER/.NAME_OF_LOCK_FILE is written
# last, so that a broken environment is never taken for one.
set -eu

fail() {
    echo "error: $*" >&2
    exit 1
}

[ $# -eq 1 ] || [ $# -eq 2 ] || fail "usage: $0 LOCK_FILE [FOLDER]"
cd "$(dirname "$0")/.."
lock=$1 venv=${2:-.venv}
python=${PYTHON:-python3}
recent='import sys; sys.exit(sys.version_info < (3, 11))'

has_pip() {
    "$1" -m pip --version >/dev/null 2>&1
}

usable() {
    "$venv/bin/python" -c "$recent" 2>/dev/null && { has_pip "$venv/bin/python" || has_pip "$python"; }
}

# Debian keeps what `python3 -m venv` needs in a package of its own; any pip outside can stand in.
create() {
    command -v "$python" >/dev/null || fail "$python not found: Python 3.11 or newer is needed"
    "$python" -c "$recent" ||
        fail "$("$python" --version) is too old: 3.11 or newer is needed (PYTHON=... names one)"
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv --clear "$venv"
    elif has_pip "$python"; then
        "$python" -m venv --clear --without-pip "$venv"
    elif [ "$(id -u)" -eq 0 ]; then
        install_venv
        "$python" -m venv --clear "$venv"
    elif sudo -n true 2>/dev/null; then
        install_venv sudo -n
        "$python" -m venv --clear "$venv"
    else
        fail "Python cannot make virtual environments here: 'apt-get install python3-venv' mends that"
    fi
}

# install_venv [SUDO...]
install_venv() {
    echo "installing python3-venv"
    "$@" apt-get update -qq
    "$@" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        python3-venv >/dev/null
}

install() {
    if has_pip "$venv/bin/python"; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    else
        "$python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check "$@"
    fi
}

rm -f "$venv"/.*.lock
if ! usable; then
    echo "creating $venv"
    create
fi
echo "installing $lock, which takes minutes the first time"
install -r "$lock"
if [ "$venv" = .venv ]; then
    install --no-deps --no-build-isolation --editable .
    touch .venv/.requirements.lock
fi
touch "$venv/.$(basename "$lock")"
