"""The values of a specification with the places where they stand, across files and references."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Files", "Place"]


@dataclass(frozen=True)
class Place:
    """A value and where it stands.

    Attributes:
        value: The value; None if there is none.
        file: Its file, relative to the folder of the project.
        keys: The way to it in the file.
    """

    value: Any
    file: Path
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Returns the file and the way, with the names of what stands in lists."""
        return f"{self.file}: {'.'.join(self.keys)}" if self.keys else str(self.file)


class Files:
    """The files of a specification; references between them are followed as Yadage does."""

    def __init__(self, main: Path, toplevel: Path, note: Callable[[str], None]) -> None:
        """Names the files.

        Args:
            main: The file of the workflow, relative to `toplevel`.
            toplevel: The folder that references in this file start from; those in other files
                start from the folder of the file.
            note: Called with each error.
        """
        self._main = main
        self._toplevel = toplevel
        self._note = note
        self._contents: dict[Path, Any] = {}

    def main(self) -> Place:
        """Returns the content of the main file."""
        return Place(self._read(self._main, ""), self._main)

    def child(self, place: Place, key: str) -> Place:
        """Returns what stands at a key of a mapping, where a reference leads if it is one.

        Args:
            place: The mapping; anything else has nothing.
            key: The key.
        """
        value = place.value.get(key) if isinstance(place.value, dict) else None
        return self._followed(Place(value, place.file, (*place.keys, key)))

    def children(self, place: Place) -> Iterator[Place]:
        """Yields what stands in a list, with names in place of numbers where it has names.

        Args:
            place: The list; anything else has nothing.
        """
        for number, item in enumerate(place.value if isinstance(place.value, list) else []):
            name = item.get("name") if isinstance(item, dict) else None
            yield self._followed(Place(item, place.file, (*place.keys, str(name or number))))

    def _followed(self, place: Place) -> Place:
        """Returns where a reference leads."""
        seen: set[tuple[Path, tuple[str, ...]]] = set()
        while isinstance(place.value, dict) and isinstance(place.value.get("$ref"), str):
            target = place.value["$ref"]
            if (place.file, place.keys) in seen:
                self._note(f"{place}: $ref: {target!r} leads back to itself")
                return Place(None, place.file, place.keys)
            seen.add((place.file, place.keys))
            place = self._target(place, target)
        return place

    def _target(self, place: Place, reference: str) -> Place:
        """Returns what a reference leads to."""
        name, _, pointer = reference.partition("#")
        folder = Path() if place.file == self._main else place.file.parent
        file = folder / name if name else place.file
        value = self._read(file, f"{place}: $ref: {reference!r}: ")
        keys = tuple(key for key in pointer.split("/") if key)
        for key in keys if value is not None else ():
            if not isinstance(value, dict) or key not in value:
                self._note(f"{place}: $ref: {reference!r}: {file} has no {key!r}")
                value = None
                break
            value = value[key]
        return Place(value, file, keys)

    def _read(self, file: Path, where: str) -> Any:
        """Returns the content of a file; None if it has none."""
        if file not in self._contents:
            try:
                text = (self._toplevel / file).read_text(encoding="utf-8")
                self._contents[file] = yaml.safe_load(text)
            except OSError as error:
                self._note(f"{where}{file} cannot be read ({error.strerror})")
                return None
            except (ValueError, yaml.YAMLError) as error:
                self._note(f"{where}{file} is not YAML ({' '.join(str(error).split())})")
                return None
        return self._contents[file]
