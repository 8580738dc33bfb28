"""Models as files: a description in JSON and the weights of the network."""

from __future__ import annotations

from pathlib import Path

from madminer_workflow.errors import InputError
from madminer_workflow.estimators.model import Description, NetworkModel, model_class
from madminer_workflow.storage import read_json, read_weights, write_json, write_weights

__all__ = ["DESCRIPTION", "WEIGHTS", "load", "save"]

DESCRIPTION = "model.json"
WEIGHTS = "weights.pt"


def save(model: NetworkModel, folder: str | Path) -> None:
    """Writes a model.

    Args:
        model: The model.
        folder: The folder to write into.
    """
    write_json(Path(folder) / DESCRIPTION, {"kind": model.kind, **vars(model.description)})
    write_weights(Path(folder) / WEIGHTS, model.network.state_dict())


def load(folder: str | Path) -> NetworkModel:
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
        del record["kind"]
        description = Description.from_record(record)
        model = model_class(description.method, description.estimator)(description)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the description of a model ({error})") from error
    path = Path(folder) / WEIGHTS
    weights = read_weights(path)
    try:
        model.network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path}: not the weights of the network of {DESCRIPTION}") from error
    model.network.eval()
    return model
