"""What a step is made from, in terms that depend on contents and not on times and places."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from madminer_workflow.engine.checksums import Checksums

__all__ = ["Ingredients", "no_code", "words"]


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
        checksums: Checksums,
        *,
        roots: Collection[Path],
        toplevel: Path,
        code: Callable[[str], str],
    ) -> None:
        """Describes where the ingredients of a run may be.

        Args:
            checksums: What computes checksums.
            roots: Files and folders that hold them; other paths in a command are mere words.
            toplevel: The folder of the project.
            code: Gives the checksum of the code that a stage runs.
        """
        self._checksums = checksums
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

    def _line(self, line: str, folder: Path) -> str | dict[str, str | None]:
        """Returns a line, or the content of what it names."""
        path = Path(line)
        if path.is_relative_to(folder):
            return line.replace(str(folder), "{workdir}")
        if path == self._toplevel or not any(map(path.is_relative_to, self._roots)):
            return "{toplevel}" if path == self._toplevel else line
        return {"content": self._checksums.of(path)}
