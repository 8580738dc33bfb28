"""Several input files as one: later ones win, and every value remembers where it is from.

Mappings are merged key by key at every depth; lists and all other values are replaced.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from madminer_workflow.configuration import routines
from madminer_workflow.configuration.files import with_files
from madminer_workflow.configuration.loading import content, named, parsed
from madminer_workflow.configuration.schema import nearest
from madminer_workflow.errors import InputError

__all__ = ["PROFILES", "Inputs", "located", "merge", "profile_text", "seen_from"]

Document = dict[str, Any]

PROFILES = ("smoke", "default", "full")
"""Names of the shipped profiles, from the fastest to the most accurate."""


@dataclass(frozen=True)
class _Leaf:
    """A value that is not a mapping, or is an empty one, and the name of who gave it."""

    value: Any
    source: str


_Tree = dict[str, Any]  # of trees and leaves


@dataclass(frozen=True)
class Inputs:
    """What input files and a profile say together.

    Attributes:
        files: Names of the input files in the order in which they are merged.
    """

    files: tuple[str, ...]
    _tree: _Tree = field(repr=False)

    @property
    def document(self) -> Document:
        """The merged content; paths in it are seen from here, not from the files."""
        return dict(_values(self._tree))

    @property
    def own(self) -> Document:
        """The part of the merged content that is from input files, not from a profile."""
        return dict(_values(_only(self._tree, self.files)))

    def sources(self, *keys: str) -> tuple[str, ...]:
        """Returns who gave a value, or the values below a key; nobody for a default.

        Args:
            keys: The way to the key, for instance "training", "epochs".
        """
        node: Any = self._tree
        for key in keys:
            node = node.get(key, {}) if isinstance(node, dict) else {}
        return _sources(node)

    def blamed(self, message: str) -> str:
        """Returns the names of the sources that a message is about.

        Args:
            message: A line that begins with the path of a key. Where nobody gave that key, files
                that gave its neighbours are named, at last all files.
        """
        node: Any = self._tree
        found = self.files
        while isinstance(node, dict) and (key := _first_key(message, node)) is not None:
            node, message = node[key], message[len(key) + 1 :]
            if isinstance(node, _Leaf):
                return node.source
            found = tuple(name for name in _sources(node) if name in self.files) or found
        return ", ".join(found)

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Puts the names of those who gave a value in front of the message of an input error.

        Raises:
            InputError: One was raised inside.
        """
        try:
            yield
        except InputError as error:
            raise InputError(f"{self.blamed(str(error))}: {error}") from error


def merge(paths: Sequence[str | Path], profile: str = "default") -> Inputs:
    """Returns what input files say together; it is not yet checked against the schema.

    Args:
        paths: The files, YAML or JSON; later ones win.
        profile: Name of the profile that comes before all files.

    Raises:
        InputError: A file cannot be read or is not YAML, or there is no such profile.
    """
    trees = [_tree(_read(path), str(path)) for path in paths]
    start = _tree(parsed(profile_text(profile)), f"profile {profile}")
    tree = functools.reduce(_merged, trees, start)
    return Inputs(tuple(dict.fromkeys(map(str, paths))), tree if isinstance(tree, dict) else {})


def profile_text(name: str) -> str:
    """Returns a shipped profile as it is written.

    Args:
        name: Its name, one of `PROFILES`.

    Raises:
        InputError: There is no such profile.
    """
    if name not in PROFILES:
        raise InputError(f"profile: '{name}', {nearest(name, PROFILES)}")
    file = resources.files(__package__).joinpath("profiles", f"{name}.yml")
    return file.read_text(encoding="utf-8")


def located(document: Document, folder: Path) -> Document:
    """Returns a document with paths from here, not from its folder, and with names of all methods.

    Args:
        document: The content of an input file, unchecked.
        folder: The folder of the file.

    Raises:
        InputError: Two methods have the same name.
    """
    document = routines.renamed(routines.with_names(document), lambda name: str(folder / name))
    return with_files(document, lambda name: str(folder / name))


def seen_from(document: Mapping[str, Any], folder: Path) -> Document:
    """Returns a document with paths from a folder, not from here; absolute ones stay.

    Args:
        document: The content of an input file with paths from here.
        folder: The folder that an input file with this content is for.
    """

    def renamed(name: str) -> str:
        """Returns a path as it is seen from the folder."""
        return name if Path(name).is_absolute() else os.path.relpath(Path(name), folder)

    return routines.renamed(with_files(document, renamed), renamed)


def _read(path: str | Path) -> Document:
    """Returns the content of an input file, with paths from here."""
    document = content(path)
    with named(path):
        return located(document, Path(path).parent)


def _tree(value: Any, source: str) -> Any:
    """Returns a value with its source at every leaf."""
    if isinstance(value, dict) and value:
        return {key: _tree(below, source) for key, below in value.items()}
    return _Leaf(value, source)


def _merged(lower: Any, upper: Any) -> Any:
    """Returns what two trees give together; the upper one wins."""
    if isinstance(lower, dict) and isinstance(upper, _Leaf) and upper.value == {}:
        return lower
    if isinstance(lower, _Leaf) or isinstance(upper, _Leaf):
        return upper
    both = {key: _merged(lower[key], upper[key]) for key in upper if key in lower}
    return lower | upper | both


def _values(node: Any) -> Any:
    """Returns the values of a tree; nothing in them is shared, so that YAML needs no anchors."""
    if isinstance(node, dict):
        return {key: _values(below) for key, below in node.items()}
    return copy.deepcopy(node.value)


def _only(tree: _Tree, sources: Sequence[str]) -> _Tree:
    """Returns the part of a tree that some sources gave; mappings left empty are dropped."""
    kept: _Tree = {}
    for key, node in tree.items():
        if isinstance(node, dict):
            below = _only(node, sources)
            kept |= {key: below} if below else {}
        elif node.source in sources:
            kept[key] = node
    return kept


def _first_key(message: str, known: Iterable[str]) -> str | None:
    """Returns the key with which a line begins, if it is a known one."""
    keys = (key for key in known if message.startswith(tuple(f"{key}{end}" for end in ".:[")))
    return max(keys, key=len, default=None)


def _sources(node: Any) -> tuple[str, ...]:
    """Returns the sources of all leaves of a tree."""
    if isinstance(node, _Leaf):
        return (node.source,)
    return tuple(dict.fromkeys(source for below in node.values() for source in _sources(below)))
