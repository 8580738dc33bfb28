"""The command line: one click command a module, loaded when it is called."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

import click

from madminer_workflow.errors import InputError

__all__ = ["COMMANDS", "cli", "main"]

# Command `name` is the attribute `name` of the module madminer_workflow.cli.<name>, both with _ for
# -. The help stands here so that listing the commands imports none of them; a test compares both.
COMMANDS = {
    "run": "Run the whole workflow, from an event file to limits.",
    "plan": "Show what a run would do, without running anything.",
    "status": "Show what the last run has done, or does.",
    "logs": "Print the logs of the steps.",
    "dag": "Draw the steps of a run and what depends on what.",
    "validate-spec": "Find errors of the workflow specification.",
    "check": "Check an event file and an input file against each other.",
    "generate": "Generate the event file of the example process.",
    "configure": "Resolve the input file into one settings file per step.",
    "sample": "Draw training, validation and test samples of every method.",
    "train": "Train one estimator.",
    "export": "Write a trained network as an ONNX file.",
    "evaluate": "Evaluate one estimator on the grid of theory parameters.",
    "plot": "Gather the results, compute the limits and draw the figures.",
    "tune": "Look for better settings of the training of a method.",
    "validate": "Compare learned limits with those of the exact likelihood.",
    "track": "Log what MLflow does not have yet of a run.",
    "register": "Register the model of the best method of a run in MLflow.",
    "runs": "Show the runs that MLflow has, with their results.",
    "ui": "Open the web interface of MLflow on the store of a run.",
    "verify": "Compare all files of a run with the checksums in its records.",
    "coverage": "Try out with toys how often the regions contain the truth.",
    "self-check": "Import all that the steps need and print its versions.",
}

_BAD_INPUT, _INTERRUPTED = 2, 130


class _Refused(click.ClickException):
    """An input error, in the terms of click."""

    exit_code = _BAD_INPUT


class _LazyGroup(click.Group):
    """A group that imports the module of a command only when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(dict.fromkeys([*COMMANDS, *super().list_commands(ctx)]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            with _no_garbage_collection():
                name = cmd_name.replace("-", "_")
                module = importlib.import_module(f"madminer_workflow.cli.{name}")
            self.add_command(getattr(module, name), cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise _Refused(str(error)) from error


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Exclusion limits on theory parameters from MadMiner event files."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and ends the process with its status.

    Args:
        arguments: The arguments of the command line; those of the process by default.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    sys.exit(_status(arguments))


def _status(arguments: Sequence[str] | None) -> int:
    """Returns the exit status of a command: 2 for bad input, which is reported on one line."""
    try:
        result = cli.main(arguments, prog_name="madminer-workflow", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return _BAD_INPUT
    except click.ClickException as error:
        click.echo(f"error: {_message(error)}", err=True)
        _note(_message(error))
        return error.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    except Exception as error:
        sys.excepthook(*sys.exc_info())
        _note(f"{type(error).__name__}: {error}")
        return 1
    return result if isinstance(result, int) else 0


def _note(problem: str) -> None:
    """Lets MLflow know why a command has failed, if it has started it."""
    if "MLFLOW_RUN_ID" in os.environ:
        from madminer_workflow.tracking.log import log_error

        log_error(problem)


def _message(error: click.ClickException) -> str:
    """Returns what is wrong with a command line, on one line."""
    text = error.format_message()
    if isinstance(error, click.NoSuchOption) and error.ctx:
        names = (parameter.opts[-1] for parameter in error.ctx.command.params)
        text += f" Expected one of {', '.join(names)}."
    return text


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Imports without the collector, which takes a fifth of the time of large imports."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
