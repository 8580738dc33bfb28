from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.typing import NDArray

from madminer_workflow import figures
from madminer_workflow.statistics import KinematicLikelihood, Limit, Scan, combine, grid, rate_limit
from madminer_workflow.statistics.teststatistic import P_68, P_95, p_values, threshold

Floats = NDArray[np.float64]
Draw = Callable[..., Figure]

RESOLUTIONS = (9, 14, 6)
NAMES = ("c_eu", "CWL2", "my_long_name")
LABELS = [r"$c_{\mathrm{eu}}$", "CWL2", "my_long_name"]
TRUE = np.array([0.2, -0.5, 0.3])


def make_scan(n: int) -> Scan:
    axes = grid.axes([(-1.5, 2.5), (-4.0, 3.5), (-1.0, 2.0)][:n], RESOLUTIONS[:n])
    predicted = 100.0 * np.exp(0.3 * grid.points(axes)[:, 0])
    return Scan(NAMES[:n], axes, TRUE[:n], 36e3, float(100.0 * np.exp(0.06)), predicted)


def make_limit(name: str, n: int, q: Callable[..., Floats]) -> Limit:
    scan = make_scan(n)
    return combine(scan, name, KinematicLikelihood(100.0, -0.5 * q(*grid.points(scan.axes).T)))


def bowl(name: str, n: int, shift: float = 0.0) -> Limit:
    width = np.array([0.3, 0.9, 0.4])[:n]

    def q(*theta: Floats) -> Floats:
        difference = (np.stack(theta, axis=1) - TRUE[:n] - shift) / width
        return np.asarray((difference**2).sum(axis=1) + 0.5 * difference[:, 0] * difference[:, -1])

    return make_limit(name, n, q)


def contour_points(axes: Axes) -> list[Floats]:
    return _vertices([s for s in _contour_sets(axes) if not s.filled])


def band_points(axes: Axes) -> list[Floats]:
    return _vertices([s for s in _contour_sets(axes) if s.filled])


def _contour_sets(axes: Axes) -> list[QuadContourSet]:
    return [artist for artist in axes.collections if isinstance(artist, QuadContourSet)]


def _vertices(sets: list[QuadContourSet]) -> list[Floats]:
    return [np.concatenate([path.vertices for path in s.get_paths()]) for s in sets]


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(("parameter", "centre"), [(0, 0.2), (1, -0.5)])
def test_contours_are_not_transposed(parameter: int, centre: float) -> None:
    limit = make_limit("alices", 2, lambda *theta: ((theta[parameter] - centre) / 0.25) ** 2)
    figure = figures.limits([limit], "kinematics")
    dashed, solid = contour_points(figure.axes[0])
    for points, p_value in ((dashed, P_68), (solid, P_95)):
        distance = 0.25 * np.sqrt(threshold(p_value, 2))
        np.testing.assert_allclose(np.abs(points[:, parameter] - centre), distance, atol=0.02)
    low, high = limit.axes[1 - parameter][[0, -1]]
    assert np.ptp(solid[:, 1 - parameter]) == pytest.approx(high - low)


@pytest.mark.parametrize("parameter", [0, 1])
def test_maps_are_not_transposed(parameter: int) -> None:
    limit = make_limit("alices", 2, lambda *theta: ((theta[parameter] - 0.2) / 0.25) ** 2)
    axes = figures.separate([limit], "kinematics").axes[0]
    (mesh,) = [artist for artist in axes.collections if isinstance(artist, QuadMesh)]
    p = np.asarray(mesh.get_array())
    corners = mesh.get_coordinates()
    assert np.ptp(p, axis=1 - parameter).min() > 0.9  # rows are the vertical axis
    assert np.ptp(p, axis=parameter).max() < 1e-9
    centres = 0.25 * (corners[1:, 1:] + corners[1:, :-1] + corners[:-1, 1:] + corners[:-1, :-1])
    expected = p_values(((centres[..., parameter] - 0.2) / 0.25) ** 2, 2)
    np.testing.assert_allclose(p, np.maximum(expected, 1e-3), atol=1e-6)


