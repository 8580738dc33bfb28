"""Where a result comes from: the code, its packages and the inputs."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from madminer_workflow.storage.files import sha256

__all__ = ["provenance", "version"]

_PACKAGES = ("h5py", "madminer", "matplotlib", "mlflow", "numpy", "scipy", "torch", "yadage")


def version() -> str:
    """Returns the version of this package."""
    return metadata.version("madminer-workflow-ml")


def provenance(**inputs: str | Path) -> dict[str, Any]:
    """Returns the versions of the code and its packages and the checksums of the inputs.

    Args:
        inputs: Input files by what they are.
    """
    return {
        "version": version(),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _installed(name) for name in _PACKAGES},
        "inputs": {
            name: {"name": Path(path).name, "sha256": sha256(path)} for name, path in inputs.items()
        },
    }


def _installed(package: str) -> str | None:
    """Returns the version of a package; None if it is not installed, as in a slim image."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Returns the commit of the code, with "-dirty" if files were changed; None outside git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    command += ["--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
