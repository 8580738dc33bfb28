from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

VERSIONS = '{"python": "3.11.2", "packages": {"numpy": "2.0"}}'

# Stands for a program: notes its words in files 1, 2, ... and answers by what they begin with.
PROGRAM = f"""#!/bin/sh
number=$(($(ls "$RECORD" | wc -l) + 1))
for word; do printf '%s\\0' "$word"; done >"$RECORD/$number"
case "$1 $2" in
"info "*) [ -z "$NO_ENGINE" ] || {{ echo "$NO_ENGINE" >&2; exit 1; }}; echo "[${{SECURITY-}}]" ;;
"image inspect")
    for name; do :; done
    [ "$name" != missing:1 ] || {{ echo "No such image: missing:1" >&2; exit 1; }}
    echo "sha256:of-$name"
    ;;
"build "*) [ -z "$NO_BUILD" ] || {{ echo "$NO_BUILD" >&2; exit 255; }}; echo image >"$2" ;;
*)
    [ -z "$NO_RUN" ] || {{ printf '%s\\n' "$NO_RUN" "See 'docker run --help'." >&2; exit 125; }}
    for word; do
        case $last in --workdir | --pwd) touch "$word/made" ;; esac
        last=$word
    done
    echo '{VERSIONS}'
    ;;
esac
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes a stand-in for a program and gives the folder of its records."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "the cache"))
    for name in ("MLFLOW_TRACKING_URI", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)

    def make(name: str) -> Path:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / name).write_text(PROGRAM)
        (tmp_path / "bin" / name).chmod(0o755)
        (tmp_path / "records").mkdir()
        monkeypatch.setenv("RECORD", str(tmp_path / "records"))
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        return tmp_path / "records"

    return make
