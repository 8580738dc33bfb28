"""Whether all that the steps of a run have recorded is still as it was, and fits together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madminer_workflow.engine.checksums import Checksums
from madminer_workflow.engine.folder import MARKER, METADATA
from madminer_workflow.engine.records import RECORD, inputs_of, read_record, written
from madminer_workflow.errors import InputError

__all__ = ["Verification", "step_folders", "verify"]

_Record = Mapping[str, Any]
_Tree = Mapping[str, str | None]


@dataclass(frozen=True)
class Verification:
    """What was looked at and found.

    Attributes:
        n_steps: Steps with a record.
        n_outputs: Files that they have written.
        n_inputs: Files and folders that they have read.
        n_elsewhere: How many of these are from outside of the run and not there any more.
        problems: One line each.
    """

    n_steps: int
    n_outputs: int
    n_inputs: int
    n_elsewhere: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Input:
    """A file or folder that a step has read; its path starts from the folder of the run."""

    step: str
    option: str
    path: Path
    checksum: str

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is from outside of the run and not there any more."""
        return self.path.is_absolute() and not self.path.exists()

    def __str__(self) -> str:
        source = "has changed since" if self.path.is_absolute() else "no step has written"
        return f"{self.step}: --{self.option} was {self.path} with content that {source}"


def verify(output_dir: Path) -> Verification:
    """Compares all files with the checksums in the records of a run that has ended.

    What a step has read must be what another one has written, wherever that stands now, or a file
    from outside that is still the same.

    Args:
        output_dir: The folder of the run.

    Raises:
        InputError: It is not that of a run.
    """
    checksums = Checksums()
    records = {folder: read_record(folder / RECORD) for folder in step_folders(output_dir)}
    if not records:
        raise InputError(f"output_dir: {output_dir} is not the folder of a run, it has no steps")
    finished = {folder: record for folder, record in records.items() if record}
    problems = [f"{_name(f, output_dir)}: not finished" for f in records.keys() - finished.keys()]
    for folder, record in finished.items():
        lines = _damage(record["outputs"], checksums.tree(folder))
        problems += (f"{_name(folder, output_dir)}/{line}" for line in lines)
    inputs = [i for f, record in finished.items() for i in _inputs(_name(f, output_dir), record)]
    made = {checksum for record in finished.values() for _, checksum in written(record)}
    others = [one for one in inputs if one.checksum not in made]
    here = [one for one in others if not one.is_elsewhere]
    problems += (str(i) for i in here if checksums.of(output_dir / i.path) != i.checksum)
    return Verification(
        n_steps=len(finished),
        n_outputs=sum(sum(map(bool, r["outputs"].values())) for r in finished.values()),
        n_inputs=len(inputs),
        n_elsewhere=len(others) - len(here),
        problems=tuple(sorted(problems)),
    )


def step_folders(folder: Path) -> list[Path]:
    """Returns the folders of the steps of a run, finished or not.

    Args:
        folder: The folder of the run; other runs below it are left out.
    """
    found: list[Path] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if (path / RECORD).is_file() or (path / "_packtivity").is_dir():
            found.append(path)
        elif path.is_dir() and path.name != METADATA and not (path / MARKER).exists():
            found += step_folders(path)
    return found


def _name(folder: Path, output_dir: Path) -> str:
    """Returns the name of the folder of a step."""
    return folder.relative_to(output_dir).as_posix()


def _damage(outputs: _Tree, tree: _Tree) -> Iterator[str]:
    """Yields what is missing or was changed."""
    for name, checksum in outputs.items():
        if name not in tree:
            yield f"{name}: missing"
        elif tree[name] != checksum:
            yield f"{name}: changed"


def _inputs(step: str, record: _Record) -> Iterator[_Input]:
    """Yields what a step has read."""
    for option, entry in inputs_of(record):
        yield _Input(step, option, Path(entry["path"]), entry["sha256"])
