"""The members of ensembles: networks with what they say about the data."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from madminer_workflow.errors import InputError
from madminer_workflow.statistics import AsimovSums, KinematicLikelihood
from madminer_workflow.steps.data import DataSet
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.steps.folds import fold_of_member, set_of_member
from madminer_workflow.storage import read_json

if TYPE_CHECKING:
    from madminer_workflow.estimators import Model

__all__ = ["Member", "model_of", "off", "read_members", "spread_of", "sums_of"]

_LARGEST_EXCESS = 0.3  # of the validation loss, in units of what training after one epoch gains


@dataclass(frozen=True)
class Member:
    """One evaluated network.

    Attributes:
        folder: The folder of its result.
        evaluation: What it says about expected data.
        model: The description of the model.
        history: The course of its training.
    """

    folder: Path
    evaluation: Evaluation
    model: Mapping[str, Any]
    history: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Number of the network."""
        return int(self.model["member"])

    @property
    def weighted(self) -> bool:
        """Whether it has learned from weighted events and is cross-fitted."""
        return bool(self.model["weighted"])

    @property
    def set(self) -> int:
        """Number of the set of networks that evaluate all held-out events: its own, or a fold's."""
        if not self.weighted:
            return self.number
        return set_of_member(self.number, self.model["training"]["n_folds"])

    @property
    def validation_loss(self) -> float:
        """Its validation loss with the weights that it kept."""
        return float(self.history["best_validation_loss"])


def read_members(folders: Sequence[Path]) -> list[Member]:
    """Reads the results of members.

    Args:
        folders: The folders of the results.

    Raises:
        InputError: A folder holds no result, or two hold that of the same member.
    """
    members = [
        Member(
            folder=folder,
            evaluation=Evaluation.load(folder),
            model=read_json(folder / "model" / "model.json"),
            history=read_json(folder / "model" / "history.json"),
        )
        for folder in folders
    ]
    seen: dict[tuple[str, int], Path] = {}
    for member in members:
        key = (member.evaluation.method, member.number)
        if key in seen:
            raise InputError(
                f"{member.folder}: member {key[1]} of {key[0]}, which {seen[key]} holds as well"
            )
        seen[key] = member.folder
    return members


def model_of(members: Sequence[Member]) -> Model:
    """Returns the network of one member, or the average of several.

    Args:
        members: The members of one method.

    Raises:
        InputError: A model cannot be read, or they do not fit together.
    """
    from madminer_workflow.estimators import Ensemble, load

    models = [load(member.folder / "model") for member in members]
    if len(models) == 1:
        return models[0]
    try:
        return Ensemble(models)
    except ValueError as error:
        raise InputError(f"{members[0].folder}: {error}") from error


def sums_of(members: Sequence[Member]) -> AsimovSums | None:
    """Returns the sums over the events of all members, if no two members share events.

    Args:
        members: The members of one method.
    """
    sums = [member.evaluation.sums for member in members if member.evaluation.sums is not None]
    if len(sums) < len(members) or len({_fold(member) for member in members}) < len(members):
        return None
    total = copy.deepcopy(sums[0])
    for other in sums[1:]:
        total.merge(other)
    return total


def spread_of(members: Sequence[Member], data: DataSet) -> list[KinematicLikelihood]:
    """Returns likelihoods that differ as much as those of single members do.

    The members of a cross-fitted set see different events, so it is the mean of theirs that
    counts. Where there is only one set, the spread of its K members, each with 1/K of the events,
    is that of their mean times the root of K.

    Args:
        members: The members of one method.
        data: The data, for which all were evaluated.
    """
    sets: dict[int, list[Member]] = {}
    for member in members:
        sets.setdefault(member.set, []).append(member)
    groups = list(sets.values())
    if len(groups) == 1 and len(members) > 1:
        mean = _mean(members, data)
        shrink = 1.0 / math.sqrt(len(members))
        singles = [_mean([member], data) for member in members]
        return [
            KinematicLikelihood(one.n_events, mean.plug_in + shrink * (one.plug_in - mean.plug_in))
            for one in singles
        ]
    return [_mean(group, data) for group in groups]


def off(members: Sequence[Member]) -> Iterator[Member]:
    """Yields the members whose training has failed, as their validation losses tell.

    Members without losses, which estimators of one's own need not report, tell nothing. Losses are
    compared among members with the same validation samples: the best of them sets the
    standard, and what it has gained since its first epoch is the unit.

    Args:
        members: The members of one method.
    """
    members = [member for member in members if member.history["best_validation_loss"] is not None]
    for member in members:
        alike = [m for m in members if not member.weighted or _fold(m) == _fold(member)]
        best = min(alike, key=lambda other: other.validation_loss)
        gain = float(best.history["validation_loss"][0]) - best.validation_loss
        if member.validation_loss - best.validation_loss > _LARGEST_EXCESS * gain:
            yield member


def _fold(member: Member) -> int:
    """Returns the fold that a cross-fitted member leaves out."""
    return fold_of_member(member.number, member.model["training"]["n_folds"])


def _mean(members: Sequence[Member], data: DataSet) -> KinematicLikelihood:
    """Returns the mean log-likelihood of some members."""
    likelihoods = [member.evaluation.likelihood(data) for member in members]
    mean = np.mean([one.log_likelihood for one in likelihoods], axis=0)
    return KinematicLikelihood(data.n_events, mean)
