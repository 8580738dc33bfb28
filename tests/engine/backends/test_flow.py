from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine import launch
from madminer_workflow.engine.graph import State

FLOW = Path(__file__).parents[1] / "flow"

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning")


def run(farm: Any) -> launch.Outcome:
    folder = farm.folder
    return launch.run(
        "flow/workflow.yml",
        {"plan": str(folder / "plan.yml"), "orders": str(folder / "orders")},
        folder / "the output",
        4,
        toplevel=folder,
        backend=farm.backend(),
        stream=io.StringIO(),
    )


def test_a_job_whose_step_came_to_nothing_is_not_taken_up(farm: Any) -> None:
    shutil.copytree(FLOW, farm.folder / "flow")
    (farm.folder / "plan.yml").write_text("members: [{name: a}, {name: b}]\n")
    (farm.folder / "orders").mkdir()
    (farm.folder / "orders" / "a.do").write_text("[ -e ../../../go ] || exit 0\n")
    outcome = run(farm)
    assert [step.label for step in outcome.failed] == ["training a"]
    assert "model was not written" in outcome.report()
    (farm.folder / "go").touch()
    states = {step.label: step.state for step in run(farm).steps}
    assert (states["training a"], states["training b"]) == (State.DONE, State.KEPT)
    assert (farm.folder / "the output" / "plotting" / "environment").read_text() == "2 \n"
