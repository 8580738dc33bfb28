import pytest

from madminer_workflow.steps.cost import cpu_seconds

GRID = {"splits": {"test": 0.2}, "asymptotic_limits": {"resolutions": [25, 25]}}


def training(method: str, epochs: int, n_samples: int, n_events: int = 0) -> float:
    settings = {"step": "training", "methods": [method], method: {"training": {"epochs": epochs}}}
    return cpu_seconds(settings, n_events, {method: n_samples}) - 1.5


def test_training_costs_in_proportion_to_samples_and_epochs() -> None:
    assert training("alices", 20, 100_000) == pytest.approx(12.0)
    assert training("alices", 10, 50_000) == pytest.approx(3.0)
    assert training("of_my_own", 10, 100_000) == pytest.approx(2.5)
    own = {"step": "training", "methods": ["own"], "own": {"training": {"seed": 1}}}
    assert cpu_seconds(own, 0, {"own": 100_000}) == pytest.approx(6.5)
    assert training("quadratic", 10, 0, n_events=100_000) == pytest.approx(1.2)


def test_evaluation_costs_in_proportion_to_events_and_grid_points() -> None:
    for method, expected in (("alices", 8.125), ("scandal", 37.5), ("sally", 1.2)):
        settings = {"step": "evaluation", "methods": [method], **GRID}
        assert cpu_seconds(settings, 500_000, {}) - 1.5 == pytest.approx(expected)


def test_other_steps() -> None:
    sampling = {"step": "sampling", "methods": ["alices", "sally"]}
    assert cpu_seconds(sampling, 1000, {"alices": 200_000, "sally": 200_000}) == pytest.approx(3.5)
    plotting = {"step": "plotting", "methods": ["alices", "sally"]}
    assert cpu_seconds(plotting, 1000, {}) == pytest.approx(21.5)
    assert cpu_seconds({}, 1000, {}) == 0.5
