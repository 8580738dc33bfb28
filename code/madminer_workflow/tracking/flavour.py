"""Trained models as MLflow has them: a folder that `mlflow.pyfunc.load_model` reads.

MLflow calls `_load_pyfunc` of the installed package with the folders of models that were saved;
nothing is pickled, and nothing is imported before somebody predicts. Several models are averaged.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json
from madminer_workflow.storage.provenance import version

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model as MlflowModel
    from mlflow.models import ModelSignature

    from madminer_workflow.estimators import Model

__all__ = ["THETA", "Predictor", "write"]

THETA = "theta"
"""The parameter of `predict`: the coordinates of one point after another, (theta * parameter,)."""

_DESCRIPTION = "model.json"
_DATA = "models"


class Predictor:
    """What MLflow wraps: a model that takes tables."""

    def __init__(self, model: Model) -> None:
        """Wraps a model.

        Args:
            model: A trained model, or an ensemble.
        """
        self.model = model

    def predict(
        self, observables: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> NDArray[np.float64]:
        """Returns log ratios, or the scores of a method that gives these.

        Args:
            observables: A row an event, a column an observable. With a column a parameter as well,
                these are the point of each event.
            params: `theta` has the points for all events, one after another; they come before
                columns.

        Returns:
            log p(x|theta) / p(x|reference), (event,) with a point an event, otherwise
            (event, theta); or scores, (event, parameter).

        Raises:
            ValueError: No points are given, or not all of their coordinates.
        """
        model, names = self.model, list(self.model.parameters)
        x = observables[list(model.observables)].to_numpy(float)
        if model.kind == "score":
            return model.score(x)
        theta = np.asarray((params or {}).get(THETA, ()), float).ravel()
        has_points = set(names) <= set(observables.columns) - set(model.observables)
        if len(theta) == 0 and has_points:
            return model.log_ratio_at(x, observables[names].to_numpy(float))
        if len(theta) == 0 or len(theta) % len(names):
            raise ValueError(
                f"{THETA}: {len(theta)} numbers, expected points of {', '.join(names)} "
                f"in params={{'{THETA}': [...]}}, or columns of these names"
            )
        return model.log_ratio(x, theta.reshape(-1, len(names)))


def write(
    model: MlflowModel, folders: Sequence[Path], example: Mapping[str, Sequence[float]], to: Path
) -> None:
    """Writes models as MLflow wants them.

    Args:
        model: What MLflow knows of it.
        folders: The folders of the models that are averaged.
        example: Some events, (event,) for each observable.
        to: The folder to write.
    """
    import pandas as pd
    from mlflow import pyfunc

    described = read_json(folders[0] / _DESCRIPTION)
    gathered = to.parent / _DATA
    for number, folder in enumerate(folders):
        shutil.copytree(folder, gathered / f"{number:04}")
    pyfunc.save_model(
        to,
        loader_module=__name__,
        data_path=str(gathered),
        mlflow_model=model,
        signature=_signature(described),
        input_example=_input(described, pd.DataFrame(example, dtype=float)),
        pip_requirements=[f"madminer-workflow-ml=={version()}"],
    )


def _input(
    described: Mapping[str, Any], events: pd.DataFrame
) -> pd.DataFrame | tuple[pd.DataFrame, Mapping[str, Sequence[float]]]:
    """Returns what `predict` can be tried with, as a table where names allow that."""
    if described["kind"] == "score":
        return events
    point = dict(zip(described["parameters"], map(float, described["theta_ref"][0]), strict=True))
    if set(point) & set(described["observables"]):
        return events, {THETA: [*point.values()]}
    return events.assign(**point)


def _signature(described: Mapping[str, Any]) -> ModelSignature:
    """Returns what a model takes and gives."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    observables, is_score = described["observables"], described["kind"] == "score"
    columns = [ColSpec("double", name) for name in observables]
    output = Schema([TensorSpec(np.dtype(float), (-1, len(described["parameters"])), "score")])
    if is_score:
        return ModelSignature(Schema(columns), output)
    names = [name for name in described["parameters"] if name not in observables]
    columns += [ColSpec("double", name, required=False) for name in names]
    output = Schema([TensorSpec(np.dtype(float), (-1,), "log_ratio")])
    points = ParamSpec(THETA, DataType.double, [], (-1,))
    return ModelSignature(Schema(columns), output, ParamSchema([points]))


def _load_pyfunc(path: str) -> Predictor:
    """Returns what `write` wrote, for MLflow."""
    from madminer_workflow.estimators import Ensemble, load

    models = [load(folder) for folder in sorted(Path(path).iterdir())]
    try:
        return Predictor(models[0] if len(models) == 1 else Ensemble(models))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
