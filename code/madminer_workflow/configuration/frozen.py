"""The configuration of a run, frozen at its start: what runs, and where each value is from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from madminer_workflow.configuration.document import complete
from madminer_workflow.configuration.loading import dumped
from madminer_workflow.configuration.merging import Inputs
from madminer_workflow.configuration.model import Configuration
from madminer_workflow.configuration.schema import subschema, uses
from madminer_workflow.events.header import Header
from madminer_workflow.storage import write_text

__all__ = ["MERGED_FILE", "RESOLVED_FILE", "freeze", "origins"]

Row = dict[str, Any]

MERGED_FILE = "merged.yml"
RESOLVED_FILE = "resolved.yml"

_DEFAULT = "default"
_WHOLE = ("region", "theta_0", "theta_1")
"""Blocks that are listed as one value: their keys may be written in several ways."""


def freeze(inputs: Inputs, configuration: Configuration, header: Header, folder: Path) -> Path:
    """Writes what a run uses, so that editing or removing the input files changes nothing.

    Args:
        inputs: The merged input files.
        configuration: What they stand for.
        header: The header of the event file.
        folder: The folder to write into; it is made if it is missing.

    Returns:
        An input file that stands for the same configuration without any other file.
    """
    document = inputs.document | {"step": "configuration"}
    if configuration.observed is not None:
        document |= {"observed": complete(configuration, header)["observed"]}
        configuration.observed.save(folder / document["observed"]["data"])
    for method in configuration.methods:
        if method.routine is not None:
            where = {"class": method.routine.kept, "code": method.routine.code}
            document[method.name] = document.get(method.name, {}) | where
            method.routine.save(folder)
    rows = (f"{key}: {_flow(row)}\n" for key, row in origins(inputs, configuration, header).items())
    write_text(folder / RESOLVED_FILE, "".join(rows))
    write_text(folder / MERGED_FILE, dumped(document))
    return folder / MERGED_FILE


def origins(inputs: Inputs, configuration: Configuration, header: Header) -> dict[str, Row]:
    """Returns every value of a configuration, and the files or the profile that it is from.

    Args:
        inputs: The merged input files.
        configuration: What they stand for.
        header: The header of the event file.

    Returns:
        `value` and `from` by the path of the key; `from` is "default" where nobody gave a value.
    """
    document = complete(configuration, header)
    if configuration.observed is not None:
        document["observed"] = {"data": str(configuration.observed.path)}
    for method in configuration.methods:
        if method.routine is not None:
            document[method.name]["class"] = method.routine.reference
    return {
        ".".join(keys): {"value": value, "from": ", ".join(_givers(inputs, keys)) or _DEFAULT}
        for keys, value in _rows(document)
    }


def _rows(block: Row, *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields all values of a document with the way to them, but those that a method ignores."""
    for key, value in block.items():
        if above and not uses(above[0], subschema(*above, key)):
            continue
        if isinstance(value, dict) and key not in _WHOLE:
            yield from _rows(value, *above, key)
        else:
            yield (*above, key), value


def _givers(inputs: Inputs, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Returns who gave a value; a method takes what is common to all if it has nothing own."""
    common = keys[1:] if keys[1:2] in (("samples",), ("training",)) else ()
    return inputs.sources(*keys) or (inputs.sources(*common) if common else ())


def _flow(row: Row) -> str:
    """Returns a row on one line."""
    return yaml.safe_dump(row, default_flow_style=True, sort_keys=False, width=2**31).strip()
