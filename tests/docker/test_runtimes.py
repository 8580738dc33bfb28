"""Steps in real containers; for Apptainer, which Debian does not have, with a stand-in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine.folder import MARKER, is_claimed
from madminer_workflow.storage import read_npz

ROOT = Path(__file__).parents[2]
METHODS = ("alices", "sally")
SMALL = {
    "methods": list(METHODS),
    "samples": {"train": 1000, "validation": 300, "test": 100, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 2, "batch_size": 200},
    "asymptotic_limits": {"resolutions": [11]},
    "luminosity": 10000,
}
# Runs the trivial workflow of other tests: FOLDER RUNTIME IMAGE MEMORY
PROGRAM = f"""
import os, sys
from pathlib import Path
from madminer_workflow.engine import launch
from madminer_workflow.engine.runtimes import RUNTIMES, Options
from madminer_workflow.errors import InputError

folder, runtime, image, memory, *ids = Path(sys.argv[1]), *sys.argv[2:]
if ids:  # another user, who may not read the files of Python again
    import resource
    from madminer_workflow.engine import caching, controller
    user, group, *others = map(int, ids)
    os.setgroups(others)
    os.setgid(group)
    os.setuid(user)
output_dir = folder / "output"
options = Options(image, memory or None, claim=output_dir / "{MARKER}")
chosen = RUNTIMES[runtime](Options() if runtime == "process" else options)
initdata = {{"plan": str(folder / "plan.yml"), "orders": str(folder / "orders")}}
try:
    outcome = launch.run(
        "flow/workflow.yml", initdata, output_dir, 1, toplevel=folder, runtime=chosen
    )
except InputError as error:
    sys.exit(f"error: {{error}}")
sys.exit(outcome.report() or 0)
"""
ENDLESS = 'while :; do date >"$PWD/ticks"; sleep 0.01; done\n'

pytestmark = pytest.mark.cluster

Engine = Callable[..., subprocess.CompletedProcess[str]]


class Flow:
    """A trivial workflow with one member, whose training runs what it is told to."""

    def __init__(self, folder: Path, image: str) -> None:
        self.folder, self.image = folder, image
        self.output_dir = folder / "output"
        self.training = self.output_dir / "members_0" / "training"
        shutil.copytree(ROOT / "tests" / "engine" / "flow", folder / "flow")
        (folder / "orders").mkdir()
        (folder / "plan.yml").write_text("members: [{name: a}]\n")

    def order(self, script: str) -> None:
        (self.folder / "orders" / "a.do").write_text(script)

    def start(
        self, runtime: str = "docker", memory: str = "", *ids: int, **options: Any
    ) -> subprocess.Popen[str]:
        image = f"docker-daemon://{self.image}" if runtime == "apptainer" else self.image
        command = [sys.executable, "-c", PROGRAM, str(self.folder), runtime, image, memory]
        command += map(str, ids)
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "code"), "OMP_NUM_THREADS": "3"}
        return subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True, **options
        )

    def run(self, *arguments: Any) -> tuple[int, str]:
        """Gives the status and what was printed."""
        with self.start(*arguments) as process:
            _, said = process.communicate(timeout=120)
        return process.returncode, said

    def said(self) -> list[str]:
        """Gives the lines of the training."""
        log = (self.training / "_packtivity" / "training.run.log").read_text()
        start = len("2026-01-01 00:00:00 ")
        lines = [line[start:] for line in log.splitlines() if line[:1] == "2"]
        return lines[next(n for n, line in enumerate(lines) if line == "begin") + 1 : -1]


@pytest.fixture
def flow(tmp_path: Path, base_image: str) -> Flow:
    folder = tmp_path / "it's; a folder, with ~ <all> & *"
    folder.mkdir()
    return Flow(folder, base_image)


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the stand-in for Apptainer; images that it has unpacked are removed."""
    if os.geteuid() != 0:
        pytest.skip("only root can run the stand-in for Apptainer")
    folder = tmp_path_factory.mktemp("apptainer")
    program = folder / "apptainer"
    file = ROOT / "tests" / "docker" / "apptainer.py"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{file}" "$@"\n')
    program.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def with_apptainer(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{stand_in}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(stand_in / "cache"))


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(flow: Flow) -> tuple[str, ...]:
    """Gives the words that list the containers of the training."""
    return ("ps", "--all", "--quiet", "--filter", f"label=madminer-workflow={flow.training}")


@pytest.mark.parametrize("runtime", ["docker", "apptainer"])
@pytest.mark.usefixtures("with_apptainer")
def test_a_step_sees_what_it_names_and_writes_its_folder(flow: Flow, runtime: str) -> None:
    (flow.folder / "other").touch()
    flow.order(f"""echo begin
        ls "{flow.folder}/other" 2>/dev/null
        touch "{flow.folder}/orders/x" "$PWD/../../configuration/x" /etc/x 2>&1 | grep -v only
        touch "$PWD/../x" "{flow.folder}/other" 2>/dev/null # where nothing is mounted
        grep -E '^Cap(Prm|Eff|Bnd):.*[1-9a-f]' /proc/self/status
        tail -n +3 /proc/net/dev | grep -v lo:
        cat "$PWD/../../configuration/publish.yml"
        echo "$PWD"; echo "$HOME $OMP_NUM_THREADS$PYTHONPATH"; touch "$PWD/mine" "$HOME/mine"
        """)
    status, said = flow.run(runtime)
    assert status == 0, said
    assert flow.said() == ["members: [{name: a}]", str(flow.training), "/tmp 3"]
    assert (flow.training / "mine").exists()
    assert not [path for path in flow.folder.rglob("x") if path.name == "x"]
    assert (flow.folder / "other").stat().st_size == 0
    record = json.loads((flow.training / "run.json").read_text())["provenance"]
    assert record["image"].startswith("sha256:")
    assert record["cpu_seconds"] > 0
    assert record["peak_memory_mb"] > 0
    assert flow.run("process")[1].count("kept") == 4  # they are finished whatever they ran in


