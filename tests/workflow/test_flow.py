import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from madminer_workflow.engine import launch
from madminer_workflow.engine.graph import State

# Packtivity leaves the file that a step publishes from to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning")

NAMES = ["alices_0", "alices_1", "sally_0"]


def initdata(project: Path) -> dict[str, str]:
    return {
        "project_path": str(project),
        "data_file": str(project.parent / "my events.h5"),
        "input_file": str(project.parent / "my input.yml"),
    }


def run(project: Path) -> launch.Outcome:
    return launch.run(
        "workflow/workflow.yml",
        initdata(project),
        project.parent / "the results",
        2,
        toplevel=project,
        stream=io.StringIO(),
    )


def check_products(output_dir: Path) -> None:
    stages = {"configuration", "sampling", "members_0", "members_1", "members_2", "plotting"}
    assert {path.name for path in output_dir.iterdir()} - {
        "_yadage",
        ".madminer-workflow",
    } == stages
    plotting = output_dir / "plotting"
    for name in ("limits", "figures"):
        assert (plotting / name).is_dir()
    evaluations = [output_dir / f"members_{number}" / "evaluation" for number in range(3)]
    assert json.loads((plotting / "results.json").read_text()) == [
        f"{folder}/results/{name}" for folder, name in zip(evaluations, NAMES, strict=True)
    ]


def test_the_flow_in_folders_with_blanks(project: Path) -> None:
    outcome = run(project)
    assert outcome.failed == ()
    assert [step.label for step in outcome.steps if step.label.startswith("training")] == [
        f"training {name}" for name in NAMES
    ]
    check_products(project.parent / "the results")


def test_a_training_that_fails(project: Path) -> None:
    members = {"alices": 2, "sally": 1, "fails": 1}
    (project.parent / "my input.yml").write_text(json.dumps({"members": members}))
    outcome = run(project)
    assert outcome.report().startswith(
        "training fails_0 failed: status 2\n  error: nothing was learned\nlog: "
    )
    states = {step.label: step.state for step in outcome.steps}
    assert [states[f"evaluation {name}"] for name in NAMES] == [State.DONE] * 3
    assert states["plotting"] is State.WAITING


@pytest.mark.slow
def test_yadage_runs_the_flow_without_our_launcher(project: Path) -> None:
    words = ["-t", ".", "../the results", "workflow/workflow.yml", "-v", "WARNING"]
    words += ["-b", "multiproc:2", "--plugins", "madminer_workflow.engine.runtime"]
    words += ["-k", "packconfig_spec={executor: {docker-encapsulated: local}}"]
    for name, value in initdata(project).items():
        words += ["-p", f"{name}={value}"]
    program = [Path(sys.executable).parent / "yadage-run", *words]
    subprocess.run(program, cwd=project, env=os.environ, check=True, capture_output=True)
    check_products(project.parent / "the results")
