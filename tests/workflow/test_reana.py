"""`reana.yaml` agrees with all that it names; REANA's versions of Yadage find the same limits."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from madminer_workflow.assets import STEPS
from madminer_workflow.cli.run import WORKFLOW, initdata
from madminer_workflow.storage import read_json, read_npz

ROOT = Path(__file__).parents[2]
SPEC: dict[str, Any] = yaml.safe_load((ROOT / "reana.yaml").read_text())
INPUTS: dict[str, Any] = SPEC["inputs"]
UNITS = {"Mi": 2**20, "Gi": 2**30}
SMALL = {
    "methods": ["alices"],
    "luminosity": 10000,
    "samples": {"train": 1000, "validation": 300, "test": 100, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 2, "batch_size": 200, "n_members": 2},
    "asymptotic_limits": {"resolutions": [7, 9]},
}


def leaves(value: Any, kind: type) -> list[Any]:
    """Returns everything of a type in nested data."""
    if isinstance(value, dict | list):
        values = value.values() if isinstance(value, dict) else value
        return [leaf for item in values for leaf in leaves(item, kind)]
    return [value] if isinstance(value, kind) else []


def test_paths_start_from_the_workspace() -> None:
    assert not [text for text in leaves(SPEC, str) if text.startswith(("/", "~")) or ".." in text]


def test_the_parameters_are_the_defaults_of_make() -> None:
    parameters = INPUTS["parameters"]
    assert set(parameters) == set(initdata(Path(), Path()))
    makefile = (ROOT / "Makefile").read_text()
    for name in ("data_file", "input_file"):
        assert re.findall(rf"^{name.upper()} = (.*)$", makefile, re.M) == [parameters[name]]
    assert parameters["data_file"] in INPUTS["files"]
    assert parameters["input_file"].startswith(tuple(INPUTS["directories"]))
    assert (SPEC["workflow"]["type"], SPEC["workflow"]["file"]) == ("yadage", WORKFLOW)


def test_inputs_and_tests_exist() -> None:
    assert all((ROOT / name).is_dir() for name in INPUTS["directories"])
    files = {*INPUTS["files"], *SPEC["tests"]["files"]} - {INPUTS["parameters"]["data_file"]}
    assert all((ROOT / name).is_file() for name in files)
    assert yaml.safe_load((ROOT / "MLproject").read_text())["python_env"] in files
    features = (ROOT / "tests" / "reana").glob("*.feature")
    assert SPEC["tests"]["files"] == sorted(str(path.relative_to(ROOT)) for path in features)


def test_outputs_are_those_of_the_last_step() -> None:
    step = STEPS[-1]
    written = {f"{step.name}/{asset.path}" for asset in step.outputs}
    outputs = SPEC["outputs"]
    assert set(outputs["files"]) <= written
    for folder in outputs["directories"]:
        assert any(path.startswith(f"{folder}/") for path in written)
    published = {f"{step.name}/{path}" for path in step.published.values()}
    assert published <= {*outputs["files"], *outputs["directories"]}


def n_bytes(memory: str) -> int:
    return int(memory[:-2]) * UNITS[memory[-2:]]


@pytest.mark.parametrize("name", [step.name for step in STEPS])
def test_hints_have_the_form_that_reana_reads(name: str) -> None:
    hints = yaml.safe_load((ROOT / "workflow" / "steps.yml").read_text())[name]["environment"]
    assert all(len(hint) == 1 for hint in hints["resources"])
    found = {key: value for hint in hints["resources"] for key, value in hint.items()}
    found.pop("label", None)
    assert found.pop("compute_backend") in ("kubernetes", "htcondorcern", "slurmcern")
    assert re.fullmatch(r"\d+(\.\d+)?|\d+m", found.pop("kubernetes_cpu_request"))
    request, limit = found.pop("kubernetes_memory_request"), found.pop("kubernetes_memory_limit")
    assert n_bytes(request) <= n_bytes(limit)
    assert not found


def environment(name: str) -> Path:
    """Makes an environment of REANA unless it is there; returns the folder of its programs."""
    folder = ROOT / ".venv"
    folder.mkdir(exist_ok=True)
    with open(folder / ".reana", "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        call = ["make", f"PYTHON={sys.executable}", f".venv/reana-{name}/.{name}.lock"]
        subprocess.run(call, cwd=ROOT, check=True, capture_output=True)
    return folder / f"reana-{name}" / "bin"


@pytest.fixture
def workspace(make_event_file: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with what `reana-client upload` uploads, but a small event file and input."""
    folder, parameters = tmp_path / "workspace", INPUTS["parameters"]
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in INPUTS["directories"]:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in set(INPUTS["files"]) - {parameters["data_file"]}:
        shutil.copy(ROOT / name, folder / name)
    (folder / parameters["data_file"]).parent.mkdir()
    make_event_file(folder / parameters["data_file"], n_events=3000)
    (folder / parameters["input_file"]).write_text(json.dumps(SMALL))
    return folder


