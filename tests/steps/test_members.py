from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration.model import Limits
from madminer_workflow.estimators.registry import METHODS
from madminer_workflow.statistics import KinematicLikelihood
from madminer_workflow.steps.data import DataSet
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.steps.members import Member, off, spread_of

LIMITS = Limits(((0.0, 1.0),), (2,), ((0.0,),), 1.0, (True,))

DATA = DataSet("expected", (0.0,), np.zeros(1), 1.0, 9.0, (True,))


def member(method: str, number: int, **changes: Any) -> Member:
    """A network with the log-likelihood (0, number) and the losses 1.0 and 0.5."""
    likelihood = KinematicLikelihood(9.0, np.array([0.0, number]))
    pairs, likelihoods = (np.zeros(1), np.zeros(1)), {"expected": likelihood}
    evaluation = Evaluation(
        method, LIMITS, 1, {"expected": (0.0,)}, likelihoods, None, None, *pairs, None
    )
    losses = changes.get("losses", (1.0, 0.5))
    return Member(
        folder=Path("folder"),
        evaluation=evaluation,
        model={
            "member": number,
            "weighted": METHODS[method].weighted,
            "training": {"n_folds": changes.get("n_folds", 2)},
        },
        history={"validation_loss": losses, "best_validation_loss": min(losses)},
    )


def spread(members: list[Member]) -> float:
    values = [one.log_likelihood[1] for one in spread_of(members, DATA)]
    return float(np.std(values, ddof=1))


def test_members_of_an_ensemble_spread_as_they_are() -> None:
    members = [member("alices", number) for number in (1, 4, 7)]
    assert [one.log_likelihood[1] for one in spread_of(members, DATA)] == [1, 4, 7]


def test_sets_of_cross_fitted_members_count_as_one() -> None:
    members = [member("quadratic", number) for number in range(6)]
    means = [one.log_likelihood[1] for one in spread_of(members, DATA)]
    assert means == [0.5, 2.5, 4.5]


@pytest.mark.parametrize("n_folds", [2, 3])
def test_the_folds_of_one_set_give_the_error_of_their_mean(n_folds: int) -> None:
    numbers = range(n_folds)
    members = [member("quadratic", number, n_folds=n_folds) for number in numbers]
    assert spread(members) == pytest.approx(np.std(numbers, ddof=1) / np.sqrt(n_folds))


def test_one_member_has_no_spread() -> None:
    assert len(spread_of([member("alices", 0)], DATA)) == 1


def test_a_member_that_gained_little_is_off() -> None:
    good, fair, bad = (
        member("alices", number, losses=(1.0, loss)) for number, loss in enumerate((0.5, 0.6, 0.7))
    )
    assert list(off([good, fair])) == []
    assert [one.number for one in off([bad, good, fair])] == [2]


def test_members_of_different_folds_are_not_compared() -> None:
    low, high = (member("quadratic", n, losses=(1.0, loss)) for n, loss in ((0, 0.1), (1, 0.9)))
    assert list(off([low, high])) == []
    bad = member("quadratic", 2, losses=(1.0, 0.8))
    assert [one.number for one in off([low, high, bad])] == [2]
