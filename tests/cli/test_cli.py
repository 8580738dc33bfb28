import importlib
import resource
import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from madminer_workflow import cli
from madminer_workflow.errors import InputError


def status(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return ended.value.code


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Makes a function the command `sample`."""

    def replace(body: Callable[[], object]) -> None:
        monkeypatch.setitem(cli.cli.commands, "sample", click.command("sample")(body))

    return replace


def test_help_is_fast_and_lists_all_commands() -> None:
    start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    words = [sys.executable, "-X", "importtime", "-m", "madminer_workflow", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start < 0.3
    for name, words_of_help in cli.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert words_of_help in done.stdout
    for package in ("numpy", "torch", "mlflow", "yadage"):
        assert f" {package}\n" not in done.stderr


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_table_of_commands_agrees_with_the_commands(name: str) -> None:
    attribute = name.replace("-", "_")
    module = importlib.import_module(f"madminer_workflow.cli.{attribute}")
    command = getattr(module, attribute)
    assert isinstance(command, click.Command)
    assert command.help is not None
    assert command.help.splitlines()[0] == cli.COMMANDS[name]


def test_an_input_error_is_one_line_and_status_2(
    command: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise InputError("input.yml: epochs: -1, allowed are positive numbers")

    command(refuse)
    assert status("sample") == 2
    assert capsys.readouterr() == (
        "",
        "error: input.yml: epochs: -1, allowed are positive numbers\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sampel"], "error: No such command 'sampel'"),
        (["--verbose"], "error: No such option '--verbose'"),
        (["run", "--jobs", "0"], "error: Invalid value for '--jobs'"),
        (["run"], "error: Missing option '--data_file'"),
    ],
)
def test_a_bad_command_line_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(*arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(message)


def test_without_a_command_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert status() == 2
    assert "Commands:" in capsys.readouterr().err


def test_other_ends(
    command: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    def fail() -> None:
        raise RuntimeError("a defect")

    def leave() -> None:
        click.get_current_context().exit(1)

    for body, expected in ((interrupt, 130), (fail, 1), (leave, 1), (lambda: None, 0)):
        command(body)
        assert status("sample") == expected
    assert "RuntimeError: a defect" in capsys.readouterr().err
