"""What a run would do with a step, told from the records of finished steps and without running any.

What a step would write that has to run is not known. A later step which is finished but for that
runs again for certain if the outcome cannot be the same, and may run if it can.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madminer_workflow.engine.checksums import Checksums, digest
from madminer_workflow.engine.graph import NAME
from madminer_workflow.engine.records import Records

__all__ = ["Content", "Forecast", "Home", "Judgement", "Verdict"]

Record = Mapping[str, Any]

_CODE, _SETTINGS, _INPUT = "code of the stage changed", "settings changed", "input changed"
_SETTINGS_PARAMETER = "input_file"


class Verdict(enum.Enum):
    """What a run would do with a step."""

    DONE = "done"
    RUN = "would run"
    MAY_RUN = "may run"


@dataclass(frozen=True)
class Judgement:
    """What a run would do with a step, and why.

    Attributes:
        verdict: What it would do.
        reasons: Why it would run, each in a few words.
        place: The folder of the finished step; None if it would run.
        record: Its record, or that of an earlier one from equal settings and inputs.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    place: Path | None = None
    record: Record | None = None


@dataclass(frozen=True)
class Content:
    """The content of a file or a folder, which is looked at only if it has to be compared."""

    path: Path


@dataclass(frozen=True)
class Home:
    """The folder of a step, as later steps find it.

    Attributes:
        label: The label of the step.
        place: The folder that has its contents now; None if they are not known.
        judgement: What a run would do with the step.
        outputs: The files and folders that it publishes.
        volatile: Whether it never comes out the same.
    """

    label: str
    place: Path | None
    judgement: Judgement
    outputs: Collection[Path] = ()
    volatile: bool = False

    def surely_changes(self, path: Path) -> bool:
        """Returns whether a file or folder in it cannot come out as it was.

        Other inputs change everything. Other settings may be those of a part, so that they change
        for certain only what is published as a whole.
        """
        judgement = self.judgement
        if judgement.verdict is not Verdict.RUN:
            return False
        changed = {reason.partition(":")[0] for reason in judgement.reasons}
        needs = any(reason.startswith("needs ") for reason in judgement.reasons)
        return (
            self.volatile
            or _INPUT in changed
            or (path in self.outputs and (_SETTINGS in changed or needs))
        )


