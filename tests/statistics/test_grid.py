import numpy as np
import pytest

from madminer_workflow.statistics import grid


def test_first_parameter_is_slowest_and_reshape_gives_one_axis_a_parameter() -> None:
    axes = grid.axes([(0.0, 1.0), (10.0, 30.0), (-1.0, 1.0)], [2, 3, 4])
    points = grid.points(axes)
    assert points.shape == (24, 3)
    cube = points.reshape(*grid.shape(axes), 3)
    assert (cube[1, :, :, 0] == 1.0).all()
    assert (cube[:, 2, :, 1] == 30.0).all()
    np.testing.assert_allclose(cube[0, 0, :, 2], axes[2])


def test_axes_hold_both_ends() -> None:
    (axis,) = grid.axes([(-2.0, 2.0)], [5])
    assert axis.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("region", "resolutions"),
    [([(0.0, 1.0)], [2, 2]), ([(1.0, 1.0)], [3]), ([(0.0, 1.0)], [1])],
)
def test_impossible_grids_are_refused(
    region: list[tuple[float, float]], resolutions: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"grid|ranges"):
        grid.axes(region, resolutions)
