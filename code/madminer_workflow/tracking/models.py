"""Models in the store of MLflow, and names under which others find them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from madminer_workflow.tracking import flavour
from madminer_workflow.tracking.log import Trained

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

__all__ = ["log_model", "register"]


def log_model(client: MlflowClient, run: Run, name: str, models: Sequence[Trained]) -> str:
    """Logs models that are averaged as one, the output of a run.

    Args:
        client: The client of the store.
        run: The run.
        name: What the model is called in the run.
        models: The models; their folders are absolute, or start from the working directory.

    Returns:
        Its identifier; `models:/<identifier>` is its URI.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    run_id = run.info.run_id
    logged = client.create_logged_model(run.info.experiment_id, name, source_run_id=run_id)
    described = Model(
        artifact_path=logged.artifact_location,
        run_id=run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
    )
    with tempfile.TemporaryDirectory(prefix="madminer-workflow-") as scratch:
        folder = Path(scratch) / "model"
        flavour.write(described, [Path(one.folder) for one in models], models[0].example, folder)
        client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, models=[LoggedModelOutput(logged.model_id, 0)])
    return str(logged.model_id)


def register(client: MlflowClient, run: Run, model_id: str, name: str, alias: str) -> str:
    """Gives a logged model the next version of a name, and an alias.

    Args:
        client: The client of the store.
        run: The run that the model belongs to.
        model_id: The identifier of the model.
        name: The name, which is made if it is new.
        alias: The alias, which is taken from the version that has it.

    Returns:
        The version.
    """
    import mlflow

    mlflow.set_tracking_uri(client.tracking_uri)  # MLflow looks the model up there
    try:
        client.get_registered_model(name)
    except mlflow.MlflowException:  # there is none; what else may be wrong is said now
        client.create_registered_model(name)
    found = client.create_model_version(
        name, f"models:/{model_id}", run.info.run_id, model_id=model_id
    )
    client.set_registered_model_alias(name, alias, found.version)
    return str(found.version)
