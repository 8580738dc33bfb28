import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.typing import NDArray

from madminer_workflow import figures
from madminer_workflow.statistics import Limit, grid
from madminer_workflow.statistics.teststatistic import P_68, P_95, threshold

Floats = NDArray[np.float64]

TRUE, FITTED = 0.25, -0.5


def bowl(name: str, n: int, centre: float, observed: bool = False, width: float = 1.0) -> Limit:
    """A limit whose contours are circles of radius width * sqrt(level) / 3."""
    axes = grid.axes([(-3.0, 3.0)] * n, [13] * n)
    q = 9.0 * ((grid.points(axes) - centre) ** 2).sum(axis=1) / width**2
    theta_true = np.full(n, np.nan if observed else centre)
    return Limit(name, ("c_u", "c_d", "c_e")[:n], axes, theta_true, 5e3, q, 0.0 * q)


def draw(n: int, *, exact: bool = True) -> Figure:
    expected = [bowl("alices", n, TRUE), bowl("sally", n, TRUE, width=1.2)]
    observed = [bowl("sally", n, FITTED, True, 1.1), bowl("alices", n, FITTED, True)]
    both = (bowl("exact", n, TRUE), bowl("exact", n, FITTED, True, 0.9)) if exact else ()
    return figures.observed(expected, observed, "full", *both, units={"c_u": "TeV"})


def contour_sets(axes: Axes) -> list[QuadContourSet]:
    return [artist for artist in axes.collections if isinstance(artist, QuadContourSet)]


def radii(contours: QuadContourSet, centre: float) -> Floats:
    points = np.concatenate([path.vertices for path in contours.get_paths()])
    return np.hypot(*(points - centre).T)


def marked(axes: Axes, marker: str) -> list[list[float]]:
    return [line.get_xydata()[0].tolist() for line in axes.lines if line.get_marker() == marker]


def test_expected_regions_are_filled_and_borders_of_observed_ones_drawn() -> None:
    axes = draw(2).axes[1]
    assert axes.get_title() == "SALLY"
    filled, *borders = contour_sets(axes)
    assert filled.filled
    levels = [threshold(p_value, 2) for p_value in (P_68, P_95)]
    np.testing.assert_allclose(filled.levels, [-1.0, *levels])
    widest = 1.2 * np.sqrt(levels[1]) / 3.0
    assert radii(filled, TRUE).max() == pytest.approx(widest, abs=1e-3)
    expected = [(width, level) for width in (0.9, 1.1) for level in levels]  # exact, SALLY
    for border, (width, level) in zip(borders, expected, strict=True):
        assert not border.filled
        np.testing.assert_allclose(radii(border, FITTED), width * np.sqrt(level) / 3.0, atol=1e-3)


def test_the_true_point_is_that_of_the_expected_and_best_fits_those_of_the_observed_data() -> None:
    for n in (1, 2):
        axes = draw(n).axes[0]
        y = [[0.0], [TRUE]][n - 1]
        np.testing.assert_allclose(marked(axes, "*"), [[TRUE, *y]])
        fitted = [[FITTED, *([0.0] if n == 1 else [FITTED])]]
        np.testing.assert_allclose(marked(axes, "s"), fitted, atol=1e-5)
        np.testing.assert_allclose(marked(axes, "X"), fitted, atol=1e-5)


def test_curves_of_one_parameter() -> None:
    axes = draw(1).axes[0]
    expected, exact, observed = (
        line for line in axes.lines if len(np.atleast_1d(line.get_xdata())) > 2
    )
    assert [line.get_linestyle() for line in (expected, exact, observed)] == ["--", "-", "-"]
    for line, centre, width in (
        (expected, TRUE, 1.0),
        (exact, FITTED, 0.9),
        (observed, FITTED, 1.0),
    ):
        x, q = line.get_xydata().T
        np.testing.assert_allclose(q, 9.0 * (x - centre) ** 2 / width**2, atol=1e-6)
    assert axes.get_ylabel() == "$q$"


@pytest.mark.parametrize(("n", "planes"), [(1, 1), (2, 1), (3, 3)])
def test_every_method_has_its_panels_the_exact_likelihood_the_last_ones(
    n: int, planes: int
) -> None:
    titles = [axes.get_title() for axes in draw(n).axes]
    assert titles == ["ALICES"] * planes + ["SALLY"] * planes + ["exact"] * planes
    assert len(draw(n, exact=False).axes) == 2 * planes
    assert len(contour_sets(draw(2).axes[2])) == 3  # the exact one is not drawn twice


def test_legend_title_and_axes() -> None:
    figure = draw(2)
    assert figure.get_suptitle() == (
        "Expected and observed limits, kinematics and rate, 5 fb$^{-1}$"
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "exact, observed",
        *("expected 68 %", "expected 95 %", "observed 68 %", "observed 95 %"),
        *("best fit to data", "assumed truth"),
    ]
    assert figure.axes[0].get_xlabel() == r"$c_{\mathrm{u}}$ [TeV]"
    assert figure.axes[0].get_ylabel() == r"$c_{\mathrm{d}}$"
    one = [text.get_text() for text in draw(1, exact=False).legends[0].get_texts()]
    assert one == ["expected", "observed", "best fit to data", "assumed truth"]


def test_methods_without_both_limits_or_without_exclusion_are_left_out() -> None:
    expected, observed = bowl("alices", 2, TRUE), bowl("sally", 2, FITTED, True)
    with pytest.raises(ValueError, match="nothing to draw"):
        figures.observed([expected], [observed], "full")
    with pytest.raises(ValueError, match="nothing to draw"):
        figures.observed([expected], [bowl("alices", 2, FITTED, True)], "kinematics")
