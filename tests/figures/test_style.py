import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from madminer_workflow.estimators.registry import METHODS
from madminer_workflow.figures import style


def test_every_method_has_a_colour_and_marker_of_its_own() -> None:
    names = [*METHODS, "rate", "histogram", "exact", "quadratic"]
    names = list(dict.fromkeys(names))
    assert len({style.colour(name) for name in names}) == len(names)
    assert len({style.marker(name) for name in names}) == len(names)


def test_colours_can_be_told_apart_from_each_other_and_from_paper() -> None:
    colours = np.array([to_rgb(style.colour(name)) for name in [*METHODS, "rate", "histogram"]])
    distances = np.abs(colours[:, None] - colours).sum(axis=2) + 9.0 * np.eye(len(colours))
    assert distances.min() > 0.2
    assert (colours.mean(axis=1) < 0.8).all()


def test_colours_of_other_methods_do_not_change() -> None:
    assert style.colour("my_trees") == style.colour("my_trees")
    assert style.method_label("my_$trees") == r"my_\$trees"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("c_eu", r"$c_{\mathrm{eu}}$"),
        ("theta_0_x", "theta_0_x"),
        ("C", "C"),
        ("a$b", r"a\$b"),
        ("x_1^2", "x_1^2"),
    ],
)
def test_names_of_parameters_are_safe_to_draw(name: str, label: str) -> None:
    assert style.parameter_label(name) == label
    figure, (axes,) = style.panels(1, 1, (2.0, 2.0))
    axes.set_xlabel(style.axis_label(name, {"C": "TeV"}))
    assert axes.get_xlabel() == (label if name != "C" else "C [TeV]")
    figure.draw_without_rendering()


def test_the_settings_of_the_user_are_left_alone() -> None:
    mpl.rcParams["lines.linewidth"] = 7.0

    @style.styled
    def linewidth() -> float:
        return float(mpl.rcParams["lines.linewidth"])

    assert linewidth() == 1.7
    assert mpl.rcParams["lines.linewidth"] == 7.0
    mpl.rcdefaults()


@pytest.mark.parametrize(("n", "shape"), [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (7, (3, 3))])
def test_panels_fill_row_by_row_without_rows_of_few(n: int, shape: tuple[int, int]) -> None:
    figure, axes = style.panels(n, 3, (2.0, 1.0))
    assert len(axes) == n
    assert axes[0].get_subplotspec().get_gridspec().get_geometry() == shape
    assert figure.get_size_inches().tolist() == [2.0 * shape[1], 1.0 * shape[0]]


@pytest.mark.parametrize(("width", "rows"), [(12.0, 1), (6.0, 2), (2.0, 6)])
def test_a_legend_below_has_as_many_rows_as_it_needs(width: float, rows: int) -> None:
    figure, _ = style.panels(1, 1, (width, 4.0))
    style.legend_below(figure, [Line2D([], [], label=f"a long name {n}") for n in range(6)])
    figure.draw_without_rendering()
    (legend,) = figure.legends
    bottoms = {round(text.get_window_extent().y0) for text in legend.get_texts()}
    assert len(bottoms) == rows
    assert legend.get_window_extent().width < figure.bbox.width


def test_there_is_no_legend_without_entries() -> None:
    figure, _ = style.panels(1, 1, (2.0, 2.0))
    style.legend_below(figure, [])
    assert figure.legends == []