def test_results_belong_to_the_caller(base_image: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    socket = Path("/var/run/docker.sock").stat().st_gid
    with tempfile.TemporaryDirectory() as name:
        flow = Flow(Path(name), base_image)
        for path in (Path(name), *Path(name).rglob("*")):
            os.chown(path, 12345, 23456)
        before = os.umask(0o027)
        status, said = flow.run("docker", "", 12345, 23456, socket)
        os.umask(before)
        assert status == 0, said
        made = (flow.training / "model").stat()
        assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (12345, 23456, 0o640)
        status, said = flow.run("docker", "", 12345, 23456)
        assert status == 1
        assert said.startswith("error: --runtime: the Docker engine cannot be used (")
        assert "permission denied" in said
        assert said.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_container_ends_with_its_run(flow: Flow, engine: Engine, number: signal.Signals) -> None:
    flow.order(ENDLESS)
    ticks = flow.training / "ticks"
    with flow.start(start_new_session=True) as run:
        eventually(ticks.exists)
        assert "another run is using" in flow.run("process")[1]
        run.send_signal(number)
        run.communicate(timeout=30)
    eventually(lambda: not is_claimed(flow.output_dir))
    before = ticks.read_text(), ticks.stat().st_mtime_ns
    time.sleep(0.3)
    assert (ticks.read_text(), ticks.stat().st_mtime_ns) == before
    eventually(lambda: not engine(*running(flow)).stdout)
    flow.order("")
    assert flow.run("process")[0] == 0


def test_a_folder_is_in_use_until_its_container_has_ended(flow: Flow, engine: Engine) -> None:
    flow.order(ENDLESS)
    with flow.start() as run:
        eventually((flow.training / "ticks").exists)
        container = engine(*running(flow)).stdout.strip()
        engine("pause", container)
        run.kill()
    assert "another run is using" in flow.run("process")[1]
    engine("unpause", container)
    flow.order("")
    assert flow.run("process")[0] == 0


def test_a_step_that_needs_more_memory_than_it_may_have(flow: Flow) -> None:
    flow.order('python -c "bytes(range(200)) * 1_000_000" || exit\n')
    status, said = flow.run("docker", "64m")
    assert status == 1
    line = "error: it was killed for more memory than its limit of 64m"
    assert "training a failed: status 137\n" in said
    assert f"  {line}\n" in said


@pytest.mark.parametrize("runtime", ["process", "docker", "apptainer"])
@pytest.mark.parametrize("name", ["$(touch x)", "a\nb"])
@pytest.mark.usefixtures("with_apptainer")
def test_paths_that_a_shell_would_take_for_more_are_refused(
    tmp_path: Path, base_image: str, runtime: str, name: str
) -> None:
    (tmp_path / name).mkdir()
    status, said = Flow(tmp_path / name, base_image).run(runtime)
    assert status == 1
    assert said.count("\n") == 1
    assert "has the character" in said
    assert not (tmp_path / name / "output").exists()


@pytest.fixture(scope="module")
def request_files(
    make_event_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with an event file and an input file."""
    folder = tmp_path_factory.mktemp("the 'request', with all")
    make_event_file(folder / "events; 1.h5", n_parameters=1, n_events=3000)
    observed = "energy,angle\n1,0.1\n2,0.3\n3,0.5\n"
    (folder / "observed.csv").write_text(observed)
    document = {**SMALL, "observed": {"data": "observed.csv"}}
    (folder / "input.yml").write_text(json.dumps(document))
    return folder


def limits(folder: Path, runtime: str, *words: str) -> Path:
    """Runs the whole workflow and gives the folder of its limits."""
    output_dir = folder / runtime
    command = [sys.executable, "-m", "madminer_workflow", "run", "--runtime", runtime, *words]
    command += ["--data_file", folder / "events; 1.h5", "--input_file", folder / "input.yml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "code"), "OMP_NUM_THREADS": "1"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "--output_dir", output_dir],
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return output_dir / "plotting" / "limits"


@pytest.mark.slow
@pytest.mark.usefixtures("with_apptainer")
def test_all_runtimes_give_the_same_limits(request_files: Path, image: str) -> None:
    expected = limits(request_files, "process")
    found = [
        limits(request_files, "docker", "--image", image),
        limits(request_files, "apptainer", "--image", f"docker-daemon://{image}"),
    ]
    for name in (f"{data}{method}.npz" for data in ("", "observed/") for method in METHODS):
        reference = read_npz(expected / name)
        for folder in found:
            others = read_npz(folder / name)
            for key in [key for key in reference if key.startswith("q_")]:
                assert others[key] == pytest.approx(reference[key], rel=1e-6, nan_ok=True)


@pytest.mark.slow
def test_a_single_step_and_a_shell(request_files: Path, image: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "code"), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = [ROOT / "scripts" / "0_configuration.sh", "--runtime", "docker", "--image", image]
    files = ["-d", request_files / "events; 1.h5", "-i", request_files / "input.yml"]
    command = [*script, *files, "-o", tmp_path / "out, 1"]
    subprocess.run(command, env=environment, check=True)
    assert (tmp_path / "out, 1" / "settings" / "sampling.json").is_file()
    alone = [sys.executable, "-m", "madminer_workflow.engine.runtimes.alone"]
    shell = [*alone, "--runtime", "docker", "--image", image, "--write", tmp_path]
    done = subprocess.run(
        shell, env=environment, input="pwd; ls; exit 3\n", capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == (f"{tmp_path}\nout, 1\n", 3)
