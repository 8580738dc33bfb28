"""Estimators of one's own in an input file: their names, their classes, and what they may be given.

`methods: [FILE.py:CLASS]` is short for `methods: [NAME]` with `NAME: {class: FILE.py:CLASS}`, where
NAME is that of the class in small letters with underscores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from madminer_workflow.configuration.files import replaced
from madminer_workflow.configuration.schema import schema, shown, subschema
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.registry import METHODS, of_own
from madminer_workflow.estimators.routines import Routine, class_of, find, installed, is_file
from madminer_workflow.estimators.settings import defaults, rule

__all__ = ["names", "renamed", "routine", "rules", "with_names"]

Document = Mapping[str, Any]
Rule = dict[str, Any]

_TAKEN = ("exact", "full", "histogram", "kinematics", "rate")
"""Names of other things in results and figures."""


def with_names(document: dict[str, Any]) -> dict[str, Any]:
    """Returns a document whose methods are names, with a block for each class that was given.

    Methods may also be those of the combinations of a sweep.

    Args:
        document: The content of an input file, unchecked.

    Raises:
        InputError: Two classes have the same name.
    """
    blocks: dict[str, Any] = {}

    def named(key: str, value: Any) -> Any:
        """Returns methods by their names, and keeps the blocks of those that are classes."""
        if key != "methods" or not isinstance(value, list):
            return value
        return [_named(number, one, document, blocks) for number, one in enumerate(value)]

    return replaced(document, named) | blocks


def renamed(document: Document, rename: Callable[[str], str]) -> dict[str, Any]:
    """Returns a document with other paths of the classes that are in files.

    Args:
        document: The content of an input file, unchecked.
        rename: Gives the new name of a file, which is followed by `:CLASS`.
    """
    blocks = {
        name: block | {"class": rename(block["class"])}
        for name, block in document.items()
        if _has_class(block) and is_file(block["class"])
    }
    return {**document, **blocks}


def routine(name: str, document: Document) -> Routine | None:
    """Returns the estimator of one's own that a method is; None for those in the table of methods.

    Args:
        name: Name of the method.
        document: The content of an input file that follows the schema.

    Raises:
        InputError: Its class cannot be used.
    """
    if name in METHODS:
        return None
    block = document.get(name, {})
    found = _found(name, block)
    assert found is not None
    if not found.reference:
        return found
    declared = defaults(class_of(found.reference, found.source).Settings)
    return replace(
        found, code=block.get("code", found.code), settings=declared | block.get("settings", {})
    )


def rules(document: Document) -> dict[str, Rule]:
    """Returns the schemas of the blocks of all estimators of one's own, by their names.

    Args:
        document: The content of an input file, unchecked.

    Raises:
        InputError: The class of one that is among the methods cannot be used.
    """
    methods = document.get("methods")
    wanted = (
        [name for name in methods if isinstance(name, str)] if isinstance(methods, list) else []
    )
    blocks = [key for key, block in document.items() if _has_class(block)]
    found: dict[str, Rule] = {}
    for name in dict.fromkeys([*wanted, *blocks]):
        block = document.get(name, {})
        if name in schema()["properties"] or not isinstance(block, dict):
            continue
        if name not in wanted:  # its class need not exist
            found[name] = {"$ref": "#/$defs/own"}
        elif (one := _found(name, block)) is not None:
            found[name] = _rule(name, one)
        elif name in document:
            found[name] = subschema(name) | {"required": ["class"]}
    return found


def names(document: Document) -> list[str]:
    """Returns the names of all estimators of one's own that a document may use.

    Args:
        document: The content of an input file that follows the schema.
    """
    every = dict.fromkeys([*document, *document["methods"], *installed()])
    return [name for name in every if name not in schema()["properties"]]


def _named(number: int, method: Any, document: Document, blocks: dict[str, Any]) -> Any:
    """Returns the name of a method, whose block is kept if it is a class."""
    if not isinstance(method, str) or ":" not in method:
        return method
    name = _name(method)
    block = blocks.get(name, document.get(name, {}))
    blocks[name] = {"class": method} | block if isinstance(block, dict) else block
    if _has_class(blocks[name]) and blocks[name]["class"] != method:
        other = blocks[name]["class"]
        raise InputError(
            f"methods[{number}]: {shown(method)} has the name {name}, as {other} has; give "
            f"it another one: `NAME: {{class: {method}}}`"
        )
    return name


def _found(name: str, block: Document) -> Routine | None:
    """Returns an estimator of one's own; None if nothing says where its class is."""
    reference = block.get("class") if isinstance(block.get("class"), str) else None
    if reference is None and isinstance(block.get("traits"), dict):
        return Routine(of_own(name, **block["traits"]))
    reference = reference or installed().get(name)
    if reference is None:
        return None
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or name in _TAKEN:
        allowed = f"letters, digits and underscores, not {', '.join(_TAKEN)}"
        raise InputError(f"{name}: cannot be the name of an estimator, allowed: {allowed}")
    try:
        return find(name, reference)
    except InputError as error:
        raise InputError(f"{name}.class: {error}") from error


def _rule(name: str, one: Routine) -> Rule:
    """Returns what the block of an estimator may have."""
    own = subschema(name)
    properties, training = dict(own["properties"]), subschema(name, "training")
    if one.spec.kind != "ratio":
        del properties["theta_1"]
    if not one.spec.weighted:
        names = {key: value for key, value in training["properties"].items() if key != "n_folds"}
        properties["training"] = training | {"properties": names}
    if one.reference:
        declared = rule(class_of(one.reference, one.source).Settings)
        properties["settings"] = properties["settings"] | declared
        own["required"] = ["settings"] if declared["required"] else []
    return own | {"properties": properties}


def _name(reference: str) -> str:
    """Returns the name of a class in small letters.

    >>> _name("my estimators.py:BoostedTrees")
    'boosted_trees'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", reference.rpartition(":")[2]).lower()


def _has_class(block: object) -> bool:
    """Returns whether a value is a block with a class."""
    return isinstance(block, dict) and isinstance(block.get("class"), str)
