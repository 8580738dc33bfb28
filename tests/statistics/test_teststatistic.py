import numpy as np
import pytest
from scipy.stats import chi2, poisson

from madminer_workflow.statistics import teststatistic


def test_rate_term_is_the_poisson_likelihood_ratio() -> None:
    mu = np.array([3.0, 9.5, 12.0, 40.0])
    expected = -2.0 * (poisson.logpmf(12, mu) - poisson.logpmf(12, 12.0))
    np.testing.assert_allclose(teststatistic.rate_term(12.0, mu), expected, atol=1e-12)


def test_rate_term_without_observed_or_predicted_events() -> None:
    np.testing.assert_array_equal(teststatistic.rate_term(0.0, [0.0, 2.5]), [0.0, 5.0])
    np.testing.assert_array_equal(
        teststatistic.rate_term(4.0, [0.0, -1.0, np.nan]), [np.inf, np.inf, np.nan]
    )
    np.testing.assert_array_equal(teststatistic.rate_term(0.0, [-1.0]), [np.inf])


@pytest.mark.parametrize("n", [-1.0, np.inf, np.nan])
def test_impossible_numbers_of_events_are_refused(n: float) -> None:
    with pytest.raises(ValueError, match="observed"):
        teststatistic.rate_term(n, [1.0])


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_p_values_are_those_of_chi_square(n_parameters: int) -> None:
    q = np.array([[0.0, 1.0], [5.0, 200.0]])
    p = teststatistic.p_values(q, n_parameters)
    np.testing.assert_allclose(p, chi2.sf(q, n_parameters), rtol=1e-12)
    for p_value in (teststatistic.P_68, teststatistic.P_95):
        threshold = teststatistic.threshold(p_value, n_parameters)
        assert threshold == pytest.approx(chi2.isf(p_value, n_parameters), rel=1e-12)
    assert teststatistic.p_values(np.inf, n_parameters) == 0.0
