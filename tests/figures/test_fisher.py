import numpy as np
import pytest
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.typing import NDArray

from madminer_workflow import figures
from madminer_workflow.statistics import FisherInformation
from madminer_workflow.statistics.teststatistic import P_68, threshold

Floats = NDArray[np.float64]

MATRIX = np.array([[25.0, 3.0, 2.0], [3.0, 4.0, 1.0], [2.0, 1.0, 9.0]])
NAMES = ("c_eu", "c_ed", "c_qe")


def make_information(name: str, matrix: Floats) -> FisherInformation:
    return FisherInformation(name, np.full(len(matrix), 0.5), matrix, 0.1 * np.abs(matrix), "")


def contour_extents(figure: Figure, number: int) -> list[Floats]:
    sets = [a for a in figure.axes[number].collections if isinstance(a, QuadContourSet)]
    return [np.ptp(np.concatenate([p.vertices for p in s.get_paths()]), axis=0) for s in sets]


@pytest.mark.parametrize("n", [2, 3])
def test_ellipses_have_the_profiled_extent_on_the_right_axes(n: int) -> None:
    information = make_information("full", MATRIX[:n, :n])
    figure = figures.fisher([information, make_information("sally", MATRIX[:n, :n] / 2)], NAMES[:n])
    assert information.covariance is not None
    expected = 2.0 * np.sqrt(threshold(P_68, 2) * np.diag(information.covariance))
    planes = [(0, 1), (0, 2), (1, 2)] if n == 3 else [(0, 1)]
    assert len(figure.axes) == len(planes)
    for number, plane in enumerate(planes):
        full, sally = contour_extents(figure, number)
        np.testing.assert_allclose(full, expected[list(plane)], rtol=1e-2)
        np.testing.assert_allclose(sally, np.sqrt(2.0) * full, rtol=1e-2)


def test_what_does_not_measure_a_direction_is_a_band() -> None:
    gradient = np.array([5.0, 1.0])
    limits = [make_information("full", MATRIX[:2, :2])]
    limits.append(make_information("rate", np.outer(gradient, gradient)))
    figure = figures.fisher(limits, NAMES[:2])
    axes = figure.axes[0]
    sets = [a for a in axes.collections if isinstance(a, QuadContourSet)]
    points = np.concatenate([path.vertices for path in sets[1].get_paths()]) - 0.5
    np.testing.assert_allclose((points @ gradient) ** 2, threshold(P_68, 2), rtol=0.02)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["full (upper bound)", "rate only"]
    assert axes.get_xlabel() == r"$c_{\mathrm{eu}}$"
    figure.draw_without_rendering()


def test_one_parameter_gives_bars() -> None:
    informations = [make_information(name, MATRIX[:1, :1]) for name in ("full", "rate", "m_ll")]
    axes = figures.fisher(informations, NAMES[:1]).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [25.0] * 3
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["full (upper bound)", "rate only", "m_ll"]
    assert axes.get_xlabel() == r"Fisher information on $c_{\mathrm{eu}}$"


def test_only_singular_informations_are_drawn_too() -> None:
    figures.fisher([make_information("rate", np.ones((2, 2)))], NAMES[:2]).draw_without_rendering()
