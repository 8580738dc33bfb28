import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from madminer_workflow.engine.specification import errors

ROOT = Path(__file__).parents[2]
GIVEN = ("project_path", "data_file", "input_file")
MEMBER = {
    "name": "a_0",
    "method": "a",
    "member": 0,
    "sample_set": "a",
    "training": "t",
    "evaluation": {"names": ["a_0"], "settings": ["e"]},
}
PUBLISHED = {"configuration": {"sampling": "s", "plotting": "p", "members": [MEMBER]}}

Change = Callable[[Any], Any]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    return tmp_path


def found(project: Path) -> list[str]:
    return errors("workflow/workflow.yml", project, given=GIVEN, published=PUBLISHED)


def stage(document: Any, name: str) -> Any:
    return next(stage for stage in document["stages"] if stage["name"] == name)


def scheduler(document: Any, name: str) -> Any:
    return stage(document, name)["scheduler"]


def parameters(document: Any, name: str) -> Any:
    return scheduler(document, name)["parameters"]


def test_the_specification_is_right(project: Path) -> None:
    assert found(project) == []
    assert errors("flow/workflow.yml", Path(__file__).parent) == []


CASES: list[tuple[str, Change, list[str]]] = [
    (
        "workflow",
        lambda d: stage(d, "sampling").update(dependencies=["configuratio"]),
        [
            "workflow/workflow.yml: stages.sampling.dependencies: unknown stage 'configuratio', "
            "expected one of configuration, init, members, plotting, sampling",
            "workflow/workflow.yml: stages.sampling.scheduler.parameters.input_file: uses "
            "'configuration', which is not among the dependencies",
        ],
    ),
    (
        "workflow",
        lambda d: stage(d, "sampling").update(dependencies=["plotting"]),
        [
            "workflow/workflow.yml: stages.sampling.dependencies: waits for itself through "
            "plotting",
            "workflow/workflow.yml: stages.members.dependencies: waits for itself through sampling",
            "workflow/workflow.yml: stages.plotting.dependencies: waits for itself through members",
        ],
    ),
    (
        "workflow",
        lambda d: parameters(d, "members").update(samples={"step": "sampling", "output": "sample"}),
        [
            "workflow/workflow.yml: stages.members.scheduler.parameters.samples: unknown output "
            "'sample', expected one of samples"
        ],
    ),
    (
        "workflow",
        lambda d: parameters(d, "sampling").update(input_file={"step": "init", "output": "x"}),
        [
            "workflow/workflow.yml: stages.sampling.scheduler.parameters.input_file: unknown "
            "output 'x', expected one of data_file, input_file, project_path",
            "workflow/workflow.yml: stages.configuration: output 'sampling' is used by no stage",
        ],
    ),
    (
        "member",
        lambda d: parameters(d, "training").update(method={"step": "init", "output": "member.x"}),
        [
            "workflow/member.yml: stages.training.scheduler.parameters.method: unknown output 'x', "
            "expected one of evaluation, member, method, name, sample_set, training"
        ],
    ),
    (
        "workflow",
        lambda d: parameters(d, "plotting").update(
            result_files={"stages": "members[*].evaluate", "output": "result"}
        ),
        [
            "workflow/workflow.yml: stages.plotting.scheduler.parameters.result_files: unknown "
            "stage of 'members' 'evaluate', expected one of evaluation, init, training"
        ],
    ),
    (
        "workflow",
        lambda d: parameters(d, "plotting").update(
            result_files={"step": "members.evaluation", "output": "result"}
        ),
        [
            "workflow/workflow.yml: stages.plotting.scheduler.parameters.result_files: 'members' "
            "has several steps, use 'stages' in place of 'step'"
        ],
    ),
    (
        "workflow",
        lambda d: scheduler(d, "members").pop("scatter"),
        [
            "workflow/workflow.yml: stages.members.scheduler: has no scatter, which a "
            "multistep-stage needs"
        ],
    ),
    (
        "workflow",
        lambda d: scheduler(d, "members").update(
            scatter={"method": "cartesianx", "parameters": ["membr"]}
        ),
        [
            "workflow/workflow.yml: stages.members.scheduler.scatter: unknown method 'cartesianx', "
            "expected one of cartesian, zip",
            "workflow/workflow.yml: stages.members.scheduler.scatter.parameters: unknown parameter "
            "'membr', expected one of data_file, member, project_path, samples",
        ],
    ),
    (
        "workflow",
        lambda d: scheduler(d, "members")["scatter"].update(parameters=["member", "samples"]),
        [
            "workflow/workflow.yml: stages.members.scheduler.scatter.parameters: 'samples' is no "
            "list that could be spread"
        ],
    ),
    (
        "steps",
        lambda d: d["training"]["process"].update(
            cmd=d["training"]["process"]["cmd"].replace("{samples}", "{sample}")
        ),
        [
            "workflow/steps.yml: training.process.cmd: {sample} is no parameter, expected one of "
            "input_file, member, method, model, name, output_dir, project_path, sample_set, "
            "samples",
            "workflow/member.yml: stages.training.scheduler.parameters: parameter 'samples' is not "
            "used by workflow/steps.yml: training",
        ],
    ),
    (
        "steps",
        lambda d: d["training"]["publisher"]["publish"].update(model="{workdir}/{nam}"),
        [
            "workflow/steps.yml: training.publisher.publish.model: {nam} is no parameter, expected "
            "one of input_file, member, method, model, name, output_dir, project_path, "
            "sample_set, samples, workdir",
        ],
    ),
    (
        "steps",
        lambda d: d["sampling"]["publisher"]["publish"].update(more="{workdir}/more"),
        ["workflow/workflow.yml: stages.sampling: output 'more' is used by no stage"],
    ),
    (
        "steps",
        lambda d: d["plotting"]["process"].update(
            cmd=d["plotting"]["process"]["cmd"] + " awk {print}} {{}}"
        ),
        [
            "workflow/steps.yml: plotting.process.cmd: Single '}' encountered in format string; "
            "braces that are meant as such are doubled"
        ]
        + [
            f"workflow/workflow.yml: stages.plotting.scheduler.parameters: parameter {name!r} is "
            "not used by workflow/steps.yml: plotting"
            for name in ("data_file", "input_file", "output_dir", "project_path", "result_files")
        ],
    ),
    (
        "workflow",
        lambda d: parameters(d, "sampling").update(output_dir="{work_dir}/x"),
        [
            "workflow/workflow.yml: stages.sampling.scheduler.parameters.output_dir: {work_dir} is "
            "unknown, expected {workdir}"
        ],
    ),
    (
        "workflow",
        lambda d: parameters(d, "members").update(more="3"),
        ["workflow/member.yml: parameter 'more' is used by no stage"],
    ),
    (
        "member",
        lambda d: scheduler(d, "training").update(step={"$ref": "steps.yml#/train"}),
        [
            "workflow/member.yml: stages.training.scheduler.step: $ref: 'steps.yml#/train': "
            "workflow/steps.yml has no 'train'"
        ],
    ),
    (
        "workflow",
        lambda d: scheduler(d, "members").update(workflow={"$ref": "workflow/members.yml"}),
        [
            "workflow/workflow.yml: stages.members.scheduler.workflow: $ref: "
            "'workflow/members.yml': workflow/members.yml cannot be read "
            "(No such file or directory)"
        ],
    ),
    (
        "workflow",
        lambda d: d["stages"].append(stage(d, "plotting")),
        ["workflow/workflow.yml: stages.plotting: the name 'plotting' is taken"],
    ),
    (
        "workflow",
        lambda d: scheduler(d, "plotting").pop("step"),
        [
            "workflow/workflow.yml: stages.plotting.scheduler: has neither step nor workflow nor "
            "cases"
        ],
    ),
    (
        "workflow",
        lambda d: scheduler(d, "plotting").update(scheduler_type="single"),
        [
            "workflow/workflow.yml: stages.plotting.scheduler: unknown scheduler_type 'single', "
            "expected one of jq-stage, multistep-stage, singlestep-stage"
        ],
    ),
    (
        "steps",
        lambda d: d["plotting"]["publisher"].update(publisher_type="interpolate"),
        ["workflow/steps.yml: plotting.publisher: unknown publisher_type 'interpolate', expected"],
    ),
    (
        "steps",
        lambda d: d["plotting"]["process"].update(command="x"),
        ["workflow/workflow.yml: stages.3.scheduler.step.process: "],
    ),
]


