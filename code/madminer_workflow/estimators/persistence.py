"""Models as files: a description in JSON, and beside it what the model has learned."""

from __future__ import annotations

from pathlib import Path

from madminer_workflow.errors import InputError
from madminer_workflow.estimators.model import TrainedModel, model_class
from madminer_workflow.estimators.registry import METHODS, of_own
from madminer_workflow.storage import read_json, write_json

__all__ = ["DESCRIPTION", "load", "save"]

DESCRIPTION = "model.json"

_OF_SPEC = ("kind", "weighted")


def save(model: TrainedModel, folder: str | Path) -> None:
    """Writes a model.

    Args:
        model: The model.
        folder: The folder to write into.
    """
    facts = {name: getattr(model.spec, name) for name in _OF_SPEC}
    write_json(Path(folder) / DESCRIPTION, facts | model.description.record())
    model.write(Path(folder))


def load(folder: str | Path) -> TrainedModel:
    """Returns the model that `save` wrote, of the class that belongs to its method.

    Args:
        folder: Its folder.

    Raises:
        InputError: A file is missing or damaged.
    """
    path = Path(folder) / DESCRIPTION
    record = read_json(path)
    if not isinstance(record, dict):
        raise InputError(f"{path}: not the description of a model")
    try:
        facts = {name: record.pop(name) for name in _OF_SPEC}
        spec = METHODS.get(record["method"]) or of_own(record["method"], **facts)
        family = model_class(spec, record.get("estimator", "parameterized"))
        return family.read(Path(folder), record)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the description of a model ({error})") from error
