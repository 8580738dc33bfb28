from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from madminer_workflow.figures import ComparedSize, comparison, style


def size(combination: str, method: str, *sizes: float, error: float | None = None) -> ComparedSize:
    return ComparedSize(combination, method, "full", sizes, error)


def test_a_row_for_each_combination_and_a_band_for_the_spread() -> None:
    sizes = [
        size("a-1__b-2", "alices", 1.0, 3.0, error=0.5),
        size("a-1__b-2", "rate", 9.0),
        size("a-2__b-2", "alices", 4.0),
        size("a-2__b-2", "rate", 9.0),
    ]
    figure = comparison(sizes, 2, title="some")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a-1\nb-2", "a-2\nb-2"]
    assert axes.get_xlabel() == "area of the 95 % region"
    (band,) = (c for c in axes.collections if c.get_paths()[0].vertices.shape[0] > 4)
    low, high = band.get_paths()[0].get_extents().intervalx
    assert (low, high) == (pytest.approx(2 - 2**0.5), pytest.approx(2 + 2**0.5))
    lines = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [(line.get_xdata()[0], to_hex(line.get_color())) for line in lines] == [
        (9.0, style.colour("rate").lower())
    ]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["ALICES", "rate only", "spread of initialisations"]


def test_one_combination_has_no_lines() -> None:
    figure = comparison([size("", "rate", 9.0)], 1)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["all"]
    assert axes.get_xlabel() == "length of the 95 % region"
    assert not [line for line in axes.lines if line.get_linestyle() == "--"]