def test_every_pair_of_a_corner_has_the_right_axes() -> None:
    figure = figures.limits([bowl("alices", 3)], "full", bowl("exact", 3))
    assert len(figure.axes) == 6
    panels = {
        (a.get_subplotspec().rowspan.start, a.get_subplotspec().colspan.start): a
        for a in figure.axes
    }
    extent = {
        place: np.ptp(contour_points(axes)[1], axis=0)
        for place, axes in panels.items()
        if place[0] != place[1]
    }
    # the extent of the 95 % region in a parameter does not depend on what it is paired with
    assert extent[1, 0][0] == pytest.approx(extent[2, 0][0], rel=0.02)
    assert extent[1, 0][1] == pytest.approx(extent[2, 1][0], rel=0.02)
    assert extent[2, 0][1] == pytest.approx(extent[2, 1][1], rel=0.02)
    assert [panels[2, column].get_xlabel() for column in range(3)] == LABELS
    assert panels[1, 0].get_ylabel() == LABELS[1]
    assert panels[2, 0].get_ylabel() == LABELS[2]


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("draw", [figures.limits, figures.separate, figures.p_values])
def test_axes_carry_parameter_names_and_units(draw: Draw, n: int) -> None:
    units = {"c_eu": "TeV$^{-2}$"}
    figure = draw([bowl("alices", n), bowl("sally", n, 0.1)], "full", bowl("exact", n), units)
    labels = {label for a in figure.axes for label in (a.get_xlabel(), a.get_ylabel())}
    assert {r"$c_{\mathrm{eu}}$ [TeV$^{-2}$]", *LABELS[1:n]} <= labels
    figure.draw_without_rendering()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_legend_has_one_entry_a_method_and_explains_lines(n: int) -> None:
    limits = [bowl("alices", n), bowl("sally", n, 0.1), rate_limit(make_scan(n))]
    with_rate = legend_texts(figures.limits(limits, "full", bowl("exact", n)))
    regions = ["68 %", "95 %"] if n > 1 else []
    assert with_rate == [
        *("ALICES", "SALLY", "rate only", "exact", "best fit", "truth"),
        *regions,
    ]
    without = legend_texts(figures.limits(limits, "kinematics"))
    assert without == ["ALICES", "SALLY", "best fit", "truth", *regions]
    p_legend = legend_texts(figures.p_values(limits, "full", bowl("exact", n)))
    assert p_legend == ["ALICES", "SALLY", "rate only", "exact"]


def test_best_fits_lie_between_grid_points_inside_their_contours() -> None:
    limit = bowl("alices", 2, 0.11)
    axes = figures.limits([limit], "kinematics").axes[0]
    (marker,) = [line for line in axes.lines if line.get_marker() == "s"]
    np.testing.assert_allclose(marker.get_xydata()[0], TRUE[:2] + 0.11, atol=1e-4)
    np.testing.assert_allclose(contour_points(axes)[0].mean(axis=0), TRUE[:2] + 0.11, atol=0.05)
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    np.testing.assert_allclose(star.get_xydata()[0], TRUE[:2])


def test_regions_fill_the_figure_and_an_unconstrained_one_does_not_shrink_them() -> None:
    alices, rate = bowl("alices", 2), rate_limit(make_scan(2))
    for limits, parameters in (([alices], (0, 1)), ([alices, rate], (1,))):
        axes = figures.limits(limits, "full").axes[0]
        extent = np.ptp(contour_points(axes)[1], axis=0)
        shown = (np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim()))
        assert all(extent[number] > 0.75 * shown[number] for number in parameters)
    assert figures.limits([rate], "full").axes[0].get_ylim() == (-4.0, 3.5)


def test_curves_of_one_parameter_reach_zero_at_the_best_fit() -> None:
    axes = figures.limits([bowl("alices", 1, 0.13)], "kinematics").axes[0]
    curve = axes.lines[0].get_xydata()
    assert curve[curve[:, 1].argmin(), 0] == pytest.approx(TRUE[0] + 0.13, abs=0.01)
    # a bowl of one parameter has the cross term with itself
    expected = 1.5 * ((curve[:, 0] - TRUE[0] - 0.13) / 0.3) ** 2
    np.testing.assert_allclose(curve[:, 1], expected, atol=1e-6)


def test_separate_has_a_panel_a_method_or_a_row_for_many_parameters() -> None:
    for n, panels in ((1, 2), (2, 2 + 1), (3, 2 * 3 + 1)):  # and a colour bar
        limits = [bowl("alices", n), bowl("sally", n), rate_limit(make_scan(n))]
        figure = figures.separate(limits, "kinematics", bowl("exact", n))
        assert len(figure.axes) == panels
        assert {"ALICES", "SALLY"} <= {axes.get_title() for axes in figure.axes}


