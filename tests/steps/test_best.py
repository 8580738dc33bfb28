from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.estimators.registry import METHODS
from madminer_workflow.events import Events
from madminer_workflow.steps import best as module
from madminer_workflow.steps.best import Contest, best
from madminer_workflow.steps.combine import Combination, combine_members
from madminer_workflow.steps.evaluate import Part, evaluate
from madminer_workflow.steps.members import Member

Floats = NDArray[np.float64]
Compare = Callable[..., dict[str, Contest]]


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Compare:
    """A function that ranks models which were never trained."""

    def make(
        configuration: Configuration,
        events: Events,
        models: Sequence[Any],
        criterion: str,
        others: Any = None,
    ) -> dict[str, Contest]:
        by_method = {model.method: model for model in models}
        monkeypatch.setattr(
            module, "model_of", lambda members: by_method[members[0].evaluation.method]
        )
        members = [
            Member(
                folder=Path("folder"),
                evaluation=evaluate(configuration, model, events),
                model={"member": 0, "weighted": METHODS[model.method].weighted},
                history={"validation_loss": [1.0, 0.5], "best_validation_loss": 0.5},
            )
            for model in models
        ]
        configuration = replace(configuration, pick_best=criterion)  # type: ignore[arg-type]
        return best(combine_members(configuration, events, members), events, others)

    return make


def bend(size: float) -> Callable[[Floats], Floats]:
    return lambda thetas: size * thetas[:, 0]


@pytest.mark.parametrize("criterion", ["cross_entropy", "closure"])
def test_the_exact_ratio_is_best_and_a_normalisation_costs_nothing(
    configure: Any, drell_yan: Any, truth: Any, compare: Compare, criterion: str
) -> None:
    events = drell_yan("dy1")
    configuration = configure(events.header, methods=["alices", "carl", "sally"])
    models = [
        truth(events.header, "alices"),
        truth(events.header, "carl", bias=bend(0.1)),
        truth(events.header, "sally"),
    ]
    (contest,) = compare(configuration, events, models, criterion).values()
    found = contest.ranking
    assert found.criterion == criterion
    assert {"alices", "carl"} <= {found.method, *found.tied}
    assert found.values["carl"].value == pytest.approx(found.values["alices"].value, rel=1e-9)
    assert list(found.values) == ["alices", "carl", "sally"]
    if criterion == "cross_entropy":
        assert (
            0 < found.values["sally"].difference < 0.2 * (np.log(2) - found.values["alices"].value)
        )


class Skewed:
    """A model whose log r is off in a way that depends on the event."""

    def __init__(self, model: Any, size: float) -> None:
        self._model, self._size = model, size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        wrong = self._size * np.sin(5 * x[:, :1]) * thetas[:, 0]
        return np.asarray(self._model.log_ratio(x, thetas) + wrong)


def test_a_wrong_ratio_is_found_for_each_set_of_data(
    configure: Any, observe: Any, drell_yan: Any, truth: Any, compare: Compare
) -> None:
    events = drell_yan("dy1")
    configuration = configure(
        events.header,
        methods=["carl", "alices"],
        asymptotic_limits={"resolutions": 5, "theta_true": [[0], [0.5]]},
        observed=observe(events.header, events.x[:50]),
    )
    right = truth(events.header, "alices")
    wrong = Skewed(truth(events.header, "carl"), 0.3)
    found = compare(configuration, events, [wrong, right], "cross_entropy")
    assert list(found) == ["expected", "expected_2", "observed"]
    for one in (contest.ranking for contest in found.values()):
        assert (one.method, one.tied) == ("alices", ())
        assert one.values["carl"].difference > 5 * one.values["carl"].error


def test_methods_of_other_settings_are_judged_at_the_same_points(
    configure: Any, drell_yan: Any, truth: Any, compare: Compare
) -> None:
    events = drell_yan("dy1")
    coarse, fine = (
        configure(events.header, methods=["alices"], asymptotic_limits={"resolutions": number})
        for number in (5, 12)
    )
    models = [truth(events.header, "alices")]
    first = compare(coarse, events, models, "cross_entropy")
    alone = compare(fine, events, models, "cross_entropy")["expected"]
    again = compare(fine, events, models, "cross_entropy", first)["expected"]
    assert alone.points.shape != first["expected"].points.shape
    np.testing.assert_array_equal(again.points, first["expected"].points)
    assert again.judged["alices"].value == first["expected"].judged["alices"].value
    other = replace(fine, seed=fine.seed + 1)
    elsewhere = compare(other, events, models, "cross_entropy", first)["expected"]
    assert not elsewhere.is_comparable(again)
    np.testing.assert_array_equal(elsewhere.points, alone.points)


def test_cross_fitted_members_judge_the_events_that_they_have_not_seen(
    configure: Any, toy: Any, oracle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = toy(1)
    rows = np.array([2, 5, 7, 11])
    folds = [np.arange(0, len(events), 2), np.arange(1, len(events), 2)]
    models = [oracle(events, "quadratic", bias=bend(one)) for one in (0.0, 1.0)]
    parts = [Part(m, events.take(f), f) for m, f in zip(models, folds, strict=True)]
    monkeypatch.setattr(module, "held_out", lambda *_: parts)
    points = np.array([[0.0], [0.5]])
    log_p = module._of_ratio(configure(events.header), models[0], events, rows, points)
    expected = models[0].log_ratio(events.x[rows], points)
    expected[1:, 1] += 0.5
    np.testing.assert_allclose(log_p, expected)


def test_nothing_is_best_without_methods(configure: Any, toy: Any) -> None:
    events = toy(1)
    combination = combine_members(configure(events.header), events, [])
    assert isinstance(combination, Combination)
    assert best(combination, events) == {}
