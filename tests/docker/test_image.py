"""The image as it is built, and the steps in it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.storage.provenance import software

ROOT = Path(__file__).parents[2]
PROJECT = "/opt/madminer-workflow-ml"
UNKNOWN_USER = (12345, 23456)

pytestmark = pytest.mark.cluster

Docker = Callable[..., subprocess.CompletedProcess[str]]


def inspect(engine: Docker, image: str) -> dict[str, Any]:
    (record,) = json.loads(engine("image", "inspect", image).stdout)
    return record


def variables(record: dict[str, Any]) -> set[str]:
    return {pair.partition("=")[0] for pair in record["Config"]["Env"] or ()}


@pytest.fixture
def run(engine: Docker, image: str, tmp_path: Path) -> Docker:
    """Runs a command in a container as a user that it does not know, in a folder of this user."""
    tmp_path.chmod(0o777)
    user = ":".join(map(str, UNKNOWN_USER))
    options = ["--rm", "--network", "none", "--user", user, "--cap-drop", "ALL"]
    options += ["--volume", f"{tmp_path}:/work", "--workdir", "/work"]

    def call(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return engine("run", *options, image, *words, check=check)

    return call


def test_what_the_image_says_of_itself(engine: Docker, image: str) -> None:
    record = inspect(engine, image)
    assert record["Size"] < 1.8e9
    assert record["Config"]["User"] == "1000:1000"
    assert record["Config"]["Healthcheck"]["Test"] == ["CMD", "madminer-workflow", "self-check"]
    labels = record["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == image.rpartition(":")[2]
    revision = labels["org.opencontainers.image.revision"]
    assert revision.partition("-")[0] == (software()["commit"] or "")
    assert revision == engine("run", "--rm", image, "cat", "REVISION").stdout.strip()


def test_nothing_of_the_building_stays(engine: Docker, image: str, base_image: str) -> None:
    added = variables(inspect(engine, image)) - variables(inspect(engine, base_image))
    assert added <= {
        "PATH",
        "HOME",
        "MPLCONFIGDIR",
        "PYTHONDONTWRITEBYTECODE",
        "MADMINER_WORKFLOW_GATHERED",
        "MADMINER_WORKFLOW_IMAGE",
    }
    find = ["find", "/tmp", "/root", "/var", "-type", "f"]
    found = [engine("run", "--rm", "-u", "0", name, *find).stdout for name in (image, base_image)]
    assert set(found[0].split()) == set(found[1].split())


def test_an_edit_of_code_changes_the_last_layers_only(
    engine: Docker, image: str, base_image: str, tmp_path: Path
) -> None:
    layers = inspect(engine, image)["RootFS"]["Layers"]
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in names.stdout.splitlines():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    with (tmp_path / "code" / "madminer_workflow" / "seeds.py").open("a") as file:
        file.write("# edited\n")
    words = ["build", "--quiet", "--file", str(tmp_path / "docker" / "Dockerfile")]
    # No network: packages must not be asked for again.
    words += ["--network", "none", "--build-arg", f"BASE_IMAGE={base_image}", str(tmp_path)]
    edited = engine(*words).stdout.strip()
    assert inspect(engine, edited)["RootFS"]["Layers"][:-2] == layers[:-2]
    engine("image", "rm", edited)


def test_another_version_than_that_of_the_code_is_not_built(
    engine: Docker, image: str, base_image: str
) -> None:
    words = ["build", "--network", "none", "--file", str(ROOT / "docker" / "Dockerfile")]
    words += ["--build-arg", f"BASE_IMAGE={base_image}", "--build-arg", "VERSION=0.0.1", str(ROOT)]
    assert engine(*words, check=False).returncode != 0
    assert image


def test_the_self_check(run: Docker) -> None:
    done = run("madminer-workflow", "self-check")
    assert done.stderr == ""
    assert done.stdout.endswith("ok: the steps have all that they import\n")
    assert "torch" in done.stdout


def test_the_steps_run_in_a_container_for_any_user(run: Docker, tmp_path: Path) -> None:
    (tmp_path / "input.yml").write_text(
        "methods: [sally]\nsamples: {train: 1000, validation: 200, test: 200}\n"
        "sally: {training: {epochs: 1, n_members: 1}}\nasymptotic_limits: {resolutions: [5, 5]}\n"
    )
    run("madminer-workflow", "generate", "--events", "3000", "--output", "events.h5")
    data, settings = ["--data_file", "events.h5"], "configuration/settings"

    def step(script: str, *words: str) -> None:
        run(f"{PROJECT}/scripts/{script}.sh", *words, "--output_dir", script[2:])

    step("0_configuration", *data, "--input_file", "input.yml")
    step("1_sampling", *data, "--input_file", f"{settings}/sampling.json")
    training = ["--input_file", f"{settings}/sally_0.training.json"]
    step("2_training", *training, "--train_folder", "sampling/samples/sally")
    evaluation = ["--input_file", f"{settings}/sally_0.evaluation.json"]
    step("3_evaluation", *data, *evaluation, "--model_file", "training/models/sally_0")
    plotting = ["--input_file", f"{settings}/plotting.json"]
    step("4_plotting", *data, *plotting, "--result_files", "evaluation/results/sally_0")

    results = json.loads((tmp_path / "plotting" / "results.json").read_text())
    assert results["provenance"]["packages"]["torch"].startswith("2.")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made(tmp_path)} == {UNKNOWN_USER}
    assert (tmp_path / "plotting" / "tracking.json").exists()


def made(folder: Path) -> Sequence[Path]:
    return [path for path in folder.rglob("*") if path.name != "input.yml"]