def test_p_values_of_each_parameter_are_profiled_with_one_degree_of_freedom() -> None:
    limit = bowl("alices", 2)
    axes = figures.p_values([limit], "kinematics").axes[1]
    curve = axes.lines[0].get_xydata()
    # the profile of x^2 + y^2 + x y / 2 over x is 15/16 y^2
    y = (curve[:, 0] - TRUE[1]) / 0.9
    expected = p_values(15.0 / 16.0 * y**2, 1)
    shown = expected > 1e-3
    np.testing.assert_allclose(curve[shown, 1], expected[shown], rtol=1e-3)


def test_observed_data_have_no_true_point() -> None:
    scan = make_scan(2)
    limit = bowl("alices", 2)
    observed = Limit.from_arrays(limit.arrays() | {"theta_true": np.full(2, np.nan)})
    figure = figures.limits([observed], "full")
    assert "truth" not in legend_texts(figure)
    assert figure.axes[0].get_title().startswith("Observed limits")
    assert scan.parameters == observed.parameters


def test_an_overview_shows_kinematics_and_full_side_by_side() -> None:
    limits = [bowl("alices", 2), rate_limit(make_scan(2))]
    figure = figures.overview(limits, bowl("exact", 2))
    assert [axes.get_title() for axes in figure.axes] == [
        "Expected limits, kinematics only, 36 fb$^{-1}$",
        "Expected limits, kinematics and rate, 36 fb$^{-1}$",
    ]
    assert legend_texts(figure)[:3] == ["ALICES", "rate only", "exact"]
    with pytest.raises(ValueError, match="one or two"):
        figures.overview([bowl("alices", 3)])


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        figures.limits([rate_limit(make_scan(2))], "kinematics")


@pytest.mark.parametrize(("n", "n_planes"), [(1, 0), (2, 1), (3, 3)])
def test_the_p_values_of_one_method_can_be_the_background(n: int, n_planes: int) -> None:
    limits = [bowl("alices", n), bowl("sally", n, 0.2)]
    figure = figures.limits(limits, "full", background="sally")
    maps = [a for axes in figure.axes for a in axes.collections if isinstance(a, QuadMesh)]
    profiled = " (profiled)" if n == 3 else ""
    bars = [axes for axes in figure.axes if f"p-value of SALLY{profiled}" in _labels(axes)]
    assert len(bars) == (n_planes > 0)
    assert len(maps) == n_planes + len(bars)  # a colour bar is a mesh too
    figure.draw_without_rendering()
    without = figures.limits(limits, "full", background="not shown")
    assert not any(isinstance(a, QuadMesh) for axes in without.axes for a in axes.collections)


def _labels(axes: Axes) -> tuple[str, str]:
    return axes.get_xlabel(), axes.get_ylabel()


def uncertain(limit: Limit, error: float | None, spread: float | None) -> Limit:
    """The limit with the same uncertainties at all points."""
    error_array, spread_array = (
        None if std is None else np.full(len(limit.q_full), std) for std in (error, spread)
    )
    return replace(
        limit,
        q_full_mc_std=error_array,
        q_kinematics_mc_std=error_array,
        q_full_std=spread_array,
        q_kinematics_std=spread_array,
    )


def round_bowl(name: str = "alices") -> Limit:
    """A limit whose contours are circles of radius sqrt(level) / 2."""
    axes = grid.axes([(-2.0, 2.0), (-2.0, 2.0)], (17, 17))
    q = 4.0 * (grid.points(axes) ** 2).sum(axis=1)
    return Limit(name, NAMES[:2], axes, np.zeros(2), 36e3, q, q)


def radii(points: Floats) -> Floats:
    return np.unique(np.hypot(*points[np.any(points != 0.0, axis=1)].T).round(3))


@pytest.mark.parametrize("total", [1.3, 0.01, 1e-4])
def test_the_band_of_a_contour_ends_where_q_is_a_standard_deviation_off(total: float) -> None:
    limit = uncertain(round_bowl(), 0.6 * total, 0.8 * total)
    for axes in (figures.limits([limit], "full").axes[0], *figures.overview([limit]).axes):
        (band,) = band_points(axes)
        r = np.hypot(*band.T)
        low, high = np.sqrt(threshold(P_95, 2) + total * np.array([-1.0, 1.0])) / 2.0
        inside = r < np.sqrt(threshold(P_95, 2)) / 2.0
        np.testing.assert_allclose(r[inside], low, atol=2e-5)
        np.testing.assert_allclose(r[~inside], high, atol=2e-5)
        assert inside.sum() > 100
        assert (~inside).sum() > 100


