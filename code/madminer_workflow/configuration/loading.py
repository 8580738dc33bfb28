"""Reading input files: YAML, of which JSON is a part, checked against the schema."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from madminer_workflow.configuration.schema import shown
from madminer_workflow.errors import InputError

__all__ = ["content", "dumped", "named", "parsed"]

_TEXT = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


class _Loader(yaml.SafeLoader):
    """Reads YAML; refuses keys given twice, of which PyYAML would drop the first without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        known = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key_node.tag not in _TEXT:
                problem = "keys must be names (in quotes, if they mean something else to YAML)"
            elif key in known:
                problem = f"the key '{key}' is given twice"
            else:
                known.add(key)
                continue
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        return super().construct_mapping(node, deep)


# PyYAML takes 1e-3 for a text because YAML 1.1 wants a dot in it.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def dumped(document: dict[str, Any]) -> str:
    """Returns a document as the YAML text of an input file.

    Args:
        document: Plain keys with values.
    """
    return str(
        yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None)
    )


def content(path: str | Path) -> dict[str, Any]:
    """Returns the content of an input file, YAML or JSON, unchecked.

    Args:
        path: The file.

    Raises:
        InputError: The file cannot be read, is not YAML, or does not hold keys with values.
    """
    with named(path):
        document = parsed(_text(path))
        if not isinstance(document, dict):
            raise InputError(f"{shown(document)}, expected keys with values, at least `methods`")
        return document


@contextlib.contextmanager
def named(path: str | Path) -> Iterator[None]:
    """Puts the name of a file in front of the message of an input error.

    Args:
        path: The file.

    Raises:
        InputError: One was raised inside.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _text(path: str | Path) -> str:
    """Returns the content of a text file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}), expected a YAML file") from error
    except UnicodeDecodeError as error:
        raise InputError("not a text file, expected a YAML file") from error


def parsed(text: str) -> Any:
    """Returns what a YAML text stands for.

    Args:
        text: The text.

    Raises:
        InputError: It is not YAML, or a key is given twice or is not a name.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(f"{where}{error.problem} (not a valid YAML file)") from error
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"not a YAML file ({reason})") from error
