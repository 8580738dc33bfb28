import numpy as np

from madminer_workflow import figures


def test_each_trial_the_best_so_far_and_those_without_a_value() -> None:
    values = np.array([0.5, np.nan, 0.3, 0.4, 9.0, np.nan, 0.35, 0.32])
    states = ["complete"] * len(values)
    states[1], states[5] = "failed", "pruned"
    default = np.array([0.44, 0.45, 0.46])
    figure = figures.tuning_history(
        figures.Trials("alices", "cross_entropy", values, states, default)
    )
    (axes,) = figure.axes
    lines = {str(line.get_label()): line for line in axes.lines}
    assert set(lines) == {"best so far", "complete", "failed", "pruned", "above"}
    np.testing.assert_array_equal(
        lines["best so far"].get_ydata(), [0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
    )
    np.testing.assert_array_equal(lines["complete"].get_xdata(), [0, 2, 3, 4, 6, 7])
    np.testing.assert_array_equal(lines["failed"].get_xdata(), [1])
    np.testing.assert_array_equal(lines["above"].get_xdata(), [4])
    assert axes.get_ylim()[1] < 1.0
    assert axes.get_ylabel() == "cross-entropy"
    figure.draw_without_rendering()


def test_a_history_without_values_is_drawn() -> None:
    trials = figures.Trials("sally", "closure", np.array([np.nan]), ["failed"], np.array([]))
    figures.tuning_history(trials).draw_without_rendering()


def test_what_mattered_the_largest_on_top() -> None:
    shares = {"alices.training.learning_rate": 0.7, "alices.training.activation": 0.3}
    values = np.array([0.3, np.nan, 0.4])
    states = ["complete", "pruned", "complete"]
    trials = figures.Trials("alices", "cross_entropy", values, states, np.array([]))
    figure = figures.importance(trials, shares)
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.3, 0.7]
    assert [text.get_text() for text in axes.texts] == ["30%", "70%"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["training.activation", "training.learning_rate"]
    assert axes.get_title() == "ALICES, 2 complete trials"
    (axes,) = figures.importance(trials, None).axes
    assert axes.texts[0].get_text().startswith("too few trials")
