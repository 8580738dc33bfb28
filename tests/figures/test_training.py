import numpy as np

from madminer_workflow import figures


def make_curve(n_epochs: int = 8, spike: float = 0.0) -> figures.LossCurve:
    epochs = np.arange(1.0, n_epochs + 1)
    validation = 1.0 / epochs + 0.02 * epochs
    validation[0] += spike
    return figures.LossCurve(1.0 / epochs, validation, int(validation.argmin()) + 1)


def test_losses_of_all_members_and_their_best_epochs() -> None:
    figure = figures.training({"alices": [make_curve(), make_curve(5)], "my_trees": [make_curve()]})
    alices, trees = figure.axes
    assert (alices.get_title(), trees.get_title()) == ("ALICES", "my_trees")
    assert len(alices.lines) == 6
    validation, train, best = alices.lines[:3]
    np.testing.assert_array_equal(validation.get_xdata(), np.arange(1, 9))
    np.testing.assert_array_equal(train.get_ydata(), make_curve().train)
    assert best.get_xydata().tolist() == [[7.0, float(make_curve().validation[6])]]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["validation", "training", "best epoch"]
    figure.draw_without_rendering()


def test_a_large_first_loss_does_not_flatten_the_rest() -> None:
    low, high = figures.training({"rolr": [make_curve(40, spike=1e4)]}).axes[0].get_ylim()
    assert low < 0.2
    assert 0.5 < high < 3.0


def test_one_epoch_and_losses_that_are_not_finite_are_drawn() -> None:
    one = figures.LossCurve(np.array([0.3]), np.array([0.3]), 1)
    broken = figures.LossCurve(np.array([0.3, np.nan]), np.array([0.4, np.inf]), 1)
    figures.training({"carl": [one], "rolr": [broken]}).draw_without_rendering()
