from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from madminer_workflow.engine.runtimes.alone import main

ROOT = Path(__file__).parents[3]

Program = Callable[[str], Path]


def words_of(record: Path) -> list[str]:
    return record.read_text().split("\0")[:-1]


def test_a_command_sees_the_paths_among_its_words(program: Program, tmp_path: Path) -> None:
    records = program("docker")
    settings = tmp_path / "some settings" / "training.json"
    results = tmp_path / "result 1", tmp_path / "result 2"
    for folder in (settings.parent, *results, tmp_path / "out"):
        folder.mkdir()
    settings.touch()
    command = [f"{ROOT}/scripts/x.sh", "-i", settings, "-r", f"{results[0]}\n{results[1]}\n", "a b"]
    words = ["--runtime", "docker", "--memory", "4g", "--write", tmp_path / "out", "--", *command]
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 0
    run = words_of(records / "4")  # after the questions of the check
    mounts = [word for word in run if word.startswith("type=bind")]
    assert [mount.partition("target=")[2] for mount in mounts] == [
        str(tmp_path / "out"),
        *(f"{path},readonly" for path in (*results, settings.parent)),
    ]
    assert run[-2].endswith(f"{results[0]}\n{results[1]}\n' 'a b'")
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "made"]


def test_what_is_missing(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program("docker")
    words = ["--runtime", "docker", "--image", "missing:1", "--write", str(tmp_path), "--", "true"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "error: --runtime: no image missing:1 here" in done.output + capsys.readouterr().err
