import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from madminer_workflow.engine.command import Command, Finished, Usage
from madminer_workflow.engine.runtimes import Options
from madminer_workflow.engine.runtimes.docker import Docker
from madminer_workflow.errors import InputError

Program = Callable[[str], Path]

VERSION_1 = """cpuacct/cpuacct.usage:2500000000
memory/memory.max_usage_in_bytes:300000000
memory/memory.oom_control:oom_kill_disable 0
memory/memory.oom_control:oom_kill 1
"""
VERSION_2 = """cpu.stat:usage_usec 2500000
cpu.stat:user_usec 2000000
memory.peak:300000000
memory.events:oom 3
memory.events:oom_kill 0
"""


def command(folder: Path, *read: Path) -> Command:
    variables = {"MLFLOW_TRACKING_URI": "https://me:secret@host", "OMP_NUM_THREADS": "1"}
    text = 'cat "a; b" $(c)'
    return Command("training", text, "image:1", folder, read, variables, folder / "training.log")


def words_of(record: Path) -> list[str]:
    return record.read_text().split("\0")[:-1]


def test_the_words_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12)
    monkeypatch.setattr(os, "getgid", lambda: 34)
    monkeypatch.setattr(os, "getgroups", lambda: [34, 56])
    monkeypatch.setenv("LOGNAME", "me")
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "MKL_"))]:
        monkeypatch.delenv(name)
    events = tmp_path / 'the "events", 1.h5'
    events.touch()
    words = Docker(Options()).argv(command(tmp_path, events))
    assert words[:2] == ["sh", "-c"]
    quoted = str(events).replace('"', '""')
    assert words[words.index("docker", 4) : words.index("image:1", 4)] == [
        *("docker", "run", "--rm", "--pull", "never", "--entrypoint", "", "--no-healthcheck"),
        *("--interactive", "--user", "12:34", "--group-add=56"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none"),
        *("--read-only", "--tmpfs", "/tmp", "--workdir", str(tmp_path)),
        *("--mount", f"type=bind,source={tmp_path},target={tmp_path}"),
        *("--mount", f'type=bind,"source={quoted}","target={quoted}",readonly'),
        *("--env", "MLFLOW_TRACKING_URI", "--env", "OMP_NUM_THREADS"),
        *("--env", "HOME=/tmp", "--env", "USER=me", "--env", "MADMINER_WORKFLOW_IMAGE=image:1"),
        *("--label", f"madminer-workflow={tmp_path}"),
    ]
    usage = str(tmp_path / "training.usage")
    assert words[-5:-1] == ["step", "", usage, 'cat "a; b" $(c)']
    assert int(words[-1], 8) == os.umask(int(words[-1], 8))
    assert "secret" not in " ".join(words)


def test_what_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "marker").touch()
    chosen = Options("other:2", memory="4g", gpu=True, network=True, claim=tmp_path / "marker")
    words = Docker(chosen).argv(command(tmp_path))
    line = " ".join(words)
    assert "--network host" in line
    assert "--memory 4g --memory-swap 4g --gpus all" in line
    assert "other:2" in words
    assert "image:1" not in words
    assert words[-4] == str(tmp_path / "marker")


def test_a_check_tries_the_image_as_it_will_be_used(program: Program, tmp_path: Path) -> None:
    records = program("docker")
    docker = Docker(Options())
    found = docker.check(["image:1"])
    assert found == {
        "image": "sha256:of-image:1",
        "python": "3.11.2",
        "packages": {"numpy": "2.0"},
    }
    asked = [words_of(records / str(number)) for number in (1, 2, 3)]
    assert [words[:2] for words in asked] == [
        ["info", "--format"],
        ["image", "inspect"],
        ["run", "--rm"],
    ]
    assert {"--read-only", f"{os.getuid()}:{os.getgid()}", "sha256:of-image:1"} <= set(asked[2])
    assert "sha256:of-image:1" in docker.argv(command(tmp_path))  # whatever the name means later


def test_an_engine_that_runs_without_root(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("docker")
    monkeypatch.setenv("SECURITY", "name=seccomp,profile=default name=rootless")
    docker = Docker(Options())
    docker.check(["image:1"])
    words = docker.argv(command(tmp_path))
    assert words[words.index("--user") + 1] == "0:0"


@pytest.mark.parametrize(
    ("variable", "said", "image", "message"),
    [
        ("NO_ENGINE", "Cannot connect to the Docker daemon", "image:1", "the Docker engine cannot"),
        ("NO_ENGINE", "permission denied while trying", "image:1", "the Docker engine cannot be"),
        ("OTHER", "No such image", "missing:1", "no image missing:1 here; `make build` makes"),
        ("NO_RUN", "docker: no driver with [[gpu]]", "image:1", "the image image:1 cannot be used"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    said: str,
    image: str,
    message: str,
) -> None:
    program("docker")
    monkeypatch.setenv(variable, said)
    with pytest.raises(InputError) as caught:
        Docker(Options()).check([image])
    assert str(caught.value).startswith(f"--runtime: {message}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_would_belong_to_somebody_else(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("docker")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(InputError, match="files from the image image:1 would belong to user"):
        Docker(Options()).check(["image:1"])


@pytest.mark.parametrize("counters", [VERSION_1, VERSION_2])
def test_what_a_container_used(tmp_path: Path, counters: str) -> None:
    (tmp_path / "training.usage").write_text(counters)
    time = datetime.now(UTC)
    finished = Finished(0, (), Usage(time, time, 0.01, 30.0))
    used = Docker(Options()).finished(command(tmp_path), finished).usage
    assert used == Usage(time, time, 2.5, 300.0)
    assert not (tmp_path / "training.usage").exists()
    unknown = Docker(Options()).finished(command(tmp_path), finished).usage
    assert unknown == replace(used, cpu_seconds=None, peak_memory_mb=None)


def test_a_memory_limit_that_was_exceeded(tmp_path: Path) -> None:
    for counters, lines in ((VERSION_1, 1), (VERSION_2, 0)):
        (tmp_path / "training.usage").write_text(counters)
        ended = Docker(Options(memory="4g")).finished(command(tmp_path), Finished(137, ()))
        expected = ("error: it was killed for more memory than its limit of 4g",)
        assert ended.last_lines == expected[:lines]
