import numpy as np
import pytest

from madminer_workflow.processes.polynomial import gradients, monomials, squared_modulus


def test_monomials_keep_the_order_constant_linear_quadratic():
    np.testing.assert_array_equal(monomials([[2.0, 3.0, 5.0]]), [[1, 2, 3, 5, 4, 6, 10, 9, 15, 25]])
    np.testing.assert_array_equal(monomials([3.0]), [1, 3, 9])


def test_monomials_of_many_points_are_those_of_each():
    thetas = np.random.default_rng(1).normal(size=(4, 3))
    np.testing.assert_array_equal(monomials(thetas), [monomials(theta) for theta in thetas])


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_gradients_agree_with_differences(n_parameters):
    theta = np.random.default_rng(2).normal(size=n_parameters)
    step = 1e-5 * np.eye(n_parameters)
    differences = (monomials(theta + step) - monomials(theta - step)) / 2e-5
    np.testing.assert_allclose(gradients(theta), differences, atol=1e-9)


def test_squared_modulus_is_that_of_the_sum():
    rng = np.random.default_rng(3)
    amplitudes = rng.normal(size=(5, 3)) + 1j * rng.normal(size=(5, 3))
    theta = np.array([0.7, -1.3])
    expected = np.abs(amplitudes @ [1.0, *theta]) ** 2
    np.testing.assert_allclose(squared_modulus(amplitudes) @ monomials(theta), expected)
