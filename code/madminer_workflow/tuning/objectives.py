"""What a trial is judged by: held-out events, none of which enters limits.

A study has an event file of its own, without the test events of the input file, and divides it once
more in the same way: its own test part judges. So samples, folds and held-out events of a trial are
made by the same steps as those of a run, and nothing in a study can see an event on which limits
are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.configuration.tuning import Objective
from madminer_workflow.estimators import Model
from madminer_workflow.events import Events
from madminer_workflow.sampling import split
from madminer_workflow.seeds import seed
from madminer_workflow.statistics import P_95, fisher, threshold
from madminer_workflow.statistics.ranking import Criterion
from madminer_workflow.steps.best import Contest, judged
from madminer_workflow.steps.evaluate import point_events

__all__ = ["OBJECTIVES", "Judge", "Target", "development"]

Floats = NDArray[np.float64]

_LEAST = 1e-12  # share of the largest eigenvalue below which nothing is measured


def development(configuration: Configuration, events: Events) -> Events:
    """Returns the events of a study: all but the test events of the input file.

    Args:
        configuration: The configuration.
        events: All events of the file.
    """
    partition = split(len(events), configuration.splits, seed(configuration.seed, "split"))
    return events.take(np.sort(np.append(partition.train, partition.validation)))


@dataclass(frozen=True)
class Judge:
    """Judges models by events of a study that no training of it has seen.

    Attributes:
        configuration: The configuration.
        events: The events of the study.
        rows: Those that judge, (event,).
        points: The true point, and those near the border of the 95 % region, (theta, parameter).
    """

    configuration: Configuration
    events: Events
    rows: NDArray[np.int64]
    points: Floats

    @classmethod
    def of(cls, configuration: Configuration, events: Events) -> Judge:
        """Returns the judge of a study.

        Args:
            configuration: The configuration.
            events: The events of the study.
        """
        partition = split(len(events), configuration.splits, seed(configuration.seed, "split"))
        points = _points(configuration, events.take(partition.train))
        return cls(configuration, events, partition.test, points)

    def value(self, criterion: Criterion, model: Model) -> float:
        """Returns what a criterion says about a model; less is better.

        Args:
            criterion: The criterion.
            model: The model, or all networks of an ensemble.
        """
        configuration = replace(self.configuration, pick_best=criterion)
        rate = float(self.events.cross_sections(self.points[:1])[0])
        n_expected = configuration.limits.luminosity_ipb * rate
        contest = Contest(configuration, n_expected, self.points, {})
        return judged(contest, model, self.events, self.rows).value


@dataclass(frozen=True)
class Target:
    """What a study makes small.

    Attributes:
        n_trainings: Number of trainings of a trial, which differ by their seeds.
        value: The value of a trial, a function of the judge and the trained models.
    """

    n_trainings: int
    value: Callable[[Judge, Sequence[Model]], float]


OBJECTIVES: Mapping[Objective, Target] = {
    "cross_entropy": Target(1, lambda judge, models: judge.value("cross_entropy", models[0])),
    "closure": Target(1, lambda judge, models: judge.value("closure", models[0])),
    # A mere distance between trainings would be least for networks that learn nothing.
    "stability": Target(
        2, lambda judge, models: max(judge.value("cross_entropy", one) for one in models)
    ),
}
"""The objectives by their names in the input file."""


def _points(configuration: Configuration, events: Events) -> Floats:
    """Returns the true point and those between which ratios matter, (theta, parameter).

    These are where the Fisher information of the events, latent variables seen, puts the border of
    the 95 % region, both ways along its axes; without morphing the benchmarks.
    """
    truth, header = np.array(configuration.limits.thetas_true[0]), events.header
    if header.morphing is None:
        others = header.benchmark_values
    else:
        near = point_events(truth, configuration.limits.luminosity_ipb, events)
        values, vectors = np.linalg.eigh(fisher.joint(near)[0].matrix)
        values = np.maximum(values, max(float(values.max()), 1e-300) * _LEAST)
        steps = np.sqrt(threshold(P_95, len(truth)) / values)[:, None] * vectors.T
        low, high = np.array(configuration.limits.region).T
        others = np.clip(np.vstack([truth + steps, truth - steps]), low, high)
    distinct = others[(others != truth).any(axis=1)]
    return np.vstack([truth, np.unique(distinct, axis=0)])
