import numpy as np

from madminer_workflow.statistics.diagnostics import accuracy


def test_bias_resolution_and_unexplained_variance() -> None:
    rng = np.random.default_rng(1)
    exact = rng.normal(size=(100_000, 2)) * [1.0, 2.0]
    learned = exact + [0.1, -0.2] + 0.5 * rng.normal(size=exact.shape)
    found = accuracy(learned, exact, rng.exponential(size=len(exact)))
    np.testing.assert_allclose(found.bias, [0.1, -0.2], atol=0.01)
    np.testing.assert_allclose(found.resolution, 0.5, atol=0.01)
    np.testing.assert_allclose(found.unexplained, [0.25, 0.0625], rtol=0.03)


def test_weights_and_values_that_are_not_finite() -> None:
    learned = np.array([[1.0], [3.0], [np.inf]])
    found = accuracy(learned, np.zeros((3, 1)), np.array([3.0, 1.0, 5.0]))
    assert found.bias[0] == 1.5
    assert found.resolution[0] == np.sqrt(0.75)
    assert np.isnan(found.unexplained[0])
