import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
from packtivity.handlers.execution_handlers import handlers

from madminer_workflow.engine import runtime
from madminer_workflow.engine.command import Command, Finished


def run(command: str, folder: Path, config: object = None, **environment: object) -> None:
    (folder / "meta").mkdir(exist_ok=True)
    runtime.local(
        SimpleNamespace(config=config or {"variables": {"A": "of all", "B": "of all"}}),
        {"image": "image", "imagetag": "1.0", "env": environment},
        SimpleNamespace(metadir=str(folder / "meta"), readwrite=[str(folder)], readonly=["/in"]),
        {"command": command},
        {"name": "plotting", "wflow_stage": "plotting"},
    )


def test_it_is_known_to_packtivity() -> None:
    assert handlers["docker-encapsulated"]["local"] is runtime.local


def test_the_environment_of_a_step_wins(tmp_path: Path) -> None:
    run('echo "$A, $B" > "$PWD/out"', tmp_path, B=1)
    assert (tmp_path / "out").read_text() == "of all, 1\n"


def test_what_was_chosen_for_the_run_is_given_the_command(tmp_path: Path) -> None:
    given: list[Command] = []

    def execute(command: Command) -> Finished:
        given.append(command)
        return Finished(0, ())

    run("false", tmp_path, {"execute": execute}, B=1)
    log = tmp_path / "meta" / "plotting.run.log"
    read, variables = (Path("/in"),), {"B": "1"}
    assert given == [Command("plotting", "false", "image:1.0", tmp_path, read, variables, log)]


def test_a_failure_says_what_the_step_said(tmp_path: Path) -> None:
    with pytest.raises(runtime.StepError) as caught:
        run("echo 1; echo 2; exit 4", tmp_path)
    log = tmp_path / "meta" / "plotting.run.log"
    assert str(caught.value) == f"status 4\n  1\n  2\nlog: {log}"


def test_a_failure_can_be_sent_between_processes() -> None:
    error = runtime.StepError(Finished(4, ("a",)), Path("log"))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
