from __future__ import annotations

import numpy as np

from madminer_workflow.figures import agreement
from madminer_workflow.statistics.agreement import Agreement


def rows(preset: str, method: str, form: str, overlaps: list[float]) -> list[Agreement]:
    return [
        Agreement(preset, 1000, seed, method, form, which, 0.9, overlap, 0.1, 2.0)
        for seed, overlap in enumerate(overlaps)
        for which in ("kinematics", "full")
    ]


def test_every_event_file_is_a_point_of_its_method_and_bad_ones_lie_on_the_border() -> None:
    figure = agreement(
        [
            *rows("dy2", "quadratic", "best", [0.98, 0.97]),
            *rows("dy2", "quadratic", "raw", [0.1, 0.2]),
            *rows("dy2", "histogram", "-", [0.2, 0.9]),
            *rows("dy2", "rate", "-", [0.2, 0.9]),
            *rows("dy3", "quadratic", "best", [0.99]),
        ]
    )
    first, second = figure.axes
    assert [text.get_text() for text in first.get_xticklabels()] == ["quadratic", "histogram"]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in first.lines]
    assert drawn == [[0.98, 0.97], [0.98, 0.97], [0.7, 0.9], [0.7, 0.9]]
    assert second.get_title() == "dy3, 1 000 events"
