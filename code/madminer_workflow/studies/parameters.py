"""Parameters of one run, as typed by the schema of the input file."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from madminer_workflow.configuration import merge
from madminer_workflow.configuration.loading import dumped
from madminer_workflow.configuration.merging import located
from madminer_workflow.configuration.routines import rules
from madminer_workflow.configuration.schema import rule_of, schema, shown, validate
from madminer_workflow.configuration.sweep import points
from madminer_workflow.errors import InputError
from madminer_workflow.storage import write_text
from madminer_workflow.studies.description import describe
from madminer_workflow.studies.values import labelled, plain

if TYPE_CHECKING:
    from madminer_workflow.studies.study import Study

__all__ = ["Parameters"]


@dataclass(frozen=True, init=False, repr=False)
class Parameters:
    """What an input file says, checked against the schema; two with the same content are equal.

    >>> base = Parameters(methods=["quadratic"], training={"epochs": 10})
    >>> base["training.epochs"], base["training.n_folds"]
    (10, 2)
    >>> base.replace({"training.epochs": 30})
    Parameters(methods=['quadratic'], training={'epochs': 30})
    >>> Parameters(methods=["quadratic"], training={"epoch": 30})
    Traceback (most recent call last):
    madminer_workflow.errors.InputError: training.epoch: unknown key, did you mean 'epochs'? ...
    """

    _text: str  # JSON, because it cannot be changed

    def __init__(self, **values: Any) -> None:
        """Checks keys, types and ranges, as far as that needs no event file.

        Args:
            values: The keys of the top level of the input file, with plain values, tuples, paths
                and NumPy numbers and arrays. A path starts from the present folder.

        Raises:
            InputError: Something is not allowed; the message names key, value and alternatives.
        """
        document = located(plain(values), Path.cwd())
        validate(document, rules(document))
        points(document)
        object.__setattr__(self, "_text", json.dumps(document, sort_keys=True))

    @classmethod
    def read(cls, *paths: str | Path, profile: str = "default") -> Parameters:
        """Returns what input files say together.

        Args:
            paths: The files; later ones win.
            profile: Name of the profile that comes before them.

        Raises:
            InputError: A file cannot be read, or says something that is not allowed.
        """
        inputs = merge(paths, profile)
        with inputs.named():
            return cls(**inputs.document)

    @property
    def document(self) -> dict[str, Any]:
        """The content as an input file has it, in the order of the schema."""
        content = json.loads(self._text)
        return {key: content[key] for key in [*schema()["properties"], *content] if key in content}

    def __getitem__(self, key: str) -> Any:
        """Returns the value of a key, or its default.

        Args:
            key: The way to the key, with dots. A method has the common value where it has none.

        Raises:
            InputError: There is no such key, or it has no default that is known without events.
        """
        rule_of(key)
        names = key.split(".")
        common = names[1:] if names[1:2] in (["samples"], ["training"]) else names
        for way in (names, common):
            found = functools.reduce(_below, way, self.document)
            if found is not None:
                return found
        return self._default(key, names, common)

    def _default(self, key: str, names: list[str], common: list[str]) -> Any:
        """Returns the default of a key."""
        block = rule_of(".".join(common[:-1])) if common[:-1] else {}
        own = block.get("x-default-by-method", {}).get(names[0], {})
        rule = rule_of(key)
        default = own.get(names[-1], rule.get("default"))
        if default is None or "x-default" in rule:
            words = describe(key).default or "none"
            raise InputError(f"{key}: not given, and its default is {words}")
        return copy.deepcopy(default)

    def replace(self, values: Mapping[str, Any]) -> Parameters:
        """Returns parameters with other values.

        Args:
            values: Values by the way to their key, with dots.

        Raises:
            InputError: A key or a value is not allowed.
        """
        document = self.document
        for key, value in values.items():
            rule_of(key)
            *above, last = key.split(".")
            block = document
            for name in above:
                block = block.setdefault(name, {})
                if not isinstance(block, dict):
                    raise InputError(f"{key}: {name} has no keys but is {shown(block)}")
            block[last] = value
        return Parameters(**document)

    def vary(self, key: str, values: Iterable[Any]) -> Study:
        """Returns a study in which one key takes several values.

        Args:
            key: The way to the key, with dots.
            values: Its values: a list, or one of `linspace`, `logspace`, `choices`, `seeds`.

        Raises:
            InputError: There are no values, one is not allowed, or one is given twice.
        """
        from madminer_workflow.studies.study import Study  # which imports this module

        return Study(self, tuple(((key, labelled(value)),) for value in values))

    def write(self, path: str | Path) -> Path:
        """Writes an input file.

        Args:
            path: The file, with the suffix .yml.

        Returns:
            The file.
        """
        write_text(path, dumped(self.document))
        return Path(path)

    def __repr__(self) -> str:
        """Returns the call that makes these parameters."""
        values = ", ".join(f"{key}={value!r}" for key, value in self.document.items())
        return f"Parameters({values})"


def _below(block: Any, key: str) -> Any:
    """Returns what a block has for a key, None if nothing."""
    return block.get(key) if isinstance(block, dict) else None
