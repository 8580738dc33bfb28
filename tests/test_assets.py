"""The table of the steps against all that it is about."""

import dataclasses
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from madminer_workflow.assets import SOURCES, STAGES, STEPS, Step, asset_of, problems
from madminer_workflow.cli import cli
from madminer_workflow.configuration import load_variants
from madminer_workflow.configuration.restrict import plan, settings
from madminer_workflow.estimators.registry import METHODS
from madminer_workflow.events import read_header

ROOT = Path(__file__).parents[1]
BY_NAME = {step.name: step for step in STEPS}
DEFAULT_OPTIONS = {"project_path", "mlflow_args"}
each_step = pytest.mark.parametrize("step", STEPS, ids=BY_NAME)


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def changed(name: str, **values: Any) -> list[Step]:
    """Gives the table with another entry for one step."""
    return [dataclasses.replace(s, **values) if s.name == name else s for s in STEPS]


def test_every_input_is_written_before_it_is_read() -> None:
    assert list(problems(STEPS)) == []


def test_what_nobody_writes_is_found() -> None:
    sampling, evaluation = BY_NAME["sampling"], BY_NAME["evaluation"]
    assert list(problems(changed("sampling", outputs=sampling.outputs[1:]))) == [
        "training: train_folder reads 'training sample', which no earlier step writes"
    ]
    assert next(problems([*STEPS[1:], STEPS[0]])) == (
        "sampling: input_file reads 'sampling settings', which no earlier step writes"
    )
    assert "evaluation: publishes 'elsewhere' as 'result', which it does not write" in list(
        problems(changed("evaluation", published={"result": "elsewhere"}))
    )
    twice = (*evaluation.outputs, sampling.outputs[0])
    assert list(problems(changed("evaluation", outputs=twice))) == [
        "evaluation: 'training sample' is from sampling already"
    ]


@pytest.mark.parametrize(
    ("stage", "file", "name"),
    [
        ("training", "models/alices_0/weights.pt", "model"),
        ("training", "models/weights.pt", None),
        ("sampling", "samples/a/train.npz", "training sample"),
        ("sampling", "samples/a/trainXnpz", None),
        ("training", "samples/a/train.npz", None),
        ("plotting", "limits/observed/sally.npz", "further limits"),
        ("plotting", "epochs-5/initialisation-2/limits/sally.npz", "limits of a combination"),
        ("plotting", "epochs-5/results.txt", None),
        ("sampling", "samples/a__train-5/train.npz", "training sample"),
        ("training", "models/trees_0/estimator/trees/0.npy", "model"),
        ("evaluation", "results/trees_0/model/estimator/0.npy", "evaluated model"),
        ("configuration", "settings/sally_0.training.json", "training settings"),
        ("tidying", "anything", None),
    ],
)
def test_files_and_their_assets(stage: str, file: str, name: str | None) -> None:
    found = asset_of(STEPS, stage, file)
    assert (found and found.name) == name


@each_step
def test_the_script_has_the_options_of_the_table(step: Step) -> None:
    text = (ROOT / "scripts" / f"{STEPS.index(step)}_{step.name}.sh").read_text()
    about, options = re.findall(r"^prepare '(.*?)[.;].*' \\\n +'(.*)' \"\$@\"$", text, re.M)[0]
    assert step.about == f"{about}."
    assert tuple(o for o in options.split() if o not in DEFAULT_OPTIONS) == step.options
    assert re.findall(r"^track (\w+)", text, re.M) == (
        [step.entry_point] if step.entry_point else []
    )


