"""A Docker engine, a base image and the image, made here if the machine has none.

A test that uses one of them is marked `cluster`. BASE_IMAGE and DOCKER_BUILD_ARGS mean what they do
for `make build`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PUBLIC_BASE = "python:3.11-slim"
OWN_BASE = "localhost/madminer-workflow-base:3.11"


@pytest.fixture(scope="session")
def provide() -> Callable[[str, str], str]:
    """Gives the path of a program, from Debian's package if it is not installed; else skips."""
    return _provide


def _provide(program: str, package: str) -> str:
    if shutil.which(program) is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            pytest.skip(f"{program} is not installed, and this user cannot install {package}")
        # With this level Debian starts no service of the package.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        install = ["install", "-qq", "-y", "--no-install-recommends", package]
        for words in (["update", "-qq"], install):
            command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *words]
            subprocess.run(command, env=environment, check=True, capture_output=True)
    return str(shutil.which(program))


class Docker(Protocol):
    def __call__(
        self, *words: str, stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]: ...


def docker(*words: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["docker", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=check)


def answers() -> bool:
    return shutil.which("docker") is not None and docker("version", check=False).returncode == 0


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Calls a Docker engine: that of the machine, or one for the time of the tests."""
    if answers():
        yield docker
        return
    if os.geteuid() != 0:
        pytest.skip("no Docker engine answers, and only root can start one")
    daemon = _provide("dockerd", "docker.io")
    log = tmp_path_factory.mktemp("engine") / "dockerd.log"
    with log.open("w") as file:
        command = [daemon, "--bridge=none", "--iptables=false"]
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    for _ in range(60):
        if answers() or process.poll() is not None:
            break
        time.sleep(1)
    assert answers(), log.read_text()[-2000:]
    yield docker
    process.terminate()
    process.wait(60)


@pytest.fixture(scope="session")
def network(engine: None) -> Sequence[str]:
    """The option for builds and containers that need a network, for an engine without a bridge."""
    bridge = engine("network", "ls", "--quiet", "--filter", "driver=bridge").stdout
    return () if bridge else ("--network", "host")


@pytest.fixture(scope="session")
def base_image(engine: Docker) -> str:
    """BASE_IMAGE, else the public one, else a stand-in for it."""
    if base := os.environ.get("BASE_IMAGE"):
        return base
    for name in (OWN_BASE, PUBLIC_BASE):
        if engine("image", "inspect", name, check=False).returncode == 0:
            return name
    if engine("pull", "--quiet", PUBLIC_BASE, check=False).returncode == 0:
        return PUBLIC_BASE
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(f"{PUBLIC_BASE} cannot be pulled, and this user cannot make a stand-in for it")
    subprocess.run([Path(__file__).with_name("base_image.sh"), OWN_BASE], check=True)
    return OWN_BASE


@pytest.fixture(scope="session")
def image(base_image: str, network: Sequence[str]) -> str:
    """The image of this version, built from this checkout; its name and tag."""
    variables = {"BASE_IMAGE": base_image, "IMAGE": ""}
    variables["DOCKER_BUILD_ARGS"] = os.environ.get("DOCKER_BUILD_ARGS") or " ".join(network)
    subprocess.run([ROOT / "docker" / "build.sh"], env={**os.environ, **variables}, check=True)
    environment = yaml.safe_load((ROOT / "workflow" / "steps.yml").read_text())["environment"]
    return f"{environment['image']}:{environment['imagetag']}"
