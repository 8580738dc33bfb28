"""The training step: from the samples of one method to one trained network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from madminer_workflow.configuration.model import Learner
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.fitting import Fitted, fit
from madminer_workflow.estimators.history import Progress
from madminer_workflow.estimators.persistence import save
from madminer_workflow.sampling import Samples
from madminer_workflow.steps.folds import fold_of_events, fold_of_member
from madminer_workflow.storage import read_json, staged, write_json

__all__ = ["method_of", "samples_of", "train"]

_N_VALIDATION = 50_000  # events that show the course of a cross-fitted training, which ignores them


def method_of(train_folder: Path) -> str:
    """Returns the method that samples were drawn for.

    Args:
        train_folder: The folder of the samples.

    Raises:
        InputError: The folder holds no samples.
    """
    path = train_folder / "samples.json"
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("method"), str):
        raise InputError(f"{path}: names no method, expected the record of a sampling step")
    return str(record["method"])


def train(
    learner: Learner, train_folder: Path, member: int, output_dir: Path, progress: Progress
) -> tuple[Fitted, Path]:
    """Trains one network and writes it to <output_dir>/models/<method>_<member>.

    Args:
        learner: The method and its settings.
        train_folder: The folder of its samples.
        member: Number of the network in the ensemble.
        output_dir: The folder of the run.
        progress: Called after every epoch.

    Returns:
        The trained model and the course of its training, and the folder.

    Raises:
        InputError: The samples cannot be used.
        RuntimeError: The loss is not a finite number.
    """
    fitted = fit(learner, *samples_of(learner, train_folder, member), member, progress)
    target = output_dir / "models" / f"{learner.name}_{member}"
    with staged(target) as folder:
        save(fitted.model, folder)
        write_json(folder / "history.json", fitted.history)
    return fitted, target


def samples_of(learner: Learner, train_folder: Path, member: int) -> tuple[Samples, Samples]:
    """Returns the samples to learn from and those to validate on.

    Cross-fitted members learn from all folds but their own.

    Args:
        learner: The method and its settings.
        train_folder: The folder of its samples.
        member: Number of the network in the ensemble.

    Raises:
        InputError: The samples cannot be read.
    """
    train = Samples.load(train_folder, "train")
    if not learner.spec.weighted:
        return train, Samples.load(train_folder, "validation")
    n_folds = learner.training.n_folds
    fold_of = fold_of_events(len(train), n_folds, learner.name, learner.seed)
    own = fold_of == fold_of_member(member, n_folds)
    return train.take(np.flatnonzero(~own)), train.take(np.flatnonzero(own)[:_N_VALIDATION])
