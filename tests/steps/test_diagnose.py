from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.events import Events
from madminer_workflow.steps import diagnose as module
from madminer_workflow.steps.combine import combine_members
from madminer_workflow.steps.diagnose import Diagnosis, diagnose
from madminer_workflow.steps.evaluate import Part, evaluate
from madminer_workflow.steps.members import Member, read_members

Make = Callable[..., Any]


def halved(model: Any) -> Any:
    """The model with half of the log ratio."""

    class Half(type(model)):  # type: ignore[misc]
        def exact_log_ratio(self, x: np.ndarray, thetas: np.ndarray) -> np.ndarray:
            return np.asarray(0.5 * super().exact_log_ratio(x, thetas))

    return Half(model.header, model.method, model.theta_ref)


@pytest.fixture
def diagnosed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Diagnosis]:
    """A function that diagnoses a model which was never trained."""

    def make(configuration: Configuration, events: Events, model: Any) -> Diagnosis:
        monkeypatch.setattr(module, "model_of", lambda members: model)  # noqa: ARG005
        member = Member(
            folder=Path("folder"),
            evaluation=evaluate(configuration, model, events),
            model={"member": 0, "weighted": False},
            history={"validation_loss": [1.0, 0.5], "best_validation_loss": 0.5},
        )
        return diagnose(combine_members(configuration, events, [member]), events)[model.method]

    return make


@pytest.mark.parametrize("method", ["alices", "sally"])
def test_the_exact_ratio_and_score_are_trusted(
    drell_yan: Make, configure: Make, truth: Make, diagnosed: Make, method: str
) -> None:
    events = drell_yan("dy2")
    configuration = configure(events.header, luminosity=3e5, methods=[method])
    found = diagnosed(configuration, events, truth(events.header, method))
    # 50 000 held-out events leave a Monte Carlo error that the verdict may point out.
    assert found.verdict.level in ("trust", "caution")
    accuracy = found.diagnostics.accuracy
    assert accuracy is not None
    np.testing.assert_allclose(accuracy.resolution, 0.0, atol=1e-6)
    if method == "alices":
        assert found.diagnostics.closure.tests.p_values.min() > 1e-5
        assert found.diagnostics.calibration.tests.p_values.min() > 1e-4
        assert found.diagnostics.bias_test.pull < 5
    else:
        assert (found.diagnostics.score_calibration.tests.p_values > 1e-4).all()
        assert found.diagnostics.closure is None


def test_a_wrong_ratio_is_not_trusted(
    drell_yan: Make, configure: Make, truth: Make, diagnosed: Make
) -> None:
    events = drell_yan("dy2")
    configuration = configure(events.header, luminosity=3e5, methods=["alices"])
    found = diagnosed(configuration, events, halved(truth(events.header, "alices")))
    assert found.verdict.level == "distrust"
    assert found.diagnostics.bias_test.pull > 10
    np.testing.assert_allclose(found.diagnostics.accuracy.unexplained, 0.25, atol=0.05)


def test_every_method_of_a_run_is_diagnosed(run: Any) -> None:
    combination = combine_members(run.configuration, run.events, read_members(run.results))
    found = diagnose(combination, run.events)
    assert list(found) == ["alices", "sally"]
    for name, diagnosis in found.items():
        assert diagnosis.diagnostics.method == name
        assert diagnosis.diagnostics.accuracy is None  # nothing is known of a toy
        assert diagnosis.curves.halves.shape == (2, 25)
    without = replace(combination, evaluations={})
    assert diagnose(without, run.events) == {}


def test_more_events_than_enough_are_thinned(
    toy: Make, oracle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = toy(2)
    parts = [Part(oracle(events), events.take(rows), rows) for rows in np.split(np.arange(600), 2)]
    assert module._some(parts) is parts
    monkeypatch.setattr(module, "_N_EVENTS", 250)
    first, second = module._some(parts)
    assert first.rows.tolist() == list(range(0, 300, 3))
    np.testing.assert_array_equal(second.events.x, events.x[300:600:3])
