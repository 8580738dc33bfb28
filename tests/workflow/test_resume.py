"""What a further run into the same folder does: the real engine, specification and scripts."""

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine import launch
from madminer_workflow.engine.checksums import Checksums
from madminer_workflow.engine.forecast import Verdict
from madminer_workflow.engine.graph import State
from madminer_workflow.engine.planning import plan
from madminer_workflow.errors import InputError
from madminer_workflow.storage import sha256

# Packtivity leaves the file that a step publishes from to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning")

DONE, RUN, MAY_RUN = Verdict
ALICES = {f"{step} alices_{number}" for step in ("training", "evaluation") for number in (0, 1)}
SALLY = {"training sally_0", "evaluation sally_0"}
ALL = {"configuration", "sampling", *ALICES, *SALLY, "plotting"}


class Run:
    """A run of the stand-in project, which can be repeated."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.folder = project.parent / "the results"
        self.events = project.parent / "my events.h5"
        self.input = project.parent / "my input.yml"
        self.codes: dict[str, str] = {}

    def configure(self, **document: object) -> None:
        self.input.write_text(json.dumps(document))

    def arguments(self) -> tuple[str, dict[str, str], Path, int]:
        paths = {"project_path": self.project, "data_file": self.events, "input_file": self.input}
        initdata = {name: str(path) for name, path in paths.items()}
        return "workflow/workflow.yml", initdata, self.folder, 2

    def outcome(self, **options: Any) -> launch.Outcome:
        return launch.run(
            *self.arguments(),
            toplevel=self.project,
            code=lambda stage: self.codes.get(stage, ""),
            stream=io.StringIO(),
            **options,
        )

    def again(self, **options: Any) -> set[str]:
        """Runs, and gives the steps that were not kept; those that the plan has said."""
        planned = self.plan(**options)
        outcome = self.outcome(**options)
        assert outcome.is_complete
        done = {step.label for step in outcome.steps if step.state is State.DONE}
        assert sorted(step.label for step in outcome.steps) == sorted(planned)
        surely, perhaps = ({k for k, v in planned.items() if v[0] is w} for w in (RUN, MAY_RUN))
        assert surely <= done <= surely | perhaps
        return done

    def plan(self, **options: Any) -> dict[str, tuple[Verdict, str]]:
        """Gives what a run would do with each step, and why; nothing is written."""
        before = self.files()
        workflow, initdata, folder, _ = self.arguments()
        with tempfile.TemporaryDirectory() as scratch:
            steps = plan(
                workflow,
                initdata,
                folder,
                Path(scratch),
                toplevel=self.project,
                code=lambda stage: self.codes.get(stage, ""),
                **options,
            )
        assert self.files() == before
        judgements = {step.facts.label: step.judgement for step in steps}
        return {label: (j.verdict, ", ".join(j.reasons)) for label, j in judgements.items()}

    def files(self) -> set[tuple[Path, int]]:
        """Gives everything that is there."""
        paths = self.project.parent.rglob("*")
        return {(path, path.stat().st_mtime_ns) for path in paths}

    def start(self, **options: Any) -> subprocess.Popen[bytes]:
        """Runs in a process of its own."""
        workflow, initdata, folder, jobs = self.arguments()
        program = (
            "from pathlib import Path; from madminer_workflow.engine import launch; launch.run("
            f"{workflow!r}, {initdata!r}, Path({str(folder)!r}), {jobs}, "
            f"toplevel=Path({str(self.project)!r}), **{options!r})"
        )
        return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)

    def contents(self) -> dict[str, str]:
        """Gives what all steps have made, by path."""
        products = self.folder.glob("**/content")
        return {str(path.relative_to(self.folder)): path.read_text() for path in products}


@pytest.fixture
def run(project: Path) -> Run:
    made = Run(project)
    made.configure()
    return made


@pytest.fixture
def done(run: Run) -> Run:
    assert run.again() == ALL
    return run


def test_an_unchanged_run_runs_nothing(done: Run) -> None:
    made = {path: path.stat().st_ctime_ns for path in done.folder.glob("*/**/*") if path.is_file()}
    start = time.monotonic()
    assert done.again() == set()
    assert time.monotonic() - start < 10
    engine = done.folder / "_yadage"
    for path, changed in made.items():
        assert path.is_relative_to(engine) or path.stat().st_ctime_ns == changed


CHANGES = {
    "plotting": {"plotting"},
    "training alices": ALICES | {"plotting"},
    "evaluation sally": {"evaluation sally_0", "plotting"},
    "sampling alices": {"sampling"} | ALICES | {"plotting"},
    "nothing": set(),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_setting_re_runs_what_uses_it(done: Run, key: str) -> None:
    done.configure(**{key: 1})
    assert done.again() == CHANGES[key] | {"configuration"}
    assert done.again() == set()


def test_what_people_call_a_member_re_runs_nothing(done: Run) -> None:
    done.configure(prefix="learning_rate-0.1__")
    assert done.again() == {"configuration"}


def test_a_condition_more_evaluates_it_and_no_other(done: Run) -> None:
    around = {"configuration", "plotting"}
    done.configure(conditions={"sally": ["", "-high"]})
    assert done.again() == around | {"evaluation sally_0-high"}
    before = done.contents()
    done.configure(conditions={"sally": ["-high", "-low", ""], "alices": ["-low"]})
    new = {f"evaluation {name}-low" for name in ("alices_0", "alices_1", "sally_0")}
    assert done.again() == around | new
    done.configure(conditions={"sally": ["", "-high"]})
    assert done.again() == around | {"evaluation alices_0", "evaluation alices_1"}
    assert done.contents() == before


def test_the_content_of_the_events_re_runs_all(done: Run) -> None:
    done.events.write_text("events, more of them\n")
    assert done.again() == ALL


def test_other_names_places_and_times_re_run_nothing(done: Run) -> None:
    for path in done.project.parent.rglob("*"):
        os.utime(path, (1e9, 1e9))
    done.events = done.events.rename(done.events.with_name("events of mine.h5"))
    assert done.again() == set()
    done.folder = done.folder.rename(done.folder.with_name("other results"))
    assert done.again() == set()
    done.project = done.project.rename(done.project.with_name("moved"))
    assert done.again() == set()


def test_code_re_runs_the_stages_that_run_it(done: Run) -> None:
    done.codes["evaluation"] = "new"
    evaluations = {label for label in ALL if label.startswith("evaluation")}
    assert done.again() == evaluations  # with the same outcome
    with open(done.project / "scripts" / "4_plotting.sh", "a") as script:
        script.write("# changed\n")
    assert done.again() == {"plotting"}
    steps = done.project / "workflow" / "steps.yml"
    steps.write_text(steps.read_text().replace("memory_limit: ", "memory_limit: 9"))
    assert done.again() == set()  # a hint
    steps.write_text(steps.read_text().replace("imagetag: ", "imagetag: 9"))
    assert done.again() == ALL


def test_deleted_and_damaged_outputs_are_made_again(
    done: Run, flip: Callable[[Path], None]
) -> None:
    before = done.contents()
    (model,) = done.folder.glob("members_*/training/models/sally_0/content")
    for damage in (model.unlink, lambda: model.write_text("x"), lambda: flip(model)):
        damage()
        assert done.again() == {"training sally_0"}
    shutil.rmtree(done.folder / "plotting" / "figures")
    (done.folder / "sampling" / "run.json").write_text("{")
    assert done.again() == {"sampling", "plotting"}
    shutil.rmtree(done.folder / "configuration")
    assert done.again() == {"configuration"}
    assert done.contents() == before


def test_what_a_user_adds_is_left_alone(done: Run) -> None:
    notes = [done.folder / "notes", done.folder / "mine" / "notes", done.folder / "plotting" / "n"]
    for path in notes:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert done.again() == set()
    assert all(path.exists() for path in notes)


def test_members_are_found_wherever_they_were(done: Run) -> None:
    done.configure(members={"carl": 1, "alices": 3, "sally": 1})
    new = {
        f"{step} {name}" for step in ("training", "evaluation") for name in ("carl_0", "alices_2")
    }
    around = {"configuration", "sampling", "plotting"}
    assert done.again() == new | around
    done.configure(members={"sally": 1, "alices": 2})
    assert done.again() == around
    assert sorted(path.name for path in done.folder.glob("members_*")) == [
        f"members_{number}" for number in range(3)
    ]
    assert not (done.folder / "_yadage" / "earlier").exists()
    assert list((done.folder / "members_0").rglob("sally_0"))
    fresh = Run(done.project)
    fresh.folder = done.folder.with_name("fresh results")
    assert fresh.again() == {*around, *ALICES, *SALLY}
    assert fresh.contents() == done.contents()


def test_a_change_that_is_taken_back_before_the_run_is_complete(done: Run) -> None:
    failing = {"members": {"alices": 2, "sally": 1, "fails": 1}}
    done.configure(**failing, **{"training alices": 1})
    assert not done.outcome().is_complete
    done.configure(
        **{"members": {"alices": 2, "sally": 1, "fails": 1}, "training fails": "repaired"}
    )
    assert done.again() == {"configuration", "training fails_0", "evaluation fails_0", "plotting"}


FORCED: list[tuple[Iterable[str], set[str]]] = [
    (["sampling"], {"sampling"}),
    (["training alices_0", "training alices_1"], {"training alices_0", "training alices_1"}),
    (ALL, ALL),
]


@pytest.mark.parametrize(("forced", "expected"), FORCED)
def test_forced_steps_run_again(done: Run, forced: Iterable[str], expected: set[str]) -> None:
    before = done.contents()
    assert done.again(forced=forced) == expected
    assert done.contents() == before


def test_a_run_until_a_stage_leaves_the_others_alone(run: Run) -> None:
    assert run.again(until=["sampling"]) == {"configuration", "sampling"}
    trainings = {label for label in ALL if label.startswith("training")}
    assert run.again(until=["training"]) == trainings
    assert run.again() == ALL - trainings - {"configuration", "sampling"}
    before = run.contents()
    assert run.again(until=["configuration"]) == set()
    assert run.contents() == before


def test_a_failure_is_repaired(run: Run) -> None:
    members = {"alices": 2, "fails": 1, "sally": 1}
    run.configure(members=members)
    for kept in (0, 8):
        outcome = run.outcome()
        assert outcome.n_kept == kept
        assert [step.label for step in outcome.failed] == ["training fails_0"]
        log = run.folder / "members_2" / "training" / "_packtivity" / "training.run.log"
        assert outcome.report() == (
            f"training fails_0 failed: status 2\n  error: nothing was learned\nlog: {log}\n"
            "not run, since they need what failed: 2 steps"
        )
    run.configure(**{"members": members, "training fails": "repaired"})
    repaired = {"training fails_0", "evaluation fails_0"}
    assert run.again() == {"configuration", "plotting", *repaired}


def test_a_full_disk(run: Run) -> None:
    training = run.project / "scripts" / "2_training.sh"
    script = training.read_text()
    training.write_text(script.replace("set -eu", 'set -eu; cat "$0" >/dev/full', 1))
    outcome = run.outcome()
    assert {step.label.split()[0] for step in outcome.failed} == {"training"}
    assert "No space left on device" in outcome.report()
    training.write_text(script)
    assert run.again() == ALL - {"configuration", "sampling"}


def test_a_record_that_cannot_be_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from madminer_workflow.engine import records

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(records, "write_json", fail)
        outcome = run.outcome()
    assert "configuration failed: [Errno 28] No space left on device" in outcome.report()
    assert run.again() == ALL


def test_an_input_that_changes_while_a_step_runs(run: Run) -> None:
    script = run.project / "scripts" / "4_plotting.sh"
    text = script.read_text()
    change = f"echo events, new ones >'{run.events}'"
    script.write_text(text.replace("set -eu", f"set -eu; {change}", 1))
    assert run.again() == ALL
    assert not (run.folder / "plotting" / "run.json").exists()


def test_two_runs_in_one_folder(run: Run) -> None:
    script = run.project / "scripts" / "1_sampling.sh"
    script.write_text(script.read_text().replace("set -eu", "set -eu; sleep 60", 1))
    with run.start() as first:
        while not (run.folder / "configuration").exists():
            time.sleep(0.02)
        with pytest.raises(InputError, match="another run is using"):
            run.outcome()
        first.kill()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_a_run_that_is_killed_at_any_moment_resumes(run: Run, seed: int) -> None:
    members = {"alices": 2, "sally": 1}
    run.configure(members=members)
    assert run.again() == ALL
    expected = run.contents()
    moments = random.Random(seed)
    n_killed, force = 0, True
    while n_killed < 10:
        run.configure(members=dict(moments.sample(list(members.items()), 2)))  # in any order
        with run.start(forced=sorted(ALL) if force else []) as started:
            try:
                started.wait(moments.uniform(0.5, 6))
            except subprocess.TimeoutExpired:
                started.send_signal(signal.SIGKILL)
                n_killed += 1
        force = started.returncode == 0
        assert started.returncode in (0, -signal.SIGKILL)
        for record in run.folder.glob("**/[!.]*/run.json"):
            outputs = json.loads(record.read_text())["outputs"]
            for name, expected_sum in outputs.items():
                path = record.parent / name
                assert path.is_dir() if expected_sum is None else sha256(path) == expected_sum
    run.configure(members=members)
    run.again()
    assert run.contents() == expected
    assert run.again() == set()


def test_a_plan_of_the_first_run_looks_at_no_content(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checksums, "of", lambda *_: pytest.fail("looked"))
    assert run.plan() == dict.fromkeys(sorted(ALL, key=list(run.plan()).index), (RUN, "new"))
    assert not run.folder.exists()


SETTINGS, INPUT, CODE = "settings changed", "input changed: data_file", "code of the stage changed"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"plotting": 1},
            {"configuration": (RUN, SETTINGS), "plotting": (RUN, SETTINGS)},
        ),
        (
            {"training alices": 1},
            {
                "configuration": (RUN, SETTINGS),
                **{f"training alices_{n}": (RUN, SETTINGS) for n in (0, 1)},
                **{f"evaluation alices_{n}": (RUN, f"needs training alices_{n}") for n in (0, 1)},
                "plotting": (RUN, "needs evaluation alices_0 and 1 more"),
            },
        ),
        (
            {"sampling sally": 1, "training alices": 1},
            {
                "configuration": (RUN, SETTINGS),
                "sampling": (RUN, SETTINGS),
                **{f"training alices_{n}": (RUN, f"{SETTINGS}, needs sampling") for n in (0, 1)},
                "training sally_0": (MAY_RUN, "if sampling changes"),
                **{f"evaluation alices_{n}": (RUN, f"needs training alices_{n}") for n in (0, 1)},
                "evaluation sally_0": (MAY_RUN, "if training sally_0 changes"),
                "plotting": (RUN, "needs evaluation alices_0 and 1 more"),
            },
        ),
    ],
)
def test_why_steps_would_run_when_settings_change(
    done: Run, change: dict[str, object], expected: dict[str, tuple[Verdict, str]]
) -> None:
    done.configure(**change)
    planned = done.plan()
    assert {label: why for label, why in planned.items() if why[0] is not DONE} == expected
    done.again()
    assert set(done.plan().values()) == {(DONE, "")}


def test_why_steps_would_run_for_other_reasons(done: Run) -> None:
    done.events.write_text("events, others\n")
    planned = done.plan()
    assert {verdict for verdict, _ in planned.values()} == {RUN}
    assert planned["configuration"] == planned["sampling"] == (RUN, INPUT)
    assert planned["training sally_0"] == (RUN, "needs sampling")
    assert planned["evaluation sally_0"] == (RUN, f"{INPUT}, needs training sally_0")
    done.events.write_text("events\n")
    done.codes["evaluation"] = "new"
    planned = done.plan()
    assert planned["evaluation sally_0"] == (RUN, CODE)
    assert planned["plotting"] == (MAY_RUN, "if evaluation alices_0 or 2 more change")
    done.codes.clear()
    (done.folder / "sampling" / "samples" / "sally" / "content").unlink()
    assert done.plan()["sampling"] == (RUN, "outputs missing or damaged")
    assert done.plan()["training sally_0"] == (MAY_RUN, "if sampling changes")
    done.again()
    forced = done.plan(forced=["training sally_0"])
    assert forced["training sally_0"] == (RUN, "forced")
    assert forced["evaluation sally_0"] == (MAY_RUN, "if training sally_0 changes")
    forced = done.plan(forced=["training sally_0"], volatile=["training"])
    assert forced["evaluation sally_0"] == (RUN, "needs training sally_0")
    assert [*done.plan(until=["sampling"])] == ["configuration", "sampling"]


def test_a_plan_refuses_what_a_run_refuses(run: Run) -> None:
    (run.folder / "plotting").mkdir(parents=True)
    with pytest.raises(InputError, match="that no run has made"):
        run.plan()
    shutil.rmtree(run.folder)
    configuration = run.project / "scripts" / "0_configuration.sh"
    configuration.write_text("#!/bin/sh\necho no >&2; exit 2\n")
    with pytest.raises(InputError, match=r"^configuration: no$"):
        run.plan()
    workflow = run.project / "workflow" / "member.yml"
    workflow.write_text(workflow.read_text().replace("member.training", "member.trainin"))
    shutil.copy(Path(__file__).parents[2] / "scripts" / "0_configuration.sh", configuration)
    with pytest.raises(InputError, match=r"workflow.yml: no matches found .* member.trainin"):
        run.plan()
