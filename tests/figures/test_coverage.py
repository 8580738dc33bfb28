from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from madminer_workflow.figures import CoverageSeries, coverage, style
from madminer_workflow.statistics.coverage import coverage as compute


def series(method: str, scale: float, construct: bool = False, n_points: int = 3) -> CoverageSeries:
    q = scale * np.random.default_rng(1).chisquare(2, (n_points, 400))
    points = [
        {
            level: compute(at, p_value, 2, construct=construct)
            for level, p_value in (("68", 0.32), ("95", 0.05))
        }
        for at in q
    ]
    return CoverageSeries(method, method, {"full": points, "kinematics": points[::-1]})


THETAS: NDArray[np.float64] = np.array([[0.0, 0.0], [0.5, -1.25], [1.0, 0.3333333]])


def test_a_panel_for_each_level_and_kind() -> None:
    quadratic, exact = series("quadratic", 1.2), series("exact", 1.0)
    figure = coverage([quadratic, exact], ["c_u", "c_d"], THETAS)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "95 % region, kinematics and rate",
        "95 % region, kinematics only",
        "68 % region, kinematics and rate",
        "68 % region, kinematics only",
    ]
    axes = figure.axes[1]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["0\n0", "0.5\n-1.25", "1\n0.333"]
    first, second = axes.containers
    values = [at["95"].coverage.value for at in quadratic.coverages["kinematics"]]
    np.testing.assert_allclose(np.asarray(first.lines[0].get_ydata(), float), values)
    colours = [to_hex(str(one.lines[0].get_color())).upper() for one in (first, second)]
    assert colours == [style.colour("quadratic"), style.colour("exact")]
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    half = 2.0 * np.sqrt(0.05 * 0.95 / 400)
    assert (band.ymin, band.ymax) == pytest.approx((0.95 - half, 0.95 + half))


def test_the_construction_of_neyman_has_open_markers() -> None:
    figure = coverage([series("quadratic", 1.5, construct=True)], ["c_u", "c_d"], THETAS)
    asymptotic, constructed = figure.axes[0].containers
    assert constructed.get_label() == "quadratic, Neyman"
    assert to_hex(str(constructed.lines[0].get_markerfacecolor())) == "#ffffff"
    positions = [np.asarray(one.lines[0].get_xdata()) for one in (asymptotic, constructed)]
    assert (positions[0] < positions[1]).all()
    assert abs(np.stack(positions) - np.arange(3)).max() < 0.5


def test_one_point_and_one_parameter() -> None:
    figure = coverage([series("exact", 1.0, n_points=1)], ["c_u"], np.array([[0.25]]))
    assert figure.axes[0].get_xlim() == (-0.5, 0.5)
    figure.draw_without_rendering()
