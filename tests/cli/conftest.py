"""The folder of a small run in which one training failed, of which other commands tell."""

from __future__ import annotations

import gc
import io
import shutil
import warnings
from pathlib import Path

import pytest

from madminer_workflow.engine import launch

FLOW = Path(__file__).parents[1] / "engine" / "flow"


@pytest.fixture(scope="session")
def past_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run; what it says of itself is not to be changed."""
    folder = tmp_path_factory.mktemp("past run")
    shutil.copytree(FLOW, folder / "flow")
    members = [f"{{name: {m}_{n}, method: {m}, member: {n}}}" for m, n in (("a", 0), ("b", 0))]
    (folder / "plan.yml").write_text(f"members: [{', '.join(members)}]\n")
    (folder / "orders").mkdir()
    (folder / "orders" / "b_0.do").write_text("echo it is bad >&2; exit 3\n")
    initdata = {name: str(folder / name) for name in ("orders",)} | {
        "plan": str(folder / "plan.yml")
    }
    with warnings.catch_warnings():  # Packtivity leaves a file to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        workflow, output = "flow/workflow.yml", folder / "the results"
        launch.run(workflow, initdata, output, 2, toplevel=folder, stream=io.StringIO())
        gc.collect()
    return output
