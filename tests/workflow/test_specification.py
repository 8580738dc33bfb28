import re
import shlex
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from madminer_workflow.assets import STAGES
from madminer_workflow.cli import cli
from madminer_workflow.tracking.project import command_of

ROOT = Path(__file__).parents[2]
STEPS = tuple(STAGES)
COMMANDS = {
    "sample": "sample",
    "train": "train",
    "eval": "evaluate",
    "plot": "plot",
    "tune": "tune",
}


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def stages() -> Iterator[tuple[str, dict[str, Any]]]:
    """Gives each stage that runs a step, with the name of the step in steps.yml."""
    for name in ("workflow", "member"):
        for stage in read(f"workflow/{name}.yml")["stages"]:
            if step := stage["scheduler"].get("step"):
                yield step["$ref"].rpartition("#/")[2], stage


def placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def test_yadage_accepts_the_specification() -> None:
    program = Path(sys.executable).parent / "yadage-validate"
    done = subprocess.run(
        [program, "-t", ".", "workflow/workflow.yml"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "workflow validates against schema\n")


def test_every_step_runs_in_the_image_of_this_version() -> None:
    version = (ROOT / "VERSION").read_text().strip()
    for name in STEPS:
        environment = read("workflow/steps.yml")[name]["environment"]
        assert {key: value for key, value in environment.items() if key != "resources"} == {
            "environment_type": "docker-encapsulated",
            "image": "madminertool/madminer-workflow-ml",
            "imagetag": version,
        }


@pytest.mark.parametrize(("name", "stage"), list(stages()))
def test_a_step_gets_exactly_the_parameters_it_uses(name: str, stage: dict[str, Any]) -> None:
    step = read("workflow/steps.yml")[name]
    assert step["process"]["process_type"] == "string-interpolated-cmd"
    used = placeholders(step["process"]["cmd"])
    published = step["publisher"].get("publish", {}).values()
    used |= set().union(*map(placeholders, published)) - {"workdir"}
    used |= {"name"} & set(stage["scheduler"]["parameters"])  # what people call the step
    assert used == set(stage["scheduler"]["parameters"])
    assert stage["name"] == name


def test_outputs_are_known_before_a_step_has_run() -> None:
    for name in STEPS[1:]:
        publisher = read("workflow/steps.yml")[name]["publisher"]
        assert publisher["publisher_type"] == "interpolated-pub"
        assert not publisher.get("glob", False)
        assert not re.search(r"[*?\[]", "".join(publisher["publish"].values()))


def test_every_placeholder_of_a_command_is_quoted() -> None:
    for name in STEPS:
        command = read("workflow/steps.yml")[name]["process"]["cmd"]
        filled = command.format_map(dict.fromkeys(placeholders(command), "a b;$"))
        for word in shlex.split(filled):
            assert word.startswith("--") or "a b;$" in word


@pytest.mark.parametrize("name", STEPS)
def test_the_script_of_a_step_knows_its_options(name: str) -> None:
    command = read("workflow/steps.yml")[name]["process"]["cmd"].replace("{project_path}", ".")
    script, *words = shlex.split(command)
    usage = subprocess.run([script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for word in words:
        assert not word.startswith("--") or f"{word} " in usage.stdout


@pytest.mark.parametrize("entry", COMMANDS)
def test_an_entry_point_has_the_options_of_its_command(entry: str) -> None:
    point = read("MLproject")["entry_points"][entry]
    script, folder, command, *words = shlex.split(point["command"])
    assert [script, folder, command] == ["scripts/entry.sh", "{folder}", COMMANDS[entry]]
    assert point["parameters"].pop("folder") == {"type": "path", "default": "."}
    parameters = list(point["parameters"])
    assert words == [word for name in parameters for word in (f"--{name}", f"{{{name}}}")]
    loaded = cli.get_command(click.Context(cli), command)
    assert loaded is not None
    options = {parameter.name: parameter for parameter in loaded.params}
    assert set(options) == set(parameters)
    for name, value in point["parameters"].items():
        default = options[name].default
        assert value["default"] == str(default[0] if isinstance(default, list) else default)


@pytest.mark.filterwarnings("ignore")  # those of MLflow and its many packages
def test_entry_points_are_read_as_mlflow_reads_them() -> None:
    from mlflow.projects import _project_spec as projects

    values = {"data_file": "a 'b' \"c\"", "input_file": "$(d);e", "output_dir": "f\n g"}
    given = values | {"n_train": "1e3"}
    project = projects.load_project(str(ROOT))
    command = project.get_entry_point("sample").compute_command(given, None)
    assert command_of(ROOT, "sample", given) == f"{shlex.quote(f'{ROOT}/')}{command}"
    words = shlex.split(command)
    for name, value in values.items():
        assert words[words.index(f"--{name}") + 1] == value
