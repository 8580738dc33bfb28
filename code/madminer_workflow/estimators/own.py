"""Estimators of one's own: what a class must do so that it can be named among `methods`.

It inherits from the class for what it estimates, says which samples it needs and which settings it
has, learns in `fit`, and writes and reads itself. Sampling, evaluation, limits, ensembles and
diagnostics follow. `docs/estimators.md` shows an example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.estimators.registry import Kind
from madminer_workflow.estimators.settings import NoSettings
from madminer_workflow.events.forms import form_monomials

if TYPE_CHECKING:
    from typing import Self

    from madminer_workflow.sampling.samples import Samples

__all__ = [
    "DensityEstimator",
    "Estimator",
    "QuadraticEstimator",
    "RatioEstimator",
    "Report",
    "ScoreEstimator",
]

Floats = NDArray[np.float64]

Report = Callable[[int, int, float, float], object]
"""Takes the number of an iteration, how many there will be, training and validation loss."""


class Estimator(ABC):
    """What all estimators of one's own have in common; inherit from one of those below.

    Attributes:
        kind: What it estimates.
        uses_joint_ratio: Whether it learns from the joint ratio; ratios always carry it.
        uses_joint_score: Whether its samples must carry the joint score.
        weighted: Whether it learns from all weighted events instead of unweighted samples; its
            members are then cross-fitted. Ratios only.
        Settings: A frozen dataclass, whose attributes the input file gives below
            `<method>.settings`; `parameter` adds ranges and descriptions.
    """

    kind: ClassVar[Kind]
    uses_joint_ratio: ClassVar[bool] = False
    uses_joint_score: ClassVar[bool] = False
    weighted: ClassVar[bool] = False
    Settings: ClassVar[type] = NoSettings

    @classmethod
    @abstractmethod
    def fit(
        cls, train: Samples, validation: Samples, settings: Any, seed: int, progress: Report
    ) -> Self:
        """Returns the trained estimator.

        Args:
            train: Training samples: observables `x`, parameter points `theta`, and for ratios
                labels `y` (1 for the reference) and joint ratios `r_xz`; `t_xz` and `forms` if they
                are asked for.
            validation: Validation samples.
            settings: The settings, of the class `Settings`.
            seed: Seed of all its random numbers, another one for each member of an ensemble.
            progress: May be told how the training goes.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes what `load` needs, without pickle.

        Args:
            folder: A folder that exists and is empty.
        """

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Returns the estimator that `save` wrote.

        Args:
            folder: The folder.
        """

    def log_ratio_at(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log p(x|theta) / p(x|reference) with one parameter point an event, (event,).

        Args:
            x: Observables, (event, observable).
            thetas: The parameter point of each event, (event, parameter).
        """
        raise NotImplementedError

    def log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log p(x|theta) / p(x|reference) on a grid, (event, theta).

        Override it where a grid can be had faster than point by point.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).
        """
        pairs = np.repeat(x, len(thetas), axis=0), np.tile(thetas, (len(x), 1))
        return self.log_ratio_at(*pairs).reshape(len(x), len(thetas))

    def score(self, x: Floats) -> Floats:
        """Returns the score grad log p(x|theta) at the reference point, (event, parameter).

        Args:
            x: Observables, (event, observable).
        """
        raise NotImplementedError


class RatioEstimator(Estimator):
    """Estimates the ratio; half of the samples are from theta_0, half from the reference."""

    kind: ClassVar[Kind] = "ratio"

    @abstractmethod
    def log_ratio_at(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log p(x|theta) / p(x|reference) with one parameter point an event, (event,).

        Args:
            x: Observables, (event, observable).
            thetas: The parameter point of each event, (event, parameter).
        """


class DensityEstimator(RatioEstimator):
    """Estimates the ratio from samples of theta_0 alone; the reference is `theta_ref[0]`."""

    kind = "density"


class ScoreEstimator(Estimator):
    """Estimates the score at one point; the limit comes from histograms of it."""

    kind = "score"
    uses_joint_score = True

    @abstractmethod
    def score(self, x: Floats) -> Floats:
        """Returns the score grad log p(x|theta) at the reference point, (event, parameter).

        Args:
            x: Observables, (event, observable).
        """


class QuadraticEstimator(RatioEstimator):
    """Estimates the ratio as a quadratic form of the parameters, from weighted events.

    The `forms` of the samples are the weights w(theta) / w(reference) as such forms; what is to be
    learned is their mean given x.

    Attributes:
        theta_ref: The reference point, (parameter,).
        total: The form of the cross section, (entry,): mean of `forms` over events of the
            reference.
    """

    weighted = True

    theta_ref: Floats
    total: Floats

    @abstractmethod
    def forms(self, x: Floats) -> Floats:
        """Returns the coefficients of v_i v_j, i <= j, v = (1, theta - theta_ref), (event, entry).

        Args:
            x: Observables, (event, observable).
        """

    def log_ratio_at(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log r with one parameter point an event, (event,).

        Args:
            x: Observables, (event, observable).
            thetas: The parameter point of each event, (event, parameter).
        """
        monomials = form_monomials(thetas - self.theta_ref)
        return _log_quotient((self.forms(x) * monomials).sum(axis=1), monomials @ self.total)

    def log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log r on a grid, (event, theta), from the form of each event.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).
        """
        monomials = form_monomials(thetas - self.theta_ref)
        return _log_quotient(self.forms(x) @ monomials.T, monomials @ self.total)


def _log_quotient(form: Floats, total: Floats) -> Floats:
    """Returns the logarithm of forms, which must be positive, over that of the cross section."""
    return np.asarray(np.log(np.maximum(form, np.finfo(float).tiny)) - np.log(total))
