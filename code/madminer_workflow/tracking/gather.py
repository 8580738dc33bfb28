"""The MLflow runs of a flow: one for the flow, and below it one for each step that it has run.

All is taken from what the flow has noted and from the records in the folders of its steps, so that
it can be gathered while the flow goes on, afterwards, or by the next one: what the store has
already is not logged again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from madminer_workflow.engine import journal
from madminer_workflow.engine.folder import METADATA
from madminer_workflow.engine.graph import State
from madminer_workflow.engine.journal import Entry, Report
from madminer_workflow.engine.records import RECORD as STEP_RECORD
from madminer_workflow.engine.records import read_record
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json, write_json
from madminer_workflow.tracking.log import RECORD, Record
from madminer_workflow.tracking.runs import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    log_record,
    milliseconds,
    tags_of,
    text,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

__all__ = ["FLOW", "STUDY", "Gatherer", "flows", "found", "reported", "studies"]

FLOW = "flow"
"""The stage of the run of a whole flow."""

STUDY = "study"
"""The stage of the run of a search for better settings, with its trials below it."""

_FLOW, _FOLDER, _KEY = "madminer.flow", "madminer.folder", "madminer.key"
_PARENT = "mlflow.parentRunId"
_GIVEN = "MLFLOW_RUN_ID"  # the variable by which MLflow names the run that it has started
_IDENTITY = "mlflow.json"
_LAST = "plotting"  # the stage whose numbers are those of a flow
_TRIAL = "trial"  # a stage whose records are right however they end
_SOURCE = {"mlflow.source.name": "madminer-workflow", "mlflow.source.type": "PROJECT"}
_STATUS = {"done": FINISHED, "kept": FINISHED, "failed": FAILED, "interrupted": KILLED}
_PER_MEMBER = ("member",)  # parameters that say nothing of a flow
_SHARED = ("version", "commit", "dirty", "data", "preset", "mlflow.source.git.commit")


class Gatherer:
    """Logs what is new whenever it is asked to."""

    def __init__(self, client: MlflowClient, experiment: str, output_dir: Path) -> None:
        """Finds what the store has of a folder.

        Args:
            client: The client of the store.
            experiment: The identifier of the experiment.
            output_dir: The folder of the run.
        """
        given = os.environ.get(_GIVEN)
        self._given = client.get_run(given) if given else None
        own = self._given.info.experiment_id if self._given else experiment
        self._client, self._experiment = client, own
        self._experiments = [*{experiment, own}]
        self._output_dir = output_dir.resolve()
        self._identity = _identity(output_dir)
        self._ended: set[str] = set()
        self._runs = {run.data.tags[_KEY]: run for run in self._complete([*self._search()])}
        self._records: dict[Path, tuple[str, Record]] = {}
        self._shared: dict[str, object] = {}

    def gather(self, report: Report) -> int:
        """Logs what has ended since the last time; returns the number of steps.

        Args:
            report: What the flow has noted so far.
        """
        flow = _flow(report)
        self._end_others(flow)
        ended = [entry for entry in report.steps if entry.state in _STATUS]
        new = {self._key(flow, entry): entry for entry in ended if self._is_logged(entry)}
        new = {key: entry for key, entry in new.items() if key not in self._runs}
        is_active = any(entry.state not in ("kept", "waiting") for entry in report.steps)
        if begins := flow not in self._runs and bool(new or is_active):
            tags = {"stage": FLOW, "folder": self._output_dir.name}
            self._create(flow, flow, report.started, tags, self._name(report))
        for key, entry in new.items():
            self._log_step(flow, key, entry)
        if flow in self._runs:
            self._go_on(flow, report)
            has_ended = report.state != State.RUNNING.value and self._is_running(flow)
            if new or begins or has_ended:
                self._describe(flow, report)
        return len(new)

    def running(self, report: Report) -> str | None:
        """Returns the identifier of the run of a flow that goes on.

        Args:
            report: What the flow has noted so far.
        """
        flow = _flow(report)
        is_running = flow in self._runs and self._is_running(flow)
        return self._runs[flow].info.run_id if is_running else None

    def run_of(self, report: Report, entry: Entry) -> Run | None:
        """Returns the run of a step, if it has one.

        Args:
            report: What the flow has noted so far.
            entry: The step.
        """
        return self._runs.get(self._key(_flow(report), entry))

    def _search(self) -> Iterable[Run]:
        """Yields all runs of the folder."""
        token = None
        while True:
            wanted = f"tags.`{_FOLDER}` = '{self._identity}'"
            page = self._client.search_runs(
                self._experiments, wanted, max_results=1000, page_token=token
            )
            yield from page
            if not (token := page.token):
                return

    def _complete(self, runs: Iterable[Run]) -> Iterator[Run]:
        """Yields runs but for those of steps while whose logging the store failed."""
        for run in runs:
            is_given = self._given is not None and run.info.run_id == self._given.info.run_id
            if run.info.status == RUNNING and _PARENT in run.data.tags and not is_given:
                self._client.delete_run(run.info.run_id)
            else:
                yield run

    def _end_others(self, flow: str) -> None:
        """Marks as killed what other flows have left: only one can be using the folder."""
        for key, run in self._runs.items():
            if self._is_running(key) and run.data.tags.get(_FLOW) != flow:
                self._end(key, KILLED, None)

    def _is_running(self, key: str) -> bool:
        """Returns whether a run has not ended in the store."""
        return key not in self._ended and self._runs[key].info.status == RUNNING

    def _go_on(self, flow: str, report: Report) -> None:
        """Marks the run of a flow that has ended otherwise as running again, as studies can be."""
        status = self._runs[flow].info.status
        is_working = any(entry.state == State.RUNNING.value for entry in report.steps)
        wanted = _STATUS.get(report.state, RUNNING if is_working else status)
        if status != wanted and not self._is_running(flow):
            self._client.update_run(self._runs[flow].info.run_id, RUNNING)
            self._runs[flow] = self._client.get_run(self._runs[flow].info.run_id)
            self._ended.discard(flow)

    def _end(self, key: str, status: str, when: datetime | None) -> None:
        """Ends a run."""
        run_id = self._runs[key].info.run_id
        self._client.set_terminated(run_id, status, when and milliseconds(when.timestamp()))
        self._ended.add(key)

    def _create(
        self, flow: str, key: str, when: datetime, tags: Mapping[str, object], name: str
    ) -> Run:
        """Makes a run, if it is not the one of the flow that `mlflow run` has made."""
        tags = {_FOLDER: self._identity, _FLOW: flow, _KEY: key, **tags}
        if self._given and key == flow:
            self._runs[key] = self._given
            log_record(self._client, self._given, Record(name, FLOW, tags=tags), self._output_dir)
            return self._given
        words = {name: text(value) for name, value in (_SOURCE | tags).items() if value is not None}
        self._runs[key] = self._client.create_run(
            self._experiment, milliseconds(when.timestamp()), words, run_name=name
        )
        return self._runs[key]

    def _is_logged(self, entry: Entry) -> bool:
        """Returns whether a step that has ended gets a run."""
        return entry.state in ("failed", "interrupted") or self._record(entry.folder) is not None

    def _record(self, folder: Path) -> tuple[str, Record] | None:
        """Returns the checksum of the record of a finished step, and the record if there is one."""
        path = folder / RECORD
        if folder not in self._records and path.exists():
            checksum = hashlib.sha256(path.read_bytes()).hexdigest()
            self._records[folder] = (checksum, Record.read(path))
        return self._records.get(folder)

    def _key(self, flow: str, entry: Entry) -> str:
        """Returns what tells the run of a step from all others of the folder."""
        if entry.state in ("failed", "interrupted"):
            return f"{flow} {entry.label}"
        found = self._record(entry.folder)
        return found[0] if found else ""

    def _log_step(self, flow: str, key: str, entry: Entry) -> None:
        """Logs a step that has ended."""
        begin, end, usage = _course(entry)
        tags = {_PARENT: self._runs[flow].info.run_id, **self._shared, "error": entry.reason}
        run = self._create(flow, key, begin, tags, entry.label)
        is_right = _STATUS[entry.state] == FINISHED or entry.stage == _TRIAL
        found = self._record(entry.folder) if is_right else None
        record = found[1] if found else _without_record(entry)
        self._shared |= _shared([record])
        record = replace(record, name=entry.label, metrics={**record.metrics, **usage})
        log_record(self._client, run, record, entry.folder)
        self._end(key, _STATUS[entry.state], end)

    def _name(self, report: Report) -> str:
        """Returns what people call a flow: when it was started, and its folder."""
        return f"{report.started:%m-%d %H:%M} {self._output_dir.name}"

    def _describe(self, flow: str, report: Report) -> None:
        """Fills the run of a flow from its steps, and ends it if the flow has ended."""
        known = [self._record(entry.folder) for entry in report.steps if _is_finished(entry)]
        records = [found[1] for found in known if found]
        has_ended = report.state != State.RUNNING.value
        if own := self._record(self._output_dir):  # of a study, which says itself what it has found
            summary = replace(own[1], name=f"{report.started:%m-%d %H:%M} {own[1].name}")
        else:
            summary = self._of_steps(report, records, has_ended=has_ended)
        log_record(self._client, self._runs[flow], summary, self._output_dir)
        if has_ended:
            self._end(flow, _STATUS[report.state], report.written)

    def _of_steps(self, report: Report, records: Sequence[Record], *, has_ended: bool) -> Record:
        """Returns the record of a flow, made from those of its steps."""
        tags = _shared(records)
        methods = ", ".join(_unique(record.tags.get("method") for record in records))
        summary = Record(f"{self._name(report)} {methods}".strip(), FLOW)
        if has_ended:
            summary = _summary(summary, records)
            states = [entry.state for entry in report.steps]
            tags |= {f"steps.{state}": states.count(state) for state in _unique(states)}
            reasons = [f"{one.label}: {one.reason}" for one in report.steps if one.reason]
            tags["error"] = "; ".join(reasons) or None
        return replace(summary, tags=tags)


def reported(output_dir: Path) -> Report:
    """Returns what a flow has noted, or what is found of one that has noted nothing itself.

    Args:
        output_dir: The folder of the flow.

    Raises:
        InputError: There is nothing, or it cannot be read.
    """
    return journal.read(output_dir) if journal.has_run(output_dir) else found(output_dir)


def found(output_dir: Path) -> Report:
    """Returns what the records in a folder say of a flow that has noted nothing itself.

    Args:
        output_dir: The folder, such as one that was fetched from a cluster.

    Raises:
        InputError: There is no record.
    """
    folders = [path.parent for path in sorted(_records(output_dir))]
    records = [Record.read(folder / RECORD) for folder in folders]
    if not records:
        raise InputError(f"output_dir: {output_dir} has no {RECORD} of a step, expected some")
    times = [datetime.fromtimestamp(record.time).astimezone() for record in records]
    entries = tuple(
        Entry(record.name, record.stage, {}, folder, (), State.DONE.value, when, when, None)
        for record, folder, when in zip(records, folders, times, strict=True)
    )
    is_done = any(record.stage == _LAST for record in records)
    state = State.DONE.value if is_done else "interrupted"
    return Report(state, min(times), max(times), is_done, entries)


def flows(client: MlflowClient, experiment: str) -> list[Run]:
    """Returns the runs of whole flows, the latest first.

    Args:
        client: The client of the store.
        experiment: The identifier of the experiment.
    """
    return _of_stage(client, experiment, FLOW)


def studies(client: MlflowClient, experiment: str) -> list[Run]:
    """Returns the runs of searches for better settings, the latest first.

    Args:
        client: The client of the store.
        experiment: The identifier of the experiment.
    """
    return _of_stage(client, experiment, STUDY)


def _of_stage(client: MlflowClient, experiment: str, stage: str) -> list[Run]:
    """Returns the runs of a stage, the latest first."""
    return list(client.search_runs([experiment], f"tags.stage = '{stage}'", max_results=1000))


def _records(folder: Path) -> Iterator[Path]:
    """Yields the records of steps in the folder of a run."""
    for pattern in (f"[!._]*/{RECORD}", f"[!._]*/*/{RECORD}"):
        yield from folder.glob(pattern)


def _flow(report: Report) -> str:
    """Returns what tells a flow from all others of a folder: when it was started."""
    return report.started.astimezone(UTC).isoformat()


def _identity(output_dir: Path) -> str:
    """Returns what tells a folder from all others in a store, also when it has been moved."""
    path = output_dir / METADATA / _IDENTITY
    if not path.exists():
        write_json(path, {"folder": uuid4().hex})
    return str(read_json(path)["folder"])


def _shared(records: Iterable[Record]) -> dict[str, object]:
    """Returns the tags that all steps of a flow share; not all of them know all."""
    tags = (item for record in records for item in tags_of(record).items())
    return {name: value for name, value in tags if name in _SHARED and value is not None}


def _is_finished(entry: Entry) -> bool:
    """Returns whether a step has ended well, now or earlier."""
    return _STATUS.get(entry.state) == FINISHED


def _course(entry: Entry) -> tuple[datetime, datetime, dict[str, float | None]]:
    """Returns when a step began and ended, and what it used, as far as anybody has noted it."""
    made = read_record(entry.folder / STEP_RECORD).get("provenance") or {}
    if not _is_finished(entry) or "started" not in made:
        begin = entry.started or entry.ended or datetime.now().astimezone()
        return begin, entry.ended or begin, {}
    usage = {f"system/{name}": made.get(name) for name in ("cpu_seconds", "peak_memory_mb")}
    return datetime.fromisoformat(made["started"]), datetime.fromisoformat(made["ended"]), usage


def _without_record(entry: Entry) -> Record:
    """Returns what is to be logged of a step that has left no record: its output."""
    logs = [str(path.relative_to(entry.folder)) for path in entry.folder.glob("_packtivity/*.log")]
    words = {key: entry.words[key] for key in ("method", "member") if key in entry.words}
    return Record(entry.label, entry.stage, params=words, tags=words, artifacts=logs)


def _summary(flow: Record, records: Sequence[Record]) -> Record:
    """Fills the record of a flow: with what went into its steps and what the last one found."""
    values: dict[str, list[str]] = {}
    for record in records:
        for key, value in record.params.items():
            values.setdefault(key, []).append(text(value))
    params = {k: ", ".join(_unique(v)) for k, v in values.items() if k not in _PER_MEMBER}
    metrics = next((record.metrics for record in records if record.stage == _LAST), {})
    dataset = next((record.dataset for record in records if record.dataset), None)
    return replace(flow, params=params, metrics=metrics, dataset=dataset)


def _unique(values: Iterable[object]) -> list[str]:
    """Returns values without repetitions and without None, as texts."""
    return list(dict.fromkeys(text(value) for value in values if value is not None))
