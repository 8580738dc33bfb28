"""What can be seen of the image without building it."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Parts of MadMiner that nothing here imports need these.
NOT_NEEDED = {"particle", "uproot3", "vector"}
# The server of MLflow, and what only `run` and its like need.
NOT_OF_STEPS = {"mlflow", "optuna", "rocrate", "yadage"}


def instructions() -> list[tuple[str, str]]:
    """Gives the instructions of the Dockerfile with their arguments, one line each."""
    text = (ROOT / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def pins(name: str) -> dict[str, str]:
    """Gives the versions of a file of exact versions, by the canonical name of the package."""
    lines = (ROOT / name).read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(package): version for package, version in pairs}


def test_the_default_version_is_that_of_the_package() -> None:
    version = (ROOT / "VERSION").read_text().strip()
    assert ("ARG", f"VERSION={version}") in instructions()
    environment = yaml.safe_load((ROOT / "workflow" / "steps.yml").read_text())["environment"]
    name = f"{environment['image']}:${{VERSION}}"
    assert ("ENV", f"MADMINER_WORKFLOW_IMAGE={name}") in instructions()
    assert metadata.version("madminer-workflow-ml") == version


def test_labels() -> None:
    (labels,) = [text for word, text in instructions() if word == "LABEL"]
    values = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', labels))
    assert values.pop("source").startswith("https://github.com/")
    assert values == {
        "title": PROJECT["name"],
        "description": PROJECT["description"],
        "version": "${VERSION}",
        "revision": "${REVISION}",
        "licenses": PROJECT["license"],
    }


def test_an_edit_of_code_installs_no_package() -> None:
    """No package index is asked after the first copy of what is edited often."""
    copies = [n for n, (word, text) in enumerate(instructions()) if word == "COPY"]
    edited = [n for n in copies if "requirements.lock" not in instructions()[n][1]]
    own = [n for n in edited if not instructions()[n][1].startswith("--from=")]
    installs = [n for n, (_, text) in enumerate(instructions()) if "pip" in text and n > own[0]]
    assert len(own) == 4
    assert all("--no-deps --no-build-isolation" in instructions()[n][1] for n in installs)
    assert instructions().index(("ARG", "REVISION")) > max(own)


@pytest.mark.parametrize("name", ["code", "scripts", "workflow", "MLproject", "VERSION"])
def test_what_is_copied_is_sent_to_the_engine(name: str) -> None:
    sources = [text.split()[:-1] for word, text in instructions() if word == "COPY"]
    copied = {source for words in sources for source in words if not source.startswith(("-", "/"))}
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    assert copied == sent
    assert name in copied
    ignored = [rule for rule in rules if rule[0] not in "#!"]
    assert ignored[0] == "*"
    assert any(fnmatch("code/madminer_workflow/__pycache__", rule) for rule in ignored[1:])


def test_no_setting_of_a_machine_stays_in_the_image() -> None:
    variables = [text for word, text in instructions() if word == "ENV"]
    names = {name for text in variables for name in re.findall(r"(\w+)=", text)}
    assert names == {
        "PATH",
        "HOME",
        "MPLCONFIGDIR",
        "PYTHONDONTWRITEBYTECODE",
        "MADMINER_WORKFLOW_GATHERED",
        "MADMINER_WORKFLOW_IMAGE",
    }


def test_versions_in_the_image_are_those_that_are_tested() -> None:
    locked = pins("requirements.lock")
    image = pins("docker/requirements.lock")
    assert image == {name: locked[name] for name in image}
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert declared - NOT_OF_STEPS <= set(image)
    assert not NOT_OF_STEPS & set(image)


def test_all_that_packages_in_the_image_require_is_there() -> None:
    image = pins("docker/requirements.lock")
    required = [  # pip adds what PyTorch requires, which depends on its build
        requirement
        for name in set(image) - {"torch"}
        for requirement in map(Requirement, metadata.requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    assert {canonicalize_name(one.name) for one in required} - set(image) == NOT_NEEDED


@pytest.mark.parametrize("script", ["build", "check", "push"])
def test_a_missing_engine_is_said_in_one_line(script: str) -> None:
    environment = {**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:1", "REGISTRY": "localhost"}
    program = ROOT / "docker" / f"{script}.sh"
    done = subprocess.run([program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: no Docker engine answers: docker version says why\n"


def test_a_password_on_a_command_line_is_refused() -> None:
    words = ["make", "--no-print-directory", "push", "DOCKERPASS=secret"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "DOCKERPASS: others can read it on a command line" in done.stderr
    assert "secret" not in done.stdout + done.stderr
