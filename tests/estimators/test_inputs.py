from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from madminer_workflow.estimators.inputs import ObservableScaler, ParameterScaler
from madminer_workflow.storage import read_json, write_json

RNG = np.random.default_rng(0)
DISTRIBUTIONS = {
    "power law": (1000 * (1 + RNG.pareto(4, 5000)), True),
    "log-normal": (np.exp(RNG.normal(size=5000)), True),
    "gaussian": (RNG.normal(size=5000), False),
    "positive gaussian": (100 + RNG.normal(size=5000), False),
    "angle": (RNG.uniform(0, 2 * np.pi, 5000), False),
    "two tails": (RNG.standard_t(2, 5000), False),
    "multiplicity": (RNG.poisson(3, 5000) + 1.0, False),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_logarithms_are_found_from_the_values(name: str) -> None:
    values, logarithm = DISTRIBUTIONS[name]
    assert ObservableScaler.of(values[:, None]).logarithm == [logarithm]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_what_enters_the_network_has_median_zero_and_width_one(name: str) -> None:
    values, _ = DISTRIBUTIONS[name]
    scaled = ObservableScaler.of(values[:, None])(values[:, None])
    low, median, high = np.quantile(scaled, [0.16, 0.5, 0.84])
    assert median == pytest.approx(0, abs=1e-12)
    assert high - low == pytest.approx(2)


def test_units_do_not_matter() -> None:
    x = np.exp(RNG.normal(size=(1000, 1)))
    np.testing.assert_allclose(
        ObservableScaler.of(1e-15 * x)(1e-15 * x), ObservableScaler.of(x)(x), atol=1e-9
    )


def test_values_far_outside_count_as_the_nearest_value_seen() -> None:
    x = np.stack([np.exp(RNG.normal(size=1000)), RNG.normal(size=1000)], axis=1)
    scaler = ObservableScaler.of(x)
    far = scaler([[-1e300, np.inf], [0.0, -np.inf], [1e300, 0.0]])
    assert np.isfinite(far).all()
    np.testing.assert_array_equal(far[0], scaler([[x[:, 0].min(), x[:, 1].max()]])[0])


def test_constant_observables_and_those_with_one_common_value_are_scaled() -> None:
    x = np.zeros((1000, 2))
    x[:50, 1] = RNG.normal(size=50)
    scaled = ObservableScaler.of(x)(x)
    np.testing.assert_array_equal(scaled[:, 0], 0)
    assert scaled[:, 1].std() == pytest.approx(1)


def test_scalers_survive_json(tmp_path: Path) -> None:
    x = np.exp(RNG.normal(size=(100, 2)))
    observables, parameters = ObservableScaler.of(x), ParameterScaler.standard(x)
    write_json(tmp_path / "scalers.json", {"x": observables, "theta": parameters})
    record = read_json(tmp_path / "scalers.json")
    np.testing.assert_array_equal(ObservableScaler.from_record(record["x"])(x), observables(x))
    np.testing.assert_array_equal(ParameterScaler.from_record(record["theta"])(x), parameters(x))
    assert json.loads(json.dumps(record)) == record


def test_parameters_are_standardised() -> None:
    thetas = RNG.uniform([-1e-7, 100], [1e-7, 300], (1000, 2))
    scaled = ParameterScaler.standard(thetas)(thetas)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_a_parameter_that_never_varies_keeps_its_unit() -> None:
    scaler = ParameterScaler.standard(np.full((10, 1), 0.1))
    np.testing.assert_allclose(scaler([[0.1], [1.1]]), [[0], [1]], atol=1e-12)


def test_parameters_around_a_point_reach_one() -> None:
    scaler = ParameterScaler.around([1, 1], [[0, 1], [4, 1]])
    np.testing.assert_allclose(scaler([[1, 1], [4, 2]]), [[0, 0], [1, 1]])


def test_scores_transform_like_derivatives() -> None:
    scaler = ParameterScaler(np.array([1.0, 2.0]), np.array([0.5, 4.0]))
    step, theta = 1e-6, np.array([[0.3, 0.7]])
    slope = np.array([2.0, -3.0])  # of the function slope * theta
    scaled = scaler(theta)
    derivative = [(slope @ (scaler.scale * step * unit)) / step for unit in np.eye(2)]
    np.testing.assert_allclose(scaler.scale_scores([slope]), [derivative])
    np.testing.assert_allclose(scaler.unscale_scores([derivative]), [slope])
    np.testing.assert_allclose(scaled * scaler.scale + scaler.center, theta)


def test_scores_get_the_mean_square_one() -> None:
    scores = RNG.normal(size=(1000, 2)) * [1e-3, 50]
    scaled = ParameterScaler.of_scores([0, 0], scores).scale_scores(scores)
    np.testing.assert_allclose((scaled**2).mean(axis=0), 1)