@pytest.mark.parametrize(("file", "change", "expected"), CASES)
def test_an_error_is_found(project: Path, file: str, change: Change, expected: list[str]) -> None:
    path = project / "workflow" / f"{file}.yml"
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    lines = found(project)
    relevant = [line for line in lines if any(line.startswith(text) for text in expected)]
    assert len(relevant) == len(expected), lines
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "workflow/workflow.yml is not YAML (while parsing a flow"),
        ("[]", "workflow/workflow.yml: has no list 'stages'"),
        ("stages: [{}]", "workflow/workflow.yml: stages.0: has no name"),
        ("stages: [{name: a}]", "workflow/workflow.yml: stages.a.scheduler: unknown scheduler_ty"),
        ("stages: {$ref: '#/stages'}", "workflow/workflow.yml: stages: $ref: '#/stages' leads ba"),
    ],
)
def test_what_is_no_workflow_at_all(project: Path, text: str, expected: str) -> None:
    (project / "workflow" / "workflow.yml").write_text(text)
    assert found(project)[0].startswith(expected)


def test_what_is_not_known_is_taken_for_granted(project: Path) -> None:
    path = project / "workflow" / "workflow.yml"
    path.write_text(path.read_text().replace("output: members", "output: all_members"))
    assert errors("workflow/workflow.yml", project) == []
    (line,) = [line for line in found(project) if "unknown" in line]
    assert line.endswith(
        "unknown output 'all_members', expected one of members, plotting, sampling"
    )