def test_separate_shows_both_uncertainties_of_both_regions() -> None:
    limit = uncertain(round_bowl(), 0.3, 0.4)
    axes = figures.separate([limit], "kinematics", round_bowl("exact")).axes[0]
    bands = band_points(axes)
    expected = [(p_value, std) for std in (0.5, 0.3) for p_value in (P_68, P_95)]
    assert len(bands) == len(expected)
    for band, (p_value, std) in zip(bands, expected, strict=True):
        r = np.hypot(*band.T)
        ends = np.sqrt(threshold(p_value, 2) + std * np.array([-1.0, 1.0])) / 2.0
        np.testing.assert_allclose([r.min(), r.max()], ends, atol=1e-4)
    light, _, dark, _ = (s for s in _contour_sets(axes) if s.filled)
    assert light.get_alpha() < dark.get_alpha()


def test_bands_of_one_parameter_are_a_standard_deviation_of_q_wide() -> None:
    limit = uncertain(bowl("alices", 1), 0.3, 0.4)
    axes = figures.limits([limit, bowl("sally", 1)], "kinematics").axes[0]
    (band,) = [a for a in axes.collections if isinstance(a, PolyCollection)]
    x, q = axes.lines[0].get_xydata().T
    points = np.concatenate([path.vertices for path in band.get_paths()])
    for limit_of_band in (q + 0.5, np.maximum(q - 0.5, 0.0)):
        distance = np.abs(points[:, None] - np.stack([x, limit_of_band], axis=1)).max(axis=2)
        assert distance.min(axis=0).max() < 1e-9


def test_bands_of_p_values_are_those_of_q() -> None:
    limit = uncertain(bowl("alices", 1), 0.3, 0.4)
    axes = figures.separate([limit], "full").axes[0]
    x, _ = axes.lines[0].get_xydata().T
    q = np.interp(x, *figures.limits([limit], "full").axes[0].lines[0].get_xydata().T)
    bands = [a for a in axes.collections if isinstance(a, PolyCollection)]
    for band, std in zip(bands, (0.5, 0.3), strict=True):
        points = np.concatenate([path.vertices for path in band.get_paths()])
        at = np.argmax(q)
        ends = np.unique(points[np.isclose(points[:, 0], x[at]), 1])
        expected = np.maximum(p_values(q[at] + std * np.array([1.0, -1.0]), 1), 1e-4)
        np.testing.assert_allclose(ends, np.unique(expected), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(
    ("error", "spread", "together", "separately"),
    [
        (None, None, [], []),
        (0.1, None, ["MC"], ["MC"]),
        (None, 0.1, ["members"], ["members"]),
        (0.1, 0.1, [r"MC $\oplus$ members"], [r"MC $\oplus$ members", "MC"]),
    ],
)
def test_legends_say_what_bands_mean(
    n: int, error: float | None, spread: float | None, together: list[str], separately: list[str]
) -> None:
    limits = [uncertain(bowl("alices", n), error, spread), bowl("sally", n)]
    for figure, names in (
        (figures.limits(limits, "full"), together),
        (figures.separate(limits, "full", bowl("exact", n)), separately),
    ):
        shown = [text for text in legend_texts(figure) if "sigma" in text]
        assert shown == [rf"$\pm 1\sigma$ {name}" for name in names]


def test_an_unknown_or_vanishing_uncertainty_has_no_band() -> None:
    limit = round_bowl()
    for std in (None, 0.0, np.nan):
        assert band_points(figures.separate([uncertain(limit, std, None)], "full").axes[0]) == []


def test_a_corner_has_a_band_in_every_panel() -> None:
    limit = uncertain(bowl("alices", 3), 0.3, 0.4)
    panels = figures.limits([limit], "full").axes
    n_bands = [
        len(band_points(a)) + sum(isinstance(c, PolyCollection) for c in a.collections)
        for a in panels
    ]
    assert n_bands == [1] * 6


def test_a_range_that_would_be_most_of_the_scan_is_all_of_it() -> None:
    axes = grid.axes([(-2.0, 2.0), (-2.0, 2.0)], (17, 17))
    x, y = grid.points(axes).T
    q = threshold(P_95, 2) * ((x / 1.5) ** 2 + (y / 0.5) ** 2)
    limit = Limit("alices", NAMES[:2], axes, np.zeros(2), 36e3, q, q)
    panel = figures.limits([limit], "full").axes[0]
    assert panel.get_xlim() == (-2.0, 2.0)
    assert np.ptp(panel.get_ylim()) == pytest.approx(1.2, abs=0.1)
