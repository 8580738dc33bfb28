"""Records of finished steps: what they were made from, and what came out.

A step's folder gets its record when everything else is done and complete, so that a folder with a
record is finished, whenever a run was killed. It is good for any step that is made from the same:
a finished folder is moved to where it is needed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from madminer_workflow import assets
from madminer_workflow.engine.checksums import Checksums, digest
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json, write_json

__all__ = [
    "RECORD",
    "Records",
    "cpu_seconds",
    "inputs_of",
    "paths",
    "published_in",
    "read_record",
    "remove",
    "written",
]

RECORD = "run.json"
_OWN = (RECORD, "_packtivity")  # of what is in a folder, not made by the step


class Records:
    """The finished steps in the folder of a run."""

    def __init__(
        self,
        folders: Iterable[Path],
        aside: Path,
        checksums: Checksums,
        table: Sequence[assets.Step] = (),
        vacate: Callable[[Path], None] = lambda _: None,
    ) -> None:
        """Finds what earlier runs have finished.

        Args:
            folders: The folders of stages and of their members.
            aside: Where finished folders wait that are in the way of others.
            checksums: What computes checksums.
            table: What the steps may write; those that are not in it may write anything.
            vacate: Ends what may be running in a folder before it is moved or removed.
        """
        self._table = {step.name: step for step in table}
        self._vacate = vacate
        self._aside = aside
        self._checksums = checksums
        self._lock = threading.Lock()
        paths = [path for top in (*folders, aside) for path in _records(top)]
        keys = [digest(read_record(path).get("ingredients")) for path in paths]
        self._places = {
            key: path.parent for key, path in reversed(list(zip(keys, paths, strict=True)))
        }

    def find(self, folder: Path, ingredients: Mapping[str, Any]) -> Any:
        """Returns what a finished step published, after it was moved here if it was elsewhere.

        Args:
            folder: The folder of the step.
            ingredients: What it is made from.

        Returns:
            The data in terms of JSON; None if no step like this is finished and undamaged.
        """
        with self._lock:
            place = self._places.pop(digest(ingredients), None)
            if place is None:
                return None
            if place != folder:
                self._make_way(folder)
                place.rename(folder)
        record = read_record(folder / RECORD)
        if not record or self.is_damaged(folder, record):
            return None
        return published_in(folder, record)

    def finished(self) -> list[tuple[Path, dict[str, Any]]]:
        """Returns the folders of all finished steps, wherever they are, with their records."""
        places = [(place, read_record(place / RECORD)) for place in self._places.values()]
        return [(place, record) for place, record in places if record]

    def forget(self, ingredients: Mapping[str, Any]) -> None:
        """Removes the record of a finished step, wherever it is.

        Args:
            ingredients: What it is made from.
        """
        with self._lock:
            if place := self._places.pop(digest(ingredients), None):
                (place / RECORD).unlink(missing_ok=True)

    def make_way(self, folder: Path) -> None:
        """Empties the place of a step; a finished step that stands there is put aside.

        Args:
            folder: The folder of the step.
        """
        with self._lock:
            self._make_way(folder)

    def write(
        self,
        folder: Path,
        ingredients: Mapping[str, Any],
        published: Any,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Records that a step is finished.

        Args:
            folder: The folder of the step.
            ingredients: What it was made from.
            published: What it published, in terms of JSON.
            provenance: Further entries of the record, which do not count.

        Raises:
            FileNotFoundError: Something that it published does not exist.
            FileExistsError: It has written something that it does not declare.
        """
        for path in paths(published):
            if path.is_relative_to(folder) and not path.exists():
                raise FileNotFoundError(f"{path} was not written")
        outputs = self._outputs(folder)
        self._check(ingredients["stage"], [name for name, checksum in outputs.items() if checksum])
        plain = json.dumps(published, ensure_ascii=False)
        record = {
            **(provenance or {}),
            "ingredients": ingredients,
            "outputs": outputs,
            "published": json.loads(plain.replace(str(folder), "{workdir}")),
        }
        write_json(folder / RECORD, record)

    def tidy(self) -> None:
        """Removes what waits aside and was not needed."""
        shutil.rmtree(self._aside, ignore_errors=True)

    def _check(self, stage: str, files: Iterable[str]) -> None:
        """Refuses files that a step does not declare."""
        if step := self._table.get(stage):
            others = [file for file in files if not assets.asset_of([step], stage, file)]
            if others:
                raise FileExistsError(f"{', '.join(others)}: written, but not declared as output")

    def _outputs(self, folder: Path) -> dict[str, str | None]:
        """Returns the checksums of all that a step has made."""
        tree = self._checksums.tree(folder)
        return {name: value for name, value in tree.items() if name.split("/")[0] not in _OWN}

    def is_damaged(self, folder: Path, record: Mapping[str, Any]) -> bool:
        """Returns whether something is missing or was changed; additions do no harm.

        Args:
            folder: The folder of a finished step.
            record: Its record.
        """
        return not record["outputs"].items() <= self._outputs(folder).items()

    def _make_way(self, folder: Path) -> None:
        """Puts aside or removes what stands in the place of a step."""
        for key, place in self._places.items():
            if place == folder:
                target = self._aside / key
                remove(target)
                target.parent.mkdir(parents=True, exist_ok=True)
                folder.rename(target)
                self._places[key] = target
                return
        self._vacate(folder)
        remove(folder)


