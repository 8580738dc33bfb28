import gc
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine import journal, launch
from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.graph import State
from madminer_workflow.engine.runtimes.processes import Processes
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json

HERE = Path(__file__).parent
MEMBERS = ("a_0", "b_0", "b_1")

# Packtivity leaves the file that a step publishes from to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning")


class Flow:
    """The trivial workflow of the folder `flow` in a folder with blanks in its path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output_dir = folder / "the output"
        self.orders = folder / "the orders"
        self.plan = folder / "plan.yml"
        self.orders.mkdir()
        self.plan.write_text(f"members: [{', '.join(f'{{name: {name}}}' for name in MEMBERS)}]\n")
        shutil.copytree(HERE / "flow", folder / "flow")
        self.progress = io.StringIO()

    @property
    def initdata(self) -> dict[str, str]:
        return {"plan": str(self.plan), "orders": str(self.orders)}

    def order(self, name: str, script: str) -> None:
        (self.orders / f"{name}.do").write_text(script)

    def run(
        self,
        jobs: int = 2,
        environment: Callable[[Path], Mapping[str, str]] = lambda _: {},
        **options: Any,
    ) -> launch.Outcome:
        return launch.run(
            "flow/workflow.yml",
            self.initdata,
            self.output_dir,
            jobs,
            toplevel=self.folder,
            environment=environment,
            stream=self.progress,
            **options,
        )

    def start(self) -> subprocess.Popen[str]:
        """Runs the workflow in a process of its own."""
        program = (
            "from pathlib import Path; from madminer_workflow.engine import launch; launch.run("
            f"'flow/workflow.yml', {self.initdata!r}, Path({str(self.output_dir)!r}), 2, "
            f"toplevel=Path({str(self.folder)!r}))"
        )
        command = [sys.executable, "-c", program]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def noted(flow: Flow, label: str = "training a_0") -> tuple[str, str, str | None]:
    """Gives the state of the run, and the state of a step and why it failed."""
    report = journal.read(flow.output_dir)
    (entry,) = [entry for entry in report.steps if entry.label == label]
    return report.state, entry.state, entry.reason


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_flow_runs_and_a_second_run_gives_the_same(
    flow: Flow, capfd: pytest.CaptureFixture[str]
) -> None:
    for state in (State.DONE, State.KEPT):
        outcome = flow.run()
        assert outcome.failed == ()
        assert [step.state for step in outcome.steps] == [state] * 8
        report = (flow.output_dir / "plotting" / "report").read_text()
        assert report == "".join(f"model {name}\n" for name in MEMBERS)
        for number, name in enumerate(MEMBERS):
            member = flow.output_dir / f"members_{number}"
            assert (member / "evaluation" / "results" / name).is_file()
        flow.output_dir.joinpath("members_2", "left over").touch()
    assert capfd.readouterr() == ("", "")
    lines = flow.progress.getvalue().splitlines()
    assert sum(line.endswith("training b_1 kept") for line in lines) == 1
    assert lines[-1].endswith("] 8 of 8 done | plotting kept")


def test_the_environment_of_the_steps(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(launch, "n_cores", lambda: 8)
    seen = []

    def environment(output_dir: Path) -> dict[str, str]:
        seen.append((output_dir, output_dir.is_dir()))
        return {"COLOUR": "light blue"}

    assert flow.run(jobs=3, environment=environment).failed == ()
    assert (flow.output_dir / "plotting" / "environment").read_text() == "2 light blue\n"
    assert seen == [(flow.output_dir, True)]


class Elsewhere(Processes):
    """A runtime with packages of its own, which counts how often it was asked."""

    def __init__(self, **packages: str) -> None:
        self.found = {"image": "sha256:1", "packages": packages}
        self.found["python"] = f"{sys.version_info[0]}.{sys.version_info[1]}.99"
        self.images: list[set[str]] = []

    def check(self, images: Collection[str]) -> Mapping[str, Any]:
        self.images.append(set(images))
        return self.found

    def finished(self, _: Command, finished: Finished) -> Finished:
        return replace(finished, usage=None)


def test_steps_are_kept_in_any_environment_with_the_same_packages(flow: Flow) -> None:
    origin = {"python": "3", "packages": {"numpy": "1", "yadage": "1"}, "image": None}
    assert flow.run(origin=origin).n_kept == 0
    same = Elsewhere(numpy="1", other="1")
    assert flow.run(origin=origin, runtime=same).n_kept == 8
    assert same.images == [{"none:none"}]
    other = Elsewhere(numpy="2")
    assert flow.run(origin=origin, runtime=other).n_kept == 0
    record = read_json(flow.output_dir / "plotting" / "run.json")["provenance"]
    assert record["packages"] == {"numpy": "2", "yadage": None}
    assert record["image"] == "sha256:1"
    assert "cpu_seconds" not in record
    assert flow.run(origin=origin, runtime=Elsewhere(numpy="2")).n_kept == 8


class Refusing(Processes):
    def check(self, _: Collection[str]) -> Mapping[str, Any]:
        raise InputError("no engine")


def test_what_a_runtime_refuses_is_refused_before_anything_is_written(flow: Flow) -> None:
    with pytest.raises(InputError, match="no engine"):
        flow.run(runtime=Refusing())
    assert not flow.output_dir.exists()


def test_one_failure_stops_only_what_needs_it(
    flow: Flow, capfd: pytest.CaptureFixture[str]
) -> None:
    flow.order("b_0", "echo good; echo bad >&2; exit 3\n")
    outcome = flow.run()
    (failed,) = outcome.failed
    assert failed.label == "training b_0"
    assert [step.state for step in outcome.steps].count(State.DONE) == 5
    log = flow.output_dir / "members_1" / "training" / "_packtivity" / "training.run.log"
    assert outcome.report() == (
        f"training b_0 failed: status 3\n  good\n  bad\nlog: {log}\n"
        "not run, since they need what failed: 2 steps"
    )
    assert "bad" in log.read_text()
    assert (flow.output_dir / "members_2" / "evaluation" / "results" / "b_1").is_file()
    assert (flow.output_dir / "_yadage" / "yadage_snapshot_workflow.json").is_file()
    assert capfd.readouterr() == ("", "")
    assert noted(flow, "training b_0") == ("failed", "failed", "bad")
    (flow.orders / "b_0.do").unlink()
    assert flow.run().failed == ()
    assert noted(flow, "training b_0") == ("done", "done", None)
    assert noted(flow) == ("done", "kept", None)


def test_a_member_is_evaluated_when_its_own_training_ends(flow: Flow) -> None:
    evaluated = flow.output_dir / "members_0" / "evaluation" / "results" / "a_0"
    flow.order("b_0", f'while [ ! -e "{evaluated}" ]; do sleep 0.05; done\n')
    assert flow.run().failed == ()


def test_no_more_steps_at_a_time_than_jobs(flow: Flow) -> None:
    for name in MEMBERS:
        flow.order(name, f'mkdir "{flow.folder}/one"; sleep 0.1; rmdir "{flow.folder}/one"\n')
    assert flow.run(jobs=1).failed == ()


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_step_that_publishes_nothing_fails(flow: Flow) -> None:
    flow.plan.write_text("- no mapping: {")
    outcome = flow.run()
    assert [step.label for step in outcome.failed] == ["configuration"]
    assert outcome.report().startswith("configuration failed: ")
    del outcome
    gc.collect()  # Yadage leaves the file open, which must not become the failure of another test


def test_an_error_of_the_specification_is_raised(flow: Flow) -> None:
    flow.plan.write_text("others: []\n")
    with pytest.raises(Exception, match="members"):
        flow.run()


@pytest.mark.parametrize("name", ["plan", "orders", "output_dir"])
def test_a_path_that_does_not_travel_is_refused(flow: Flow, name: str) -> None:
    setattr(flow, name, flow.folder / "a$b")
    with pytest.raises(InputError, match=rf"^{name}: .* has the character '\$'"):
        flow.run()
    assert not flow.output_dir.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_processes_and_can_be_repeated(
    flow: Flow, number: signal.Signals
) -> None:
    flow.order("a_0", f"sh -c 'echo $$ > \"{flow.folder}/pid\"; exec sleep 60'; true\n")
    if number == signal.SIGHUP:
        signal.signal(number, signal.SIG_DFL)  # under nohup it is ignored, also by a run
    with flow.start() as run:
        pid = flow.folder / "pid"
        eventually(lambda: pid.exists() and pid.read_text().endswith("\n"))
        with pytest.raises(InputError, match="another run is using"):
            flow.run()
        eventually(lambda: noted(flow) == ("running", "running", None))
        if number == signal.SIGKILL:
            os.killpg(run.pid, number)
        else:
            run.send_signal(number)
        _, messages = run.communicate(timeout=30)
    expected = {signal.SIGKILL: -9, signal.SIGINT: -2}.get(number, 128 + number)
    assert run.returncode == expected
    if number in (signal.SIGTERM, signal.SIGHUP):
        assert f"stopped by {number.name}" in messages
        assert "Traceback" not in messages
    eventually(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())
    assert not (flow.output_dir / "members_0" / "training" / "model").exists()
    snapshot = flow.output_dir / "_yadage" / "yadage_snapshot_workflow.json"
    assert snapshot.exists() == (number != signal.SIGKILL)
    assert noted(flow) == ("interrupted", "interrupted", None)
    for order in flow.orders.iterdir():
        order.unlink()
    assert flow.run().failed == ()
