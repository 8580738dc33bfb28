import numpy as np
from matplotlib.figure import Figure

from madminer_workflow.figures.diagnostics import diagnostics
from madminer_workflow.statistics import grid
from madminer_workflow.statistics.diagnostics import (
    Curves,
    Diagnostics,
    Reweighting,
    Scores,
    bias_test,
    calibration,
    closure,
    contour_points,
    score_calibration,
    score_closure,
    stability,
)
from madminer_workflow.statistics.verdict import verdict

NAMES = ("m_ll", "an_observable_with_a_long_name", "constant")
AXES = (np.linspace(-1.0, 1.0, 21), np.linspace(-1.0, 1.0, 21))
N_EVENTS = 3000


def make_curves(*, ratio: bool) -> Curves:
    thetas = grid.points(AXES)
    q = 15.0 * (thetas**2).sum(axis=1)
    change = 0.1 * thetas[:, 0]
    return Curves(
        axes=AXES,
        n_expected=100.0,
        q=q,
        effective_samples=1000.0 - q,
        log_normalisation=0.01 * thetas[:, 1] if ratio else None,
        correction=change if ratio else None,
        correction_error=np.full(len(q), 0.05) if ratio else None,
        halves=np.stack([q, q + change]),
    )


def draw(curves: Curves, **events: object) -> Figure:
    found = Diagnostics(
        method="alices" if curves.correction is not None else "sally",
        parameters=("c_eu", "c_ed"),
        thetas=contour_points(curves.q, AXES, 4),
        smallest_effective_samples=2000.0,
        unknown=0.0,
        bias_test=bias_test(curves),
        stability=stability(curves),
        **events,  # type: ignore[arg-type]
    )
    figure = diagnostics(found, verdict(found), curves)
    figure.canvas.draw()
    return figure


def observables() -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(N_EVENTS, 3))
    x[:, 2] = 1.0
    return x


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_panels_of_a_ratio() -> None:
    curves, x, ones = make_curves(ratio=True), observables(), np.ones(N_EVENTS)
    shifts = np.array([-0.2, 0.1, 0.3, 0.5])
    log_ratio = x[:, :1] * shifts - shifts**2 / 2.0
    events = Reweighting.of(log_ratio, ones, np.exp(log_ratio + 0.01 * np.sin(x[:, :1])))
    close, calibrated = closure(NAMES, x, events, 100.0), calibration(events, 100.0)
    figure = draw(curves, closure=close, calibration=calibrated)
    assert [title.split(":")[0].split(" of ")[0] for title in titles(figure)] == [
        "normalisation",
        "bias test",
        "stability",
        "effective number",
        "closure",
        "calibration",
    ]
    assert figure.get_suptitle().startswith("ALICES: trust. Bias test: nothing beyond its noise")
    assert [text.get_text()[:3] for text in figure.legends[0].get_texts()] == [
        "1: ",
        "2: ",
        "3: ",
        "4: ",
    ]


def test_changes_of_q_are_drawn_against_q() -> None:
    curves = make_curves(ratio=True)
    axes = draw(curves).axes[0]
    (points,) = [line for line in axes.lines if line.get_marker() == "o"]
    shown = curves.q < 2.0 * curves.threshold
    np.testing.assert_allclose(points.get_xdata(), curves.q[shown])
    assert curves.log_normalisation is not None
    np.testing.assert_allclose(points.get_ydata(), 200.0 * curves.log_normalisation[shown])


def test_colours_of_closure_are_sizes_and_numbers_chi_squares() -> None:
    curves, x, ones = make_curves(ratio=True), observables(), np.ones(N_EVENTS)
    log_ratio = 0.2 * x[:, :1] * np.ones(4)
    weights = np.exp(log_ratio)
    weights[:, 0] *= np.exp(0.5 * x[:, 1])
    close = closure(NAMES, x, Reweighting.of(log_ratio, ones, weights), 100.0)
    axes = draw(curves, closure=close).axes[4]
    (image,) = axes.images
    sizes = np.asarray(image.get_array())
    assert sizes.shape == (3, 4)
    assert np.unravel_index(sizes.argmax(), sizes.shape) == (1, 0)
    texts = [float(text.get_text()) for text in axes.texts]
    np.testing.assert_allclose(
        np.reshape(texts, (3, 4))[:2, 0],
        close.tests.chi2[0, :2] / close.tests.ndf[0, :2],
        rtol=0.05,
    )
    assert texts[-1] == 0.0


def test_panels_of_a_score() -> None:
    curves, x = make_curves(ratio=False), observables()
    joint = x[:, :2] + np.random.default_rng(2).normal(size=(N_EVENTS, 2))
    scores = Scores.of(1.2 * x[:, :2], joint, np.ones(N_EVENTS))
    figure = draw(
        curves,
        score_closure=score_closure(NAMES, x, scores),
        score_calibration=score_calibration(scores),
    )
    assert [title.split(":")[0] for title in titles(figure)] == [
        "stability",
        "effective number of events",
        "closure",
        r"score in $c_{\mathrm{eu}}$",
        r"score in $c_{\mathrm{ed}}$",
    ]
    assert not figure.legends
