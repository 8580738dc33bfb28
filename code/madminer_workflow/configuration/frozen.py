"""The configuration of a run, frozen at its start: what runs, and where each value is from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from madminer_workflow.configuration.document import observed_file
from madminer_workflow.configuration.files import with_files
from madminer_workflow.configuration.loading import dumped
from madminer_workflow.configuration.merging import Inputs
from madminer_workflow.configuration.schema import subschema, uses
from madminer_workflow.configuration.sweep import touch
from madminer_workflow.configuration.variants import Variant
from madminer_workflow.storage import write_text

__all__ = ["MERGED_FILE", "RESOLVED_FILE", "freeze", "origins"]

Row = dict[str, Any]

MERGED_FILE = "merged.yml"
RESOLVED_FILE = "resolved.yml"

_DEFAULT = "default"
_WHOLE = ("region", "theta_0", "theta_1")
"""Blocks that are listed as one value: their keys may be written in several ways."""


def freeze(inputs: Inputs, variants: Sequence[Variant], folder: Path) -> Path:
    """Writes what a run uses, so that editing or removing the input files changes nothing.

    Args:
        inputs: The merged input files.
        variants: All that they stand for.
        folder: The folder to write into; it is made if it is missing.

    Returns:
        An input file that stands for the same without any other file.
    """
    names = {}
    for observed in (one for variant in variants for one in variant.configuration.all_observed):
        names[observed.path] = observed_file(observed)
        observed.save(folder / names[observed.path])
    document = with_files(
        _with_names(inputs.document, variants), lambda name: names.get(Path(name), name)
    )
    document |= {"step": "configuration"}
    for routine in (one for variant in variants for one in variant.configuration.routines):
        where = {"class": routine.kept, "code": routine.code}
        document[routine.spec.name] = document.get(routine.spec.name, {}) | where
        routine.save(folder)
    rows = (f"{key}: {_flow(row)}\n" for key, row in origins(inputs, variants).items())
    write_text(folder / RESOLVED_FILE, "".join(rows))
    write_text(folder / MERGED_FILE, dumped(document))
    return folder / MERGED_FILE


def _with_names(document: Row, variants: Sequence[Variant]) -> Row:
    """Returns a document whose sweep names its combinations, if files vary: they get other names.

    Args:
        document: The content of the input files.
        variants: All that it stands for.
    """
    if with_files(document, str.upper).get("sweep") == document.get("sweep"):
        return document
    named = {one.point.combination: one.point.values for one in variants}
    rows = [{"name": name, **values} for name, values in named.items()]
    return document | {"sweep": {"name": variants[0].point.sweep, "list": rows}}


def origins(inputs: Inputs, variants: Sequence[Variant]) -> dict[str, Row]:
    """Returns every value of a configuration, and the files or the profile that it is from.

    Args:
        inputs: The merged input files.
        variants: All that they stand for.

    Returns:
        `value` and `from` by the path of the key; `from` is "default" where nobody gave a value.
        For what varies, `value` has a value for each combination, and `from` is "sweep" or
        "initialisations".
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for variant in variants:
        for keys, value in _rows(_readable(variant)):
            found.setdefault(keys, {})[variant.point.name] = value
    return {".".join(keys): _row(inputs, variants, keys, values) for keys, values in found.items()}


def _readable(variant: Variant) -> Row:
    """Returns a complete document with files as a user knows them."""
    names = {observed_file(one): str(one.path) for one in variant.configuration.all_observed}
    document = with_files(variant.document, lambda name: names[name])
    for routine in variant.configuration.routines:
        name = routine.spec.name
        document[name] = document[name] | {"class": routine.reference}
    return document


def _row(
    inputs: Inputs, variants: Sequence[Variant], keys: tuple[str, ...], values: Mapping[str, Any]
) -> Row:
    """Returns the value of a key, or those of all variants, and who gave it."""
    point, first = variants[0].point, next(iter(values.values()))
    if point.initialisation is not None and _common(keys) == ("training", "seed"):
        return {"value": dict(values), "from": "initialisations"}
    if any(value != first for value in values.values()):
        return {"value": dict(values), "from": "sweep"}
    swept = any(
        touch(key, ".".join(path)) for key in point.values for path in (keys, _common(keys))
    )
    givers = ["sweep"] if swept else _givers(inputs, keys)
    return {"value": first, "from": ", ".join(givers) or _DEFAULT}


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
    common = _common(keys)
    return inputs.sources(*keys) or (inputs.sources(*common) if common else ())


def _common(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the way to what a method takes where it has nothing own; nothing for other keys."""
    return keys[1:] if keys[1:2] in (("samples",), ("training",)) else ()


def _flow(row: Row) -> str:
    """Returns a row on one line."""
    return yaml.safe_dump(row, default_flow_style=True, sort_keys=False, width=2**31).strip()
