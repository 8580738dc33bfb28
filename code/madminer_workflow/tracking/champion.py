"""The best model of a run, under a name by which others load it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from madminer_workflow.engine.journal import Entry, Report
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json
from madminer_workflow.tracking import store
from madminer_workflow.tracking.gather import Gatherer, reported
from madminer_workflow.tracking.log import RECORD, Record, Trained
from madminer_workflow.tracking.models import log_model, register

__all__ = ["register_best"]

_RESULTS = "results.json"
_FINISHED = ("done", "kept")


def register_best(output_dir: Path, name: str, alias: str) -> tuple[str, str]:
    """Registers the networks of the best method, averaged as for the limits.

    Args:
        output_dir: The folder of the run, of which is logged what is missing.
        name: The name of the registered model.
        alias: The alias of the new version.

    Returns:
        The method, and the version.

    Raises:
        InputError: The name or the alias cannot be one, the run is not finished, or has no single
            best method.
    """
    for key, value in (("name", name), ("alias", alias)):
        if not value.strip() or set(value) & set("/:@"):
            raise InputError(f"{key}: '{value}', expected a word without /, : and @")
    report = reported(output_dir)
    plotting = _plotting(output_dir, report)
    method, models = _best(report, plotting.folder / _RESULTS)
    client, experiment = store.open_store(output_dir)
    gatherer = Gatherer(client, experiment, output_dir)
    gatherer.gather(report)
    run = gatherer.run_of(report, plotting)
    assert run is not None  # it is finished, and has been logged
    model_id = log_model(client, run, method, models)
    return method, register(client, run, model_id, name, alias)


def _plotting(output_dir: Path, report: Report) -> Entry:
    """Returns the step with the results."""
    for entry in report.steps:
        is_finished = entry.state in _FINISHED and (entry.folder / RECORD).exists()
        if entry.stage == "plotting" and is_finished and report.state != "running":
            return entry
    raise InputError(f"output_dir: the run in {output_dir} has no results, expected a finished one")


def _best(report: Report, results: Path) -> tuple[str, list[Trained]]:
    """Returns the best method and its models."""
    content = read_json(results)
    if "combinations" in content:
        raise InputError(f"{results}: a sweep has no single best model, expected one combination")
    method = (content.get("best") or {}).get("method")
    if method is None:
        raise InputError(f"{results}: names no best method, expected methods that were trained")
    members = content["limits"][method]["members"]
    used = {f"{method}_{one['member']}" for one in members}
    models = {Path(one.folder).name: one for one in _models(report)}
    if missing := sorted(used - set(models)):
        raise InputError(f"{results}: the model {missing[0]} is not there any more")
    return method, [models[name] for name in sorted(used)]


def _models(report: Report) -> Iterator[Trained]:
    """Yields the models that steps have trained."""
    for entry in report.steps:
        if entry.state in _FINISHED and (entry.folder / RECORD).exists():
            model = Record.read(entry.folder / RECORD).model
            if model and (entry.folder / model.folder).is_dir():
                yield replace(model, folder=str(entry.folder / model.folder))
