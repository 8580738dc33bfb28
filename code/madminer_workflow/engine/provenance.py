"""What the record of a finished step says besides what it is found by: nothing of this counts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from madminer_workflow.engine.command import Usage
from madminer_workflow.engine.ingredients import words

__all__ = ["Provenance"]


class Provenance:
    """Describes how the finished steps of a run were made."""

    def __init__(self, output_dir: Path, origin: Mapping[str, Any], settings: str) -> None:
        """Takes what is common to all steps.

        Args:
            output_dir: The folder of the run.
            origin: What every record says of the code and the machine.
            settings: The option with the file of settings of a step, in JSON or YAML.
        """
        self._output_dir = output_dir
        self._origin = origin
        self._settings = settings

    def of(
        self,
        command: str,
        ingredients: Mapping[str, Any],
        parameters: Mapping[str, Any],
        usage: Usage | None,
    ) -> dict[str, Any]:
        """Returns the entries of the record of a step.

        Args:
            command: Its command.
            ingredients: What it was made from.
            parameters: Its parameters in the specification of the workflow.
            usage: When it ran and what it used; None if it is not known.

        Returns:
            `provenance`, `parameters` (those that are no paths, and the settings) and `inputs`
            (paths, relative to the folder of the run if they are in it, and checksums by option).
        """
        read = self._read(command, ingredients)
        values = {name: value for name, value in parameters.items() if not _is_path(value)}
        if path := next((path for option, path, _ in read if option == self._settings), None):
            values["settings"] = _document(path)
        return {
            "provenance": {
                **_used(usage),
                "seed": (values.get("settings") or {}).get("seed"),
                **self._origin,
                **({"host": usage.host} if usage and usage.host else {}),
                "argv": shlex.split(command),
            },
            "parameters": values,
            "inputs": self._inputs(read),
        }

    def _read(self, command: str, ingredients: Mapping[str, Any]) -> list[tuple[str, Path, str]]:
        """Returns option, path and checksum of what a command reads, except its program."""
        read: list[tuple[str, Path, str]] = []
        option = ""
        for word, items in list(zip(words(command), ingredients["command"], strict=True))[1:]:
            for line, item in zip(word.split("\n"), items, strict=True):
                if isinstance(item, Mapping):
                    path = Path(line.strip())
                    read.append((option or path.name, path, item["content"]))
            option = word.lstrip("-") if word.startswith("-") else ""
        return read

    def _inputs(self, read: list[tuple[str, Path, str]]) -> dict[str, list[dict[str, str]]]:
        """Returns paths and checksums by option."""
        inputs: dict[str, list[dict[str, str]]] = {}
        for option, path, checksum in read:
            inside = path.is_relative_to(self._output_dir)
            place = path.relative_to(self._output_dir) if inside else path
            inputs.setdefault(option, []).append({"path": place.as_posix(), "sha256": checksum})
        return inputs


def _used(usage: Usage | None) -> dict[str, Any]:
    """Returns when a step ran and what it used."""
    if usage is None:
        return {}
    return {
        "started": usage.started.isoformat(timespec="milliseconds"),
        "ended": usage.ended.isoformat(timespec="milliseconds"),
        "seconds": round((usage.ended - usage.started).total_seconds(), 3),
        "cpu_seconds": _rounded(usage.cpu_seconds, 3),
        "peak_memory_mb": _rounded(usage.peak_memory_mb, 1),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    """Returns a number that may not be known with so many digits behind the point."""
    return None if value is None else round(value, digits)


def _is_path(value: object) -> bool:
    """Returns whether a parameter is a path or has some."""
    if isinstance(value, list):
        return any(map(_is_path, value))
    return isinstance(value, str) and value.startswith(("/", "{workdir}"))


def _document(path: Path) -> Any:
    """Returns the content of a file of settings in terms of JSON."""
    text = path.read_text(encoding="utf-8")
    document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    return json.loads(json.dumps(document, default=str))
