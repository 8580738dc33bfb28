import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
from packtivity.handlers.execution_handlers import handlers

from madminer_workflow.engine import runtime
from madminer_workflow.engine.process import Finished


def run(command: str, folder: Path, **environment: object) -> None:
    (folder / "meta").mkdir(exist_ok=True)
    runtime.local(
        SimpleNamespace(config={"environment": {"A": "of all", "B": "of all"}}),
        {"env": environment},
        SimpleNamespace(metadir=str(folder / "meta"), readwrite=[str(folder)]),
        {"command": command},
        {"name": "plotting"},
    )


def test_it_is_known_to_packtivity() -> None:
    assert handlers["docker-encapsulated"]["local"] is runtime.local


def test_the_environment_of_a_step_wins(tmp_path: Path) -> None:
    run('echo "$A, $B" > "$PWD/out"', tmp_path, B=1)
    assert (tmp_path / "out").read_text() == "of all, 1\n"


def test_a_failure_says_what_the_step_said(tmp_path: Path) -> None:
    with pytest.raises(runtime.StepError) as caught:
        run("echo 1; echo 2; exit 4", tmp_path)
    log = tmp_path / "meta" / "plotting.run.log"
    assert str(caught.value) == f"status 4\n  1\n  2\nlog: {log}"


def test_a_failure_can_be_sent_between_processes() -> None:
    error = runtime.StepError(Finished(4, ("a",)), Path("log"))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
