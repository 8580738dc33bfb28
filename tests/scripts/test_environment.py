import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Stands for an interpreter: answers the questions of the script, and records what it is told.
PYTHON = """#!/bin/sh
case "$*" in
*"-c import sys"*) [ "${TOO_OLD-}" != yes ] ;;
*"-c import ensurepip"*) [ "${HAS_VENV-}" = yes ] ;;
*--version*) echo "Python 3.9.2"; [ "${2-}" != pip ] || [ "${HAS_PIP-}" = yes ] ;;
*"-m venv"*)
    echo "$*" >>record
    for folder; do :; done
    mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python" ;;
*install*)
    echo "${0##*/} $*" >>record
    case "$*" in *"${FAILS_ON-nothing}"*) exit 1 ;; esac ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a project"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "environment.sh", folder / "scripts")
    programs = {"python": PYTHON, "id": "#!/bin/sh\necho 1000\n", "sudo": "#!/bin/sh\nexit 1\n"}
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return folder


def make(project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    programs = project.parent / "bin"
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHON": "python", **variables}
    return subprocess.run(
        [project / "scripts" / "environment.sh", *(words or ("requirements.lock",))],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
    )


def stamps(project: Path) -> set[str]:
    return {path.name for path in (project / ".venv").glob(".requirements*")}


@pytest.mark.parametrize(
    ("variables", "option"),
    [({"HAS_VENV": "yes", "HAS_PIP": "yes"}, "--clear"), ({"HAS_PIP": "yes"}, "--without-pip")],
)
def test_ways_to_make_an_environment(project: Path, variables: dict[str, str], option: str) -> None:
    done = make(project, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    created, packages, own = (project / "record").read_text().splitlines()
    assert option in created
    assert packages.endswith("-r requirements.lock")
    assert own.endswith("--no-deps --no-build-isolation --editable .")
    assert stamps(project) == {".requirements.lock"}


def test_an_environment_of_other_programs_has_nothing_of_ours(project: Path) -> None:
    done = make(project, "tests/other.lock", "the other", HAS_VENV="yes", HAS_PIP="yes")
    assert (done.returncode, done.stderr) == (0, "")
    created, packages = (project / "record").read_text().splitlines()
    assert created.endswith("--clear the other")
    assert packages.endswith("-r tests/other.lock")
    assert [path.name for path in (project / "the other").glob(".*")] == [".other.lock"]
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TOO_OLD": "yes"}, "Python 3.9.2 is too old: 3.11 or newer is needed"),
        ({"PYTHON": "python-none"}, "python-none not found: Python 3.11 or newer is needed"),
        ({}, "'apt-get install python3-venv' mends that"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(
    project: Path, variables: dict[str, str], message: str
) -> None:
    done = make(project, **variables)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_interrupted_installation_is_taken_up_again(project: Path) -> None:
    variables = {"HAS_VENV": "yes", "HAS_PIP": "yes"}
    assert make(project, **variables).returncode == 0
    assert make(project, FAILS_ON="--editable", **variables).returncode == 1
    assert stamps(project) == set()
    assert make(project, **variables).returncode == 0
    assert stamps(project) == {".requirements.lock"}
    made = [line for line in (project / "record").read_text().splitlines() if "-m venv" in line]
    assert len(made) == 1


def test_make_lists_its_targets() -> None:
    texts = [
        subprocess.run(
            ["make", "--no-print-directory", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for words in ([], ["help"])
    ]
    assert texts[0].stdout == texts[1].stdout
    lines = texts[0].stdout.splitlines()
    targets = [line.split()[0] for line in lines]
    assert targets[:3] == ["help", "environment", "yadage-run"]
    assert {"plan", "status", "logs", "dag", "validate-spec", "data", "check"} <= set(targets)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["plan", "FORCE=training", "DETAILS=1"], ["plan", "#", "--force", "training"]),
        (["dag", "UNTIL=sampling", "PLANNED=1"], ["dag", "#", "--until", "sampling"]),
        (["status"], ["status", "--output_dir", "my limits"]),
        (["logs"], ["logs", "--output_dir", "my limits"]),
        (
            ["logs", "STEP=training a_0"],
            ["logs", "--output_dir", "my limits", "--step", "training a_0"],
        ),
        (["validate-spec"], ["validate-spec"]),
    ],
)
def test_targets_call_their_commands(tmp_path: Path, words: list[str], expected: list[str]) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    program.chmod(0o755)
    variables = [f"VENV={program}", "DATA_FILE=my events.h5", "OUTPUT_DIR=my limits"]
    call = ["make", "--no-print-directory", "-o", "environment", *words, *variables]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
    what = ["--data_file", "my events.h5", "--input_file", "workflow/input.yml"]
    what += ["--profile", "default", "--output_dir", "my limits"]
    options = [f"--{w.partition('=')[0].lower()}" for w in words if w in ("DETAILS=1", "PLANNED=1")]
    full = [word for e in expected for word in (what if e == "#" else [e])]
    assert done.stdout.splitlines() == ["-m", "madminer_workflow", *full, *options]


@pytest.mark.parametrize(
    ("words", "engine", "images", "builds"),
    [
        (["yadage-run", "RUNTIME=docker"], 0, 1, True),
        (["yadage-run", "RUNTIME=docker"], 0, 0, False),
        (["yadage-run", "RUNTIME=docker"], 1, 1, False),  # the run says what is wrong
        (["yadage-run", "RUNTIME=docker", "IMAGE=mine:1"], 0, 1, False),
        (["yadage-run", "RUNTIME=apptainer"], 0, 1, False),
        (["yadage-run"], 0, 1, False),
        (["shell"], 0, 1, True),
    ],
)
def test_an_image_that_is_missing_is_built(
    tmp_path: Path, words: list[str], engine: int, images: int, builds: bool
) -> None:
    for name, script in {
        "docker": f"case $1 in version) exit {engine} ;; image) exit {images} ;; esac",
        "python": "printf ' %s' \"$@\"",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    call = ["make", "--no-print-directory", "-o", "environment", "MAKE=echo build:", *words]
    call += [f"VENV={tmp_path / 'python'}", "DATA_FILE=my events.h5", "MEMORY=4g"]
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        call, cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
    )
    assert ("build: build" in done.stdout) == builds
    assert "--memory 4g" in done.stdout
    chosen = {"yadage-run": "process", "shell": "docker"}[words[0]]
    chosen = words[1].removeprefix("RUNTIME=") if words[1:] else chosen
    assert f"--runtime {chosen}" in done.stdout