def remove(path: Path) -> None:
    """Removes a folder, its record first, or a file or link that stands in its place.

    Args:
        path: What to remove; it may be missing.
    """
    if path.is_dir() and not path.is_symlink():
        (path / RECORD).unlink(missing_ok=True)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def published_in(folder: Path, record: Mapping[str, Any]) -> Any:
    """Returns what a finished step published, in terms of JSON.

    Args:
        folder: The folder that the step has, or will have.
        record: Its record.
    """
    return json.loads(json.dumps(record["published"]).replace("{workdir}", str(folder)))


def written(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the paths of what a step has written, folders too, and the checksums of the contents.

    Args:
        record: The record of the step.
    """
    outputs: Mapping[str, str | None] = record.get("outputs", {})
    for name, checksum in outputs.items():
        start = f"{name}/"
        below = [path for path in outputs if path.startswith(start)]
        yield name, checksum or digest({path.removeprefix(start): outputs[path] for path in below})


def inputs_of(record: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yields what a step has read, each with the option that named it.

    Args:
        record: The record of the step.

    Yields:
        The option, and a path with its checksum: `path`, from the folder of the run if it is in
        it, and `sha256`.
    """
    for option, entries in record.get("inputs", {}).items():
        yield from ((option, entry) for entry in entries)


def cpu_seconds(record: Mapping[str, Any] | None) -> float | None:
    """Returns how much time of a processor a step has taken; None if nobody has noted it.

    Args:
        record: The record of a finished step, if there is one.
    """
    seconds = ((record or {}).get("provenance") or {}).get("cpu_seconds")
    return float(seconds) if isinstance(seconds, int | float) else None


def paths(published: Any) -> Iterator[Path]:
    """Yields all strings of published data, which may be paths.

    Args:
        published: What a step published, in terms of JSON.
    """
    if isinstance(published, str):
        yield Path(published.strip())
    elif isinstance(published, Mapping | list):
        for item in published.values() if isinstance(published, Mapping) else published:
            yield from paths(item)


def _records(folder: Path) -> list[Path]:
    """Returns the records of steps in a folder, which may be that of one step or of several.

    One in a hidden folder was being written when the run was killed: nothing was finished by it.
    """
    patterns = (RECORD, f"[!.]*/{RECORD}")
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def read_record(path: Path) -> dict[str, Any]:
    """Returns the record of a step; an empty one if it cannot be read or is not complete.

    Args:
        path: The file of the record.
    """
    with contextlib.suppress(InputError):
        record = read_json(path)
        if isinstance(record, dict) and {"ingredients", "outputs", "published"} <= record.keys():
            return record
    return {}