def call(folder: Path, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a program without what this process has in its environment."""
    kept = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, words)), cwd=folder, env=kept | variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="packtivity 0.16 needs the module `pipes`")
def test_the_yadage_of_reana_finds_the_same_limits(
    workspace: Path, docker: Path, tmp_path: Path
) -> None:
    """Plain `yadage-run` is given what REANA's engine gives: the workspace and relative paths."""
    programs = environment("engine")
    python = Path(sys.executable)
    given = [
        word for key, value in INPUTS["parameters"].items() for word in ("-p", f"{key}={value}")
    ]
    words = ["-t", ".", workspace, SPEC["workflow"]["file"], "-d", f"initdir={workspace}", *given]
    path = f"{docker}:{python.parent}:{os.environ['PATH']}"
    done = call(workspace, programs / "yadage-run", *words, "-b", "multiproc:2", PATH=path)
    (tmp_path / "log").write_text(done.stderr)

    def features() -> dict[str, list[str]]:
        check = [programs / "python", ROOT / "tests" / "reana" / "acceptance.py"]
        found: dict[str, list[str]] = json.loads(
            call(tmp_path, *check, workspace, tmp_path / "log").stdout
        )
        return found

    assert {name: why for name, (result, why) in features().items() if result != "passed"} == {}

    files = [
        word
        for name in ("data_file", "input_file")
        for word in (f"--{name}", INPUTS["parameters"][name])
    ]
    ours = tmp_path / "ours"
    run = [python, "-m", "madminer_workflow", "run", *files, "--output_dir", ours, "--jobs", "2"]
    call(workspace, *run, PYTHONPATH=str(ROOT / "code"))
    check_same(workspace / "plotting", ours / "plotting")

    (workspace / "plotting" / "results.json").unlink()
    failed = {name for name, (result, _) in features().items() if result == "failed"}
    assert failed == {"The outputs are there", "The results have all their parts"}


@pytest.mark.slow
@pytest.mark.cluster
def test_the_client_knows_the_commands_that_are_documented() -> None:
    page = (ROOT / "docs" / "reana.md").read_text()
    lines = [shlex.split(line) for line in re.findall(r"^reana-client (.*)$", page, re.M)]
    known = {words[0]: {word for word in words if word.startswith("-")} for words in lines}
    assert known.pop("test")  # of the next release
    for command, options in known.items():
        usage = call(ROOT, environment("client") / "reana-client", command, "--help").stdout
        assert options <= set(re.findall(r"--?[a-z-]+", usage)), command


def check_same(found: Path, expected: Path) -> None:
    """Compares the products of two runs."""
    limits = sorted(path.name for path in (expected / "limits").iterdir())
    assert sorted(path.name for path in (found / "limits").iterdir()) == limits
    for name in limits:
        arrays, others = (read_npz(folder / "limits" / name) for folder in (found, expected))
        assert set(arrays) == set(others)
        for key, values in others.items():
            if values.dtype.kind == "f":
                np.testing.assert_allclose(arrays[key], values, rtol=1e-6, atol=1e-9)
    regions, others = (
        [
            limit.get(which)
            for limit in read_json(folder / "results.json")["limits"].values()
            for which in ("full", "kinematics")
        ]
        for folder in (found, expected)
    )
    assert leaves(others, float)
    np.testing.assert_allclose(leaves(regions, float), leaves(others, float), rtol=1e-6, atol=1e-9)
