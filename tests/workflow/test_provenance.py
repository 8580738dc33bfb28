"""What a run leaves behind about itself: records, their verification, and the RO-Crate."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from rocrate.rocrate import ROCrate

from madminer_workflow import cli
from madminer_workflow.assets import STEPS
from madminer_workflow.engine import launch
from madminer_workflow.engine.checksums import Checksums
from madminer_workflow.engine.crate import CRATE
from madminer_workflow.engine.verification import verify
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json, sha256, write_json

# Packtivity leaves the file that a step publishes from to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning")

ORIGIN = {
    "version": "1.0.0",
    "packages": {"torch": "2.0+cpu", "missing": None},
    "image": "an image@sha256:0",
    "user": "some body",
}


def run(project: Path, **options: Any) -> launch.Outcome:
    parent = project.parent
    paths = {
        "project_path": project,
        "data_file": parent / "my events.h5",
        "input_file": parent / "my input.yml",
    }
    return launch.run(
        "workflow/workflow.yml",
        {name: str(path) for name, path in paths.items()},
        parent / "the results",
        2,
        toplevel=project,
        origin=ORIGIN,
        stream=io.StringIO(),
        **options,
    )


@pytest.fixture(scope="module")
def done(shared_project: Path) -> Path:
    """The folder of a run, not to be changed."""
    document = {"seed": 7, "training alices": {"epochs": 3}, "sampling sally": 1}
    (shared_project.parent / "my input.yml").write_text(json.dumps(document))
    assert run(shared_project).is_complete
    return shared_project.parent / "the results"


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    """A copy of that folder beside a copy of the input."""
    shutil.copytree(done, tmp_path / "a copy")
    return tmp_path / "a copy"


def test_a_record_says_how_the_step_was_made(done: Path) -> None:
    record = read_json(done / "members_1" / "training" / "run.json")
    settings = {"step": "training alices", "training alices": {"epochs": 3}}
    assert record["parameters"] == {
        "method": "alices",
        "member": 1,
        "name": "alices_1",
        "sample_set": "alices",
        "settings": settings,
    }
    made = record["provenance"]
    assert {key: made[key] for key in ORIGIN} == ORIGIN
    started, ended = (datetime.fromisoformat(made[key]) for key in ("started", "ended"))
    assert started.tzinfo is not None
    assert made["seconds"] == pytest.approx((ended - started).total_seconds(), abs=0.002)
    assert 0 < made["cpu_seconds"] < 20
    assert made["peak_memory_mb"] > 1
    assert made["argv"][0] == str(done.parent / "the project" / "scripts" / "2_training.sh")
    assert made["argv"][-2:] == ["--mlflow_args", "member=1"]
    read = {
        "input_file": "configuration/settings/training alices.json",
        "train_folder": "sampling/samples/alices",
    }
    checksums = Checksums()
    assert record["inputs"] == {
        option: [{"path": path, "sha256": checksums.of(done / path)}]
        for option, path in read.items()
    }
    assert record["outputs"]["models/alices_1/content"] == sha256(
        done / "members_1" / "training" / "models" / "alices_1" / "content"
    )


def test_seed_and_several_inputs_from_everywhere(done: Path) -> None:
    record = read_json(done / "configuration" / "run.json")
    assert record["provenance"]["seed"] == record["parameters"]["settings"]["seed"] == 7
    data_file = done.parent / "my events.h5"
    assert record["inputs"]["data_file"] == [{"path": str(data_file), "sha256": sha256(data_file)}]
    results = read_json(done / "plotting" / "run.json")["inputs"]["result_files"]
    assert [entry["path"] for entry in results] == [
        f"members_{number}/evaluation_0/results/{name}"
        for number, name in enumerate(("alices_0", "alices_1", "sally_0"))
    ]


def test_a_run_is_verified_wherever_it_is(copy: Path) -> None:
    found = verify(copy)
    assert found.problems == ()
    assert (found.n_steps, found.n_outputs, found.n_inputs, found.n_elsewhere) == (9, 18, 24, 0)


def _rewrite(path: Path) -> None:
    """Does as if a step had been run again on its own, with another outcome."""
    path.write_text("other")
    step = next(parent for parent in path.parents if (parent / "run.json").exists())
    record = read_json(step / "run.json")
    record["outputs"][path.relative_to(step).as_posix()] = sha256(path)
    write_json(step / "run.json", record)


DAMAGE = [
    (Path.unlink, "plotting/results.json", ["plotting/results.json: missing"]),
    (
        shutil.rmtree,
        "sampling/samples/sally",
        ["sampling/samples/sally/content: missing", "sampling/samples/sally: missing"],
    ),
    (Path.unlink, "plotting/run.json", ["plotting: not finished"]),
    (
        _rewrite,
        "sampling/samples/sally/content",
        [
            "members_2/training: --train_folder was sampling/samples/sally with content that "
            "no step has written"
        ],
    ),
    (
        _rewrite,
        "members_0/evaluation_0/results/alices_0/content",
        [
            "plotting: --result_files was members_0/evaluation_0/results/alices_0 with content "
            "that no step has written"
        ],
    ),
]


@pytest.mark.parametrize(("damage", "path", "problems"), DAMAGE)
def test_damage_is_found(copy: Path, damage: Any, path: str, problems: list[str]) -> None:
    damage(copy / path)
    assert list(verify(copy).problems) == problems


def test_a_changed_byte_is_found(copy: Path, flip: Callable[[Path], None]) -> None:
    flip(copy / "plotting" / "results.json")
    assert list(verify(copy).problems) == ["plotting/results.json: changed"]


def test_what_came_from_outside_is_compared_where_it_is(copy: Path) -> None:
    events = copy.parent / "events"
    record = read_json(copy / "configuration" / "run.json")
    (entry,) = record["inputs"]["data_file"]
    events.write_text("events\n")
    entry["path"] = str(events)
    write_json(copy / "configuration" / "run.json", record)
    assert verify(copy).problems == ()
    events.write_text("others\n")
    assert verify(copy).problems == (
        f"configuration: --data_file was {events} with content that has changed since",
    )
    events.unlink()
    assert (verify(copy).problems, verify(copy).n_elsewhere) == ((), 1)


def test_other_runs_and_notes_below_do_not_count(copy: Path) -> None:
    shutil.copytree(copy, copy / "validation" / "another")
    (copy / "validation" / "another" / "plotting" / "results.json").unlink()
    (copy / "notes").write_text("mine")
    assert verify(copy).problems == ()


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="is not the folder of a run"):
            verify(folder)


def test_the_command(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def status(folder: Path) -> object:
        with pytest.raises(SystemExit) as ended:
            cli.main(["verify", "--output_dir", str(folder)])
        return ended.value.code

    assert status(copy) == 0
    assert capsys.readouterr().out == "9 steps, 18 files written, 24 inputs: no problems\n"
    (copy / "plotting" / "results.json").unlink()
    assert status(copy) == 1
    assert capsys.readouterr().out == (
        "plotting/results.json: missing\n9 steps, 18 files written, 24 inputs: 1 problem\n"
    )
    assert status(copy.parent) == 2


def references(value: Any) -> Iterator[str]:
    """Gives the entities that something refers to."""
    if isinstance(value, dict):
        yield from [value["@id"]] if set(value) == {"@id"} else []
    for item in value if isinstance(value, list) else []:
        yield from references(item)


def test_the_crate_is_complete(done: Path) -> None:
    crate = ROCrate(done)
    known = {entity.id for entity in crate.get_entities()}
    for entity in crate.get_entities():
        for value in entity.properties().values():
            assert set(references(value)) - {"https://w3id.org/ro/crate/1.1"} <= known
    files = [entity for entity in crate.get_by_type("File") if not entity.id.startswith("file:")]
    assert len(files) == 18 + 9 * 2 + 1  # written, records and logs, the workflow
    for entity in files:
        path = done / unquote(entity.id)
        assert entity["contentSize"] == str(path.stat().st_size)
        assert entity.get("sha256") in (None, sha256(path))


def test_the_crate_has_what_its_profiles_require(done: Path) -> None:
    """The words MUST of Process, Workflow and Provenance Run Crate 0.5."""
    crate = ROCrate(done)
    root, main = crate.root_dataset, crate.mainEntity
    profiles = {entity.id for entity in root["conformsTo"]}
    names = ("process", "workflow", "provenance")
    assert profiles >= {f"https://w3id.org/ro/wfrun/{name}/0.5" for name in names}
    assert {"name", "description", "license", "datePublished"} <= set(root.properties())
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} == set(main.type)
    assert (main["programmingLanguage"].type, main["name"]) == (
        "ComputerLanguage",
        "workflow/workflow.yml",
    )
    stages = [step.name for step in STEPS]
    assert [tool["name"] for tool in main["hasPart"]] == stages
    assert [step["workExample"] for step in main["step"]] == main["hasPart"]
    actions = crate.get_by_type("CreateAction")
    assert {action.id for action in actions} == {action.id for action in root["mentions"]}
    assert [action["name"] for action in actions if action["instrument"] is main] == [
        "Run of the workflow"
    ]
    for action in actions:
        assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
        assert action["startTime"] <= action["endTime"]
        assert action["agent"]["name"] == "some body"
        assert action["object"]
        assert action["result"]
    (engine,) = crate.get_by_type("OrganizeAction")
    assert engine["instrument"]["name"] == "yadage"
    assert engine["result"]["instrument"] is main
    controlled = [control["object"]["instrument"] for control in engine["object"]]
    tools = [control["instrument"]["workExample"] for control in engine["object"]]
    assert controlled == tools
    assert len(tools) == len(actions) - 1 == 9


def test_the_crate_follows_the_data(done: Path) -> None:
    crate = ROCrate(done)
    whole = crate.get("#run")
    assert [entity.id for entity in whole["object"]] == [
        (done.parent / "my events.h5").as_uri(),
        (done.parent / "my input.yml").as_uri(),
    ]
    assert {entity.id for entity in whole["result"]} == {
        f"plotting/{name}" for name in ("results.json", "limits/content", "figures/content")
    }
    training = crate.get("#run/members_1/training")
    values = {e["name"]: e["value"] for e in training["object"] if e.type == "PropertyValue"}
    assert values == {
        "method": "alices",
        "member": 1,
        "name": "alices_1",
        "sample_set": "alices",
    }
    (samples,) = [entity for entity in training["object"] if entity.type == "Dataset"]
    assert samples["hasPart"][0] in crate.get("#run/sampling")["result"]
    assert training["containerImage"] == ORIGIN["image"]
    required = training["instrument"]["softwareRequirements"]
    assert [(package["name"], package["softwareVersion"]) for package in required] == [
        ("torch", "2.0+cpu")
    ]


def test_the_same_records_give_the_same_crate(project: Path) -> None:
    assert run(project).is_complete
    crate = project.parent / "the results" / CRATE
    before = crate.read_bytes()
    assert run(project).n_kept == 9
    assert crate.read_bytes() == before


def test_the_crate_of_a_failure(project: Path) -> None:
    (project.parent / "my input.yml").write_text(json.dumps({"members": {"fails": 1, "sally": 1}}))
    assert run(project).failed
    crate = ROCrate(project.parent / "the results")
    failed = "http://schema.org/FailedActionStatus"
    actions = {action["name"]: action for action in crate.get_by_type("CreateAction")}
    assert [name for name, action in actions.items() if action["actionStatus"] == failed] == [
        "training fails_0",
        "Run of the workflow",
    ]
    assert "nothing was learned" in actions["training fails_0"]["error"]
    assert "evaluation sally_0" in actions
    assert "plotting" not in actions
