from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from adage import nodestate
from adage.wflowcontroller import BaseController
from packtivity.syncbackends import defaultsyncbackend
from yadage.controllers import YadageController
from yadage.state_providers import state_provider_from_string
from yadage.wflow import YadageWorkflow

from madminer_workflow.engine.controller import Controller

PUBLISHER = {
    "publisher_type": "interpolated-pub",
    "publish": {"out": "{workdir}/out"},
    "glob": False,
    "relative_paths": False,
}


def stage(name: str, *upstream: str) -> dict[str, Any]:
    """Gives a stage that reads what others publish, in the form that Yadage loads."""
    read = [
        {
            "key": key,
            "value": {"expression_type": "stage-output-selector", "step": key, "output": o},
        }
        for key, o in ((name, "out") if name != "init" else (name, "x") for name in upstream)
    ]
    step = {"process": {"command": name}, "environment": {}, "publisher": PUBLISHER}
    return {
        "name": name,
        "dependencies": {"dependency_type": "jsonpath_ready", "expressions": list(upstream)},
        "scheduler": {"scheduler_type": "singlestep-stage", "parameters": read, "step": step},
    }


class Backend:
    """Ends every step at the poll after its start; those named in `failing` fail."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.submitted: list[str] = []
        self.n_asked = 0

    def submit(self, task: Any) -> Any:
        self.submitted.append(task.metadata["name"])
        return task

    def ready(self, task: Any) -> bool:
        self.n_asked += 1
        return task is not None

    def successful(self, task: Any) -> bool:
        return task.metadata["name"] not in self.failing

    def result(self, task: Any) -> Any:
        return defaultsyncbackend().prepublish(task.spec, task.parameters.json(), task.state)


def controller(folder: Path, made_by: type, *failing: str) -> tuple[Any, Backend]:
    """Gives a controller of a diamond, init -> a -> (b, c) -> d, and its backend."""
    stages = [stage("a", "init"), stage("b", "a"), stage("c", "a"), stage("d", "b", "c")]
    provider = state_provider_from_string(f"local:{folder}", {})
    workflow = YadageWorkflow.createFromJSON({"stages": stages}, provider)
    workflow.view().init({"x": 1}, provider, discover=False)
    backend = Backend(*failing)
    made = made_by(workflow)
    made.backend = backend
    return made, backend


def polls(made: Any) -> Iterator[tuple[bool, bool]]:
    """Does what adage does at every poll."""
    while True:
        successful, finished = made.successful(), made.finished()
        yield finished, successful
        if finished:
            return
        for _ in range(5):  # adage goes on as long as stages can be added
            made.sync_backend()
            made.apply_rules(list(made.applicable_rules()))
        made.sync_backend()
        made.submit_nodes(list(made.submittable_nodes()))


@pytest.mark.parametrize("failing", [(), ("a",), ("b",), ("d",), ("b", "c")])
def test_it_decides_as_the_one_of_yadage(tmp_path: Path, failing: tuple[str, ...]) -> None:
    ours, our_backend = controller(tmp_path, Controller, *failing)
    theirs, their_backend = controller(tmp_path, YadageController, *failing)
    history = list(polls(ours))
    assert history == list(polls(theirs))
    assert history[-1] == (True, not failing)
    assert our_backend.submitted == their_backend.submitted

    def states(made: Any) -> list[object]:
        nodes = map(made.adageobj.dag.getNode, made.adageobj.dag.nodes())
        return [(node.name, node.state, node.has_result()) for node in nodes]

    assert states(ours) == states(theirs)
    assert ("a", nodestate.FAILED if "a" in failing else nodestate.SUCCESS, True) in states(ours)


def test_steps_are_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, backend = controller(tmp_path, Controller)
    asked: list[str] = []
    prepublish = made.prepublishing_backend.prepublish

    def count(spec: Any, parameters: Any, state: Any) -> Any:
        asked.append(str(state))
        return prepublish(spec, parameters, state)

    monkeypatch.setattr(made.prepublishing_backend, "prepublish", count)
    list(polls(made))
    assert len(asked) == len(set(asked)) == 5
    assert backend.n_asked == 5


def test_yadage_still_has_what_it_replaces() -> None:
    assert issubclass(YadageController, BaseController)
    for name in vars(Controller).keys() - vars(object).keys():
        assert name.startswith("_") or callable(getattr(YadageController, name)), name
