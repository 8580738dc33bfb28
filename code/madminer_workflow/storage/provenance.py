"""Where a result comes from: the code, its packages and the inputs."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from madminer_workflow.storage.files import sha256

__all__ = ["IMAGE", "machine", "provenance", "software", "version"]

IMAGE = "MADMINER_WORKFLOW_IMAGE"
"""The variable with the digest of the container image, where there is one."""

_PROJECT = Path(__file__).parents[3]
_REVISION = _PROJECT / "REVISION"  # in an image, which has no git
_VERSION = _PROJECT / "VERSION"  # of a checkout, which need not be installed

# The client of MLflow, which is all of it that an image has.
_PACKAGES = (
    "h5py",
    "madminer",
    "matplotlib",
    "mlflow-skinny",
    "numpy",
    "scipy",
    "torch",
    "yadage",
)


def version() -> str:
    """Returns the version of this package."""
    if _VERSION.exists():
        return _VERSION.read_text(encoding="utf-8").strip()
    return metadata.version("madminer-workflow-ml")


def software() -> dict[str, Any]:
    """Returns the versions of the code and its packages; `commit` and `dirty` only from git."""
    return {
        "version": version(),
        **_checkout(),
        "python": platform.python_version(),
        "packages": {name: _installed(name) for name in _PACKAGES},
    }


def machine() -> dict[str, str | None]:
    """Returns the digest of the container image, which the environment gives, host and user."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # as in a container that knows no names
        user = None
    return {"image": os.environ.get(IMAGE), "host": platform.node(), "user": user}


def provenance(**inputs: str | Path) -> dict[str, Any]:
    """Returns the versions of the code and its packages and the checksums of the inputs.

    Args:
        inputs: Input files by what they are.
    """
    checksums = {
        name: {"name": Path(path).name, "sha256": sha256(path)} for name, path in inputs.items()
    }
    return {**software(), "inputs": checksums}


def _installed(package: str) -> str | None:
    """Returns the version of a package; None if it is not installed, as in a slim image."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _checkout() -> dict[str, str | bool | None]:
    """Returns the commit of the code and whether files were changed since; None if unknown."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    command += ["--abbrev=40", "--exclude=*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        described = _REVISION.read_text(encoding="utf-8") if _REVISION.exists() else ""
    commit, _, dirty = described.strip().partition("-")
    return {"commit": commit or None, "dirty": bool(dirty) if commit else None}
