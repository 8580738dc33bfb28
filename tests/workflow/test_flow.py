import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from madminer_workflow.engine import launch
from madminer_workflow.engine.crate import CRATE
from madminer_workflow.engine.graph import State
from madminer_workflow.engine.verification import verify

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
        CRATE,
    } == stages
    plotting = output_dir / "plotting"
    for name in ("limits", "figures"):
        assert (plotting / name).is_dir()
    evaluations = [output_dir / f"members_{number}" / "evaluation_0" for number in range(3)]
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
def test_a_fan_out_of_200_members(project: Path) -> None:
    members = {"alices": 150, "sally": 50}
    (project.parent / "my input.yml").write_text(json.dumps({"members": members}))
    before = time.process_time()
    outcome = run(project)
    cost = (time.process_time() - before) / len(outcome.steps)
    assert (outcome.is_complete, len(outcome.steps)) == (True, 3 + 2 * 200)
    assert cost < 0.05
    folder = project.parent / "the results"
    results = json.loads((folder / "plotting" / "results.json").read_text())
    assert [Path(path).name for path in results] == [
        f"{method}_{number}" for method, count in members.items() for number in range(count)
    ]
    found = verify(folder)
    n_inputs = 2 + 2 + (2 + 3) * 200 + (2 + 200)
    assert (found.problems, found.n_steps, found.n_inputs) == ((), 403, n_inputs)
    assert run(project).n_kept == 403


OUR_RUNTIME = ["--plugins", "madminer_workflow.engine.runtime"]
OUR_RUNTIME += ["-k", "packconfig_spec={executor: {docker-encapsulated: local}}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "options"), [("results", []), ("the results", OUR_RUNTIME)], ids=["docker", "ours"]
)
def test_yadage_runs_the_flow_without_our_launcher(
    project: Path, docker: Path, folder: str, options: list[str]
) -> None:
    """Without any plugin steps run in docker, for which no path of a step may have a blank."""
    words = ["-t", ".", f"../{folder}", "workflow/workflow.yml", "-v", "WARNING", *options]
    words += ["-b", "multiproc:2"]
    for name, value in initdata(project).items():
        words += ["-p", f"{name}={value}"]
    program = [Path(sys.executable).parent / "yadage-run", *words]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PACKTIVITY")
    }
    environment["PATH"] = f"{docker}:{environment['PATH']}"
    subprocess.run(program, cwd=project, env=environment, check=True, capture_output=True)
    check_products(project.parent / folder)
