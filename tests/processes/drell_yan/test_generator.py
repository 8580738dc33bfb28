import numpy as np
import pytest

from madminer_workflow.processes import PRESETS, make_preset
from madminer_workflow.processes.drell_yan.generator import GeneratedEvents, generate
from madminer_workflow.processes.drell_yan.likelihood import ExactLikelihood


@pytest.fixture(scope="module")
def events() -> GeneratedEvents:
    return generate(PRESETS["dy2"], 100_000, 1)


def pulls(events: GeneratedEvents) -> np.ndarray:
    exact = ExactLikelihood(events.preset).cross_sections(events.preset.benchmarks)
    return (events.cross_sections - exact) / events.cross_section_errors


def test_number_of_events_is_the_one_asked_for(events):
    assert len(events) == len(events.x) == len(events.weights) == 100_000
    assert events.x.shape[1] == 7
    assert 0.6 < len(events) / events.n_thrown < 0.8


def test_same_seed_gives_the_same_events_and_more_of_them_begin_alike(events):
    again, more = generate(events.preset, 500, 1), generate(events.preset, 1000, 1)
    np.testing.assert_array_equal(again.x, events.x[:500])
    np.testing.assert_array_equal(more.x[:500], again.x)
    np.testing.assert_allclose(
        again.weights * again.n_thrown, events.weights[:500] * events.n_thrown
    )
    other = generate(events.preset, 500, 2)
    assert not np.isin(other.x[:, 0], again.x[:, 0]).any()


@pytest.mark.parametrize("name", PRESETS)
def test_effective_size_is_high_and_weights_are_bounded_at_every_benchmark(name):
    events = generate(PRESETS[name], 30_000, 2)
    assert (events.effective_sizes > 0.7 * len(events)).all()
    assert (events.weights > 0).all()
    assert (events.weights.max(axis=0) < 10 * events.weights.mean(axis=0)).all()


def test_cross_sections_of_many_seeds_scatter_by_their_errors():
    found = np.array([pulls(generate(PRESETS["dy2"], 5000, seed)) for seed in range(20)])
    assert np.abs(found).max() < 4
    assert (np.abs(found.mean(axis=0)) < 4 / np.sqrt(20)).all()
    np.testing.assert_array_less(0.55, found.std(axis=0))
    np.testing.assert_array_less(found.std(axis=0), 1.55)


@pytest.mark.parametrize(
    ("operators", "m_min"),
    [(("c_lq1", "c_qe"), 200.0), (("c_lq3",), 3000.0), (("c_ld", "c_lu"), 700.0)],
)
def test_cross_sections_of_any_preset_agree_with_quadrature(operators, m_min):
    preset = make_preset("mine", dict.fromkeys(operators, (-3.0, 5.0)), m_min=m_min)
    assert np.abs(pulls(generate(preset, 50_000, 3))).max() < 4


def test_distributions_agree_with_quadrature(events):
    likelihood = ExactLikelihood(events.preset)
    mass, cosine, y = events.x[:, :3].T
    assert mass.min() > 1000
    assert (np.abs(events.x[:, 5:]) < 2.5).all()
    # Weights divided by the density are the volume of a box, whatever is generated in it.
    box = (mass < 1500) & (np.abs(cosine) < 0.8) & (np.abs(y) < 1.2)
    density = likelihood.density(events.x[box], events.preset.benchmarks)
    volumes = events.weights[box] / density
    pull = (volumes.sum(axis=0) - 500 * 1.6 * 2.4) / np.sqrt((volumes**2).sum(axis=0))
    assert np.abs(pull).max() < 4


def test_weights_are_polynomials_and_the_order_is_random(events):
    half = len(events) // 2
    first, second = events.weights[:half].sum(axis=0), events.weights[half:].sum(axis=0)
    errors = np.sqrt((events.weights**2).sum(axis=0))
    assert (np.abs(first - second) < 4 * errors).all()
    lag = np.corrcoef(events.x[1:, 3], events.x[:-1, 3])[0, 1]
    assert abs(lag) < 4 / np.sqrt(len(events))


def test_events_are_symmetric_under_exchange_of_the_protons(events):
    weights = events.weights[:, 0]
    asymmetry = weights @ np.sign(events.x[:, 2]) / np.sqrt((weights**2).sum())
    assert abs(asymmetry) < 4
