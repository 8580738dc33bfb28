from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from madminer_workflow.statistics import (
    KinematicLikelihood,
    Limit,
    Scan,
    combine,
    grid,
)
from madminer_workflow.statistics.agreement import compare

AXES = (np.linspace(-4.0, 4.0, 81), np.linspace(-4.0, 4.0, 81))
SCAN = Scan(
    parameters=("a", "b"),
    axes=AXES,
    theta_true=np.zeros(2),
    luminosity_ipb=1.0,
    n_observed=100.0,
    n_predicted=np.full(81**2, 100.0),
)


def limit(scale: float, raw_scale: float | None = None) -> Limit:
    """q = scale |theta|^2, whose regions are discs."""
    squares = (grid.points(AXES) ** 2).sum(axis=1)
    raw = None if raw_scale is None else -0.5 * raw_scale * squares
    return combine(SCAN, "toy", KinematicLikelihood(100.0, -0.5 * scale * squares, raw=raw))


def test_discs_overlap_as_their_areas() -> None:
    (form, which, iou_68, iou_95, rms), _ = compare(limit(1.25), limit(1.0))
    assert (form, which) == ("-", "kinematics")
    assert iou_68 == pytest.approx(1.0 / 1.25, abs=2e-3)
    assert iou_95 == pytest.approx(1.0 / 1.25, abs=2e-3)
    # q is uniform on a disc: its mean square below 12 is 12^2 / 3
    assert rms == pytest.approx(0.25 * 12.0 / np.sqrt(3.0), rel=0.02)


def test_each_form_of_the_test_statistic_is_compared() -> None:
    rows = list(compare(limit(1.0, raw_scale=2.0), limit(1.0)))
    assert [row[:2] for row in rows if row[0] == "raw"] == [("raw", "kinematics"), ("raw", "full")]
    found = {(form, which): iou_95 for form, which, _, iou_95, _ in rows}
    assert found["raw", "full"] == pytest.approx(0.5, abs=2e-3)
    assert found["plug-in", "full"] == 1.0


def test_without_an_exact_limit_nothing_is_compared() -> None:
    with pytest.raises(ValueError, match="nothing to compare"):
        next(compare(replace(limit(1.0), name="x"), None))