@each_step
def test_the_specification_has_the_options_of_the_table(step: Step) -> None:
    entry = read("workflow/steps.yml")[step.name]
    script, *words = shlex.split(entry["process"]["cmd"])
    assert script == f"{{project_path}}/scripts/{STEPS.index(step)}_{step.name}.sh"
    options = [word[2:] for word in words if word.startswith("--")]
    assert tuple(o for o in options if o not in DEFAULT_OPTIONS) == step.options
    published = entry["publisher"].get("publish")
    if published:  # the others are in a file that the step writes
        found = stages("workflow/workflow.yml", "workflow/member.yml")[step.name]
        folders = found["scheduler"]["parameters"]
        paths = {
            name: path.strip().replace(f"{{{name}}}", folders[name].removeprefix("{workdir}/"))
            for name, path in published.items()
        }
        filled = {name: re.sub(r"\{(\w+)\}", r"<\1>", path) for name, path in paths.items()}
        assert filled == step.published
    else:
        assert entry["publisher"]["yamlfile"] == step.published["members"]


@pytest.mark.parametrize("step", [step for step in STEPS if step.entry_point])
def test_the_entry_point_has_the_options_of_the_table(step: Step) -> None:
    point = read("MLproject")["entry_points"][step.entry_point]
    assert {*step.options} <= {*point["parameters"]}
    assert shlex.split(point["command"])[2] == step.command


@each_step
def test_the_command_has_the_options_of_the_table(step: Step) -> None:
    command = cli.get_command(click.Context(cli), STAGES[step.name])
    assert command is not None
    assert {*step.options} <= {parameter.name for parameter in command.params}


def stages(*files: str) -> dict[str, Any]:
    return {stage["name"]: stage for file in files for stage in read(file)["stages"]}


def test_stages_are_given_what_the_table_says() -> None:
    """Follows references from a stage to the one that publishes what it reads."""
    found = stages("workflow/workflow.yml", "workflow/member.yml")
    for step in STEPS:
        parameters = found[step.name]["scheduler"]["parameters"]
        for option, names in step.inputs.items():
            key = "samples" if option == "train_folder" else option
            source = parameters[key]
            if source.get("step") == "init" and step.name in ("training", "evaluation"):
                member, _, inner = source["output"].partition(".")
                source = found["members"]["scheduler"]["parameters"][member]
                if inner:
                    assert source == {"step": "configuration", "output": "members"}
                    source = {"step": "configuration", "output": inner}
            maker = source.get("step") or source["stages"].rpartition(".")[2]
            if maker == "init":
                assert [asset.name for asset in SOURCES if asset.option == option] == list(names)
                continue
            written = {asset.name: asset.path for asset in BY_NAME[maker].outputs}
            path = BY_NAME[maker].published.get(source["output"])
            assert any(
                path is None or f"{written.get(name)}/".startswith(f"{path}/") for name in names
            ), (step.name, option)


def test_the_settings_have_what_the_table_says(event_file: Path) -> None:
    path, header = event_file.parent / "input.yml", read_header(event_file)
    boosted = f"{ROOT / 'docs/examples/boosted.py'}:Boosted"
    document = {
        "methods": [*METHODS, boosted],
        "luminosity": 1,
        "experiments": [{"name": "other", "theta_true": [0.5] * len(header.parameters)}],
    }
    found: dict[str, set[str]] = {step.name: set() for step in STEPS}
    for sweep in ({}, {"sweep": {"grid": {"luminosity": [1, 2], "samples.train": [10, 20]}}}):
        path.write_text(yaml.safe_dump(document | sweep))
        variants = load_variants(path, header)
        for name, content in settings(variants).items():
            stage = name.removesuffix(".json").rpartition(".")[2]
            assert content["step"] == stage
            for key, value in content.items():
                if key in variants[0].document["methods"]:
                    found[stage] |= {f"<method>.{inner}" for inner in value}
                elif key != "step":
                    found[stage].add(key)
            assert asset_of(STEPS, "configuration", f"settings/{name}").name == f"{stage} settings"
        assert set(plan(variants, Path())) == set(BY_NAME["configuration"].published)
    for step in STEPS[1:]:
        optional = {"observed"} & set(step.settings)
        assert found[step.name] | optional == set(step.settings), step.name