class Forecast:
    """Judges the steps of a run in the order in which they depend on each other."""

    def __init__(self, records: Records, checksums: Checksums) -> None:
        """Sorts the finished steps.

        Args:
            records: The finished steps; they stay as they are.
            checksums: What computes checksums.
        """
        self._records = records
        self._checksums = checksums
        self._homes: dict[Path, Home] = {}
        self._used: set[Path] = set()
        self._of_stage: dict[str, list[tuple[Path, Record]]] = {}
        self._of_shape: dict[str, list[tuple[Path, Record]]] = {}
        for place, record in records.finished():
            made_from = record["ingredients"]
            self._of_stage.setdefault(made_from["stage"], []).append((place, record))
            self._of_shape.setdefault(_shape(made_from), []).append((place, record))

    def of(self, path: Path) -> Content:
        """Returns what stands for the content of a file or a folder.

        Args:
            path: Its path in the run.
        """
        return Content(path)

    def contents(self, made_from: Mapping[str, Any]) -> list[Path]:
        """Returns the files and folders whose contents a step is made from.

        Args:
            made_from: Its ingredients.
        """
        return [content.path for content in _contents(made_from["command"])]

    def place(self, path: Path) -> Path | None:
        """Returns where a file or folder is now; None if it would be written by a step.

        Args:
            path: Its path in the run.
        """
        home = self._home(path)
        if home is None:
            return path
        folder, found = home
        return found.place and found.place / path.relative_to(folder)

    def settle(self, folder: Path, home: Home) -> None:
        """Notes what later steps find in the folder of a step.

        Args:
            folder: The folder of the step.
            home: What it holds.
        """
        self._homes[folder] = home

    def judge(
        self,
        folder: Path,
        made_from: Mapping[str, Any],
        parameters: Mapping[str, Any],
        named: Callable[[Path], str],
        *,
        forced: bool,
    ) -> Judgement:
        """Returns what a run would do with a step.

        Args:
            folder: Its folder.
            made_from: Its ingredients.
            parameters: Its parameters.
            named: Gives the name of the parameter that a path is from.
            forced: Whether it runs in any case.
        """
        found = list(self._finished(made_from, parameters))
        best = next((j for j in found if j.verdict is Verdict.DONE), next(iter(found), None))
        if best is None:
            best = self._unlike(made_from, self._earlier(folder, made_from, parameters), named)
        if best.place:
            self._used.add(best.place)
        return Judgement(Verdict.RUN, ("forced",), record=best.record) if forced else best

    def _finished(
        self, made_from: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Iterator[Judgement]:
        """Yields what becomes of finished steps that may be the one that is asked for."""
        for place, record in self._of_shape.get(_shape(made_from), []):
            unknown = self._unknown(made_from, record)
            # As long as not everything is known, others would pass for it, too.
            if (
                unknown is None
                or place in self._used
                or (unknown and not _named(record, parameters))
            ):
                continue
            yield self._of_finished(place, record, unknown)

    def _unknown(self, made_from: Mapping[str, Any], record: Record) -> list[Path] | None:
        """Returns the contents that are not known yet; None if another one differs."""
        theirs = _contents(record["ingredients"]["command"])
        unknown = []
        for ours, value in zip(_contents(made_from["command"]), theirs, strict=True):
            if self.place(ours.path) is None:
                unknown.append(ours.path)
            elif self._checksum(ours.path) != value:
                return None
        return unknown

    def _of_finished(self, place: Path, record: Record, unknown: list[Path]) -> Judgement:
        """Returns what becomes of a finished step that may be the one that is asked for."""
        if self._records.is_damaged(place, record):
            return Judgement(Verdict.RUN, ("outputs missing or damaged",), record=record)
        if not unknown:
            return Judgement(Verdict.DONE, place=place, record=record)
        if surely := [path for path in unknown if self._surely_changes(path)]:
            return Judgement(Verdict.RUN, (self._needs(surely),), record=record)
        first, others = self._makers(unknown)
        which = f"{first} or {others} more change" if others else f"{first} changes"
        return Judgement(Verdict.MAY_RUN, (f"if {which}",), record=record)

    def _earlier(
        self, folder: Path, made_from: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Record | None:
        """Returns the record of the same step made from something else; None if there is none."""
        published = made_from["others"][-1]
        alike = [
            (place, record)
            for place, record in self._of_stage.get(made_from["stage"], [])
            if record["ingredients"]["others"][-1] == published and _named(record, parameters)
        ]
        here = [record for place, record in alike if place == folder]
        return next(iter(here or [record for _, record in alike]), None)

    def _unlike(
        self, made_from: Mapping[str, Any], earlier: Record | None, named: Callable[[Path], str]
    ) -> Judgement:
        """Returns why a step is not finished, by a comparison with an earlier one."""
        if earlier is None:
            return Judgement(Verdict.RUN, ("new",))
        reasons = list(dict.fromkeys(self._differences(made_from, earlier, named)))
        unknown = [path for path in self.contents(made_from) if self.place(path) is None]
        reasons += [self._needs(unknown)] if unknown else []
        is_like = not {reason.partition(":")[0] for reason in reasons} & {_SETTINGS, _INPUT}
        return Judgement(Verdict.RUN, tuple(reasons), record=earlier if is_like else None)

    def _differences(
        self, made_from: Mapping[str, Any], record: Record, named: Callable[[Path], str]
    ) -> Iterator[str]:
        """Yields in which respects a step is made from something else."""
        earlier = record["ingredients"]
        words: tuple[list[list[Any]], ...] = made_from["command"], earlier["command"]
        for ours, theirs in itertools.zip_longest(*words, fillvalue=[]):
            yield from self._differences_of_words(ours, theirs, named)
        if made_from["code"] != earlier["code"]:
            yield _CODE
        if made_from["others"] != earlier["others"]:
            yield "specification changed"

    def _differences_of_words(
        self, ours: list[Any], theirs: list[Any], named: Callable[[Path], str]
    ) -> Iterator[str]:
        """Yields in which respects a word of a command differs."""
        lines: tuple[list[Any], ...] = ours, theirs
        for line, earlier in itertools.zip_longest(*lines, fillvalue=""):
            if not isinstance(line, Mapping):
                if line != earlier:
                    yield "command changed"
                continue
            path = line["content"].path
            before = earlier["content"] if isinstance(earlier, Mapping) else None
            if self.place(path) and self._checksum(path) != before:
                name = named(path)
                changed = {_SETTINGS_PARAMETER: _SETTINGS, "": _CODE}
                yield changed.get(name, f"{_INPUT}: {name}")

    def _needs(self, unknown: Collection[Path]) -> str:
        """Returns which steps have to run first."""
        first, others = self._makers(unknown)
        return f"needs {first}" + (f" and {others} more" if others else "")

    def _makers(self, unknown: Collection[Path]) -> tuple[str, int]:
        """Returns the first of the steps that write some files or folders, and how many others."""
        homes = [home for path in unknown if (home := self._home(path))]
        labels = list(dict.fromkeys(home.label for _, home in homes))
        return labels[0], len(labels) - 1

    def _surely_changes(self, path: Path) -> bool:
        """Returns whether something cannot come out as it was."""
        home = self._home(path)
        return home is not None and home[1].surely_changes(path)

    def _home(self, path: Path) -> tuple[Path, Home] | None:
        """Returns the folder of the step that a path is in."""
        folders = (folder for folder in (path, *path.parents) if folder in self._homes)
        return next(((folder, self._homes[folder]) for folder in folders), None)

    def _checksum(self, path: Path) -> str | None:
        """Returns the checksum of something that is known."""
        place = self.place(path)
        return self._checksums.of(place) if place else None


def _named(record: Record, parameters: Mapping[str, Any]) -> bool:
    """Returns whether a record is of a step with the same name, as far as it tells."""
    return bool(record.get("parameters", parameters).get(NAME) == parameters.get(NAME))


def _contents(command: list[list[Any]]) -> list[Any]:
    """Returns what stands for contents in the command of ingredients."""
    return [line["content"] for word in command for line in word if isinstance(line, Mapping)]


def _shape(made_from: Mapping[str, Any]) -> str:
    """Returns a checksum of everything in ingredients but contents."""
    command = [
        [None if isinstance(line, Mapping) else line for line in word]
        for word in made_from["command"]
    ]
    return digest({**made_from, "command": command})
