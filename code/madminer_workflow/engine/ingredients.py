"""What a step is made from, in terms that depend on contents and not on times and places."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from packtivity.syncbackends import acquire_job_env, finalize_inputs, packconfig, prepublish

__all__ = ["HANDLERS", "Contents", "Ingredients", "no_code", "words"]

HANDLERS = packconfig(executor={"docker-encapsulated": "local"})
"""What Packtivity runs the parts of a step with."""


class Contents(Protocol):
    """What tells the content of files and folders, in terms that can be compared."""

    def of(self, path: Path) -> Any:
        """Returns what stands for the content of a file or a folder."""


def no_code(_: str) -> str:
    """Returns the same for each stage, for a workflow without code of its own."""
    return ""


def words(command: str) -> list[str]:
    """Returns the words of a shell command; operators of the shell are words, too.

    Args:
        command: The command.

    >>> words("cp 'a b' c&&d")
    ['cp', 'a b', 'c', '&&', 'd']
    """
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


class Ingredients:
    """Finds what steps are made from."""

    def __init__(
        self,
        contents: Contents,
        *,
        roots: Collection[Path],
        toplevel: Path,
        code: Callable[[str], str],
    ) -> None:
        """Describes where the ingredients of a run may be.

        Args:
            contents: What stands for contents, as their checksums do.
            roots: Files and folders that hold them; other paths in a command are mere words.
            toplevel: The folder of the project.
            code: Gives the checksum of the code that a stage runs.
        """
        self._contents = contents
        self._roots = (*roots, toplevel)
        self._toplevel = toplevel
        self._code = code

    def of(self, stage: str, command: str, folder: Path, others: object) -> dict[str, Any]:
        """Returns the ingredients of a step.

        Args:
            stage: Its stage.
            command: Its command; a path is a word of its own, or a line of a word.
            folder: Its folder.
            others: What else it depends on, in terms of JSON.
        """
        return {
            "stage": stage,
            "code": self._code(stage),
            "command": [
                [self._line(line.strip(), folder) for line in word.split("\n")]
                for word in words(command)
            ],
            "others": json.loads(json.dumps(others).replace(str(folder), "{workdir}")),
        }

    def of_step(
        self, spec: Mapping[str, Any], parameters: Any, state: Any, metadata: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Returns the command and the ingredients of a step, as Yadage submits it.

        Args:
            spec: Process, environment and publisher of the step.
            parameters: Its parameters.
            state: Its folders.
            metadata: Its name.
        """
        parameters, state = finalize_inputs(parameters, state)
        job, environment = acquire_job_env(spec, parameters, state, metadata, HANDLERS)
        environment = {**environment, "resources": []}  # hints for REANA, which decide nothing
        published = prepublish(spec, parameters, state, HANDLERS)
        made_from = self.of(
            metadata["wflow_stage"],
            job["command"],
            Path(state.readwrite[0]),
            [environment, spec["publisher"], published and published.json()],
        )
        return job["command"], made_from

    def read(self, command: str, folder: Path) -> tuple[Path, ...]:
        """Returns what a command reads by its name.

        A file stands for its folder if this belongs to the roots, too: it may name its neighbours.

        Args:
            command: The command.
            folder: The folder of its step, which does not count.
        """
        lines = [line.strip() for word in words(command) for line in word.split("\n")]
        named = [path for path in map(Path, lines) if not path.is_relative_to(folder)]
        known = [path for path in named if self._is_known(path)]
        return tuple(dict.fromkeys(map(self._with_neighbours, known)))

    def _with_neighbours(self, path: Path) -> Path:
        """Returns the folder of a file if it is in a root, too; other paths as they are."""
        return path.parent if path.is_file() and self._is_known(path.parent) else path

    def _is_known(self, path: Path) -> bool:
        """Returns whether a path is among the roots or in one."""
        return any(map(path.is_relative_to, self._roots))

    def _line(self, line: str, folder: Path) -> str | dict[str, Any]:
        """Returns a line, or the content of what it names."""
        path = Path(line)
        if path.is_relative_to(folder):
            return line.replace(str(folder), "{workdir}")
        if path == self._toplevel or not self._is_known(path):
            return "{toplevel}" if path == self._toplevel else line
        return {"content": self._contents.of(path)}
