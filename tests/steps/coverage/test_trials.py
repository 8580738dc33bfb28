from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.steps.coverage import Study, Wanted, study, trials
from madminer_workflow.steps.members import Member, read_members

Make = Callable[..., Any]


@pytest.fixture
def members(run: Any) -> list[Member]:
    return read_members(run.results)


def trained(run: Any, members: list[Member], **wanted: Any) -> Study:
    return study(run.configuration, run.events, members, Wanted(**{"n_toys": 50} | wanted))


def test_the_exact_ratio_in_place_of_a_network(
    drell_yan: Make,
    configure: Make,
    truth: Make,
    known_member: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A perfect model covers like the exact likelihood: it differs by the finite events only."""
    events, limits = drell_yan("dy2"), {"resolutions": [21, 21]}
    configuration = configure(events.header, luminosity=300_000, asymptotic_limits=limits)
    model = truth(events.header, "alices", bias=lambda thetas: 0.01 * thetas[:, 0])
    member = known_member(configuration, model, events)
    monkeypatch.setattr(trials, "load", lambda _: model)
    wanted = Wanted(n_toys=200, thetas=[(0.0, 0.0), (0.5, 0.5)])
    made = study(configuration, events, [member], wanted)
    learned, exact = made.tried
    assert (learned.name, exact.name, exact.method) == ("alices", "exact", "exact")
    assert learned.n_events == 50_000
    np.testing.assert_allclose(made.n_expected, [1896.0, 1840.0], rtol=0.02)
    assert made.exact_of(learned) is exact
    assert made.exact_of(exact) is None
    differences = made.minus_exact(learned)
    assert differences is not None
    for which in ("full", "kinematics"):
        assert np.sqrt(np.mean((learned.q[which] - exact.q[which]) ** 2)) < 1.0
        assert np.corrcoef(learned.q[which].ravel(), exact.q[which].ravel())[0, 1] > 0.9
        for point in range(2):
            covered = made.coverages(learned)[which][point]["95"].coverage
            assert covered.value > 0.9
            truly = made.coverages(exact)[which][point]["95"].coverage
            assert differences[which][point]["95"].value == pytest.approx(
                covered.value - truly.value
            )
            assert abs(differences[which][point]["95"].value) < 0.04


def test_all_methods_of_single_events_are_tried_on_the_same_toys(
    run: Any, members: list[Member], caplog: pytest.LogCaptureFixture
) -> None:
    made = trained(run, members)
    assert [one.name for one in made.tried] == ["alices"]
    assert caplog.messages[0] == "sally: left out, it has no likelihood of single events"
    assert made.parameters == ("c_u", "c_d")
    assert made.luminosity_ipb == 1000.0
    (tried,) = made.tried
    assert tried.n_events == 500
    assert tried.q["full"].shape == (len(made.thetas), 50)
    for q in tried.q.values():
        assert (q >= 0.0).all()
    assert made.minus_exact(tried) is None
    assert made.coverages(tried)["full"][0]["68"].neyman is None


def test_seeds(run: Any, members: list[Member]) -> None:
    wanted = {"thetas": [(0.0, 0.0)], "methods": ["alices"]}
    first, again = (trained(run, members, **wanted) for _ in range(2))
    np.testing.assert_array_equal(first.tried[0].q["full"], again.tried[0].q["full"])
    other = replace(run.configuration, seed=6)
    seeded = [replace(member, model={**member.model, "seed": 6}) for member in members]
    changed = study(other, run.events, seeded, Wanted(n_toys=50, **wanted))
    assert (changed.tried[0].q["full"] != first.tried[0].q["full"]).any()


def test_the_construction_of_neyman(run: Any, members: list[Member]) -> None:
    made = trained(run, members, thetas=[(0.0, 0.0)], construct=True, methods=["alices"])
    neyman = made.coverages(made.tried[0])["kinematics"][0]["95"].neyman
    assert neyman is not None
    assert neyman.threshold > 0.0


def test_negative_weights_are_told(
    run: Any, members: list[Member], caplog: pytest.LogCaptureFixture
) -> None:
    weights = run.events.weights.copy()
    weights[::10] *= -1.0
    events = replace(run.events, weights=weights)
    wanted = Wanted(n_toys=10, thetas=[(0.0, 0.0)], methods=["alices"])
    study(run.configuration, events, members, wanted)
    assert "toys leave out negative weights, up to " in caplog.text


def test_few_events_for_many_toys_are_told(
    run: Any, members: list[Member], caplog: pytest.LogCaptureFixture
) -> None:
    wanted = {"thetas": [(0.0, 0.0)], "methods": ["alices"]}
    trained(run, members, **wanted)
    assert "toys of 100 events repeat" in caplog.text
    assert "are off by 0.5 standard deviations" in caplog.text


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"methods": ["carl"]}, "methods: carl, allowed: alices"),
        ({"methods": ["alices", "sally"]}, "methods: sally, allowed: alices"),
        (
            {"n_toys": 10**7, "thetas": [(0.0, 0.0)]},
            "toys: 10000000 with 100 events at 1 points, allowed: up to 2001038",
        ),
    ],
)
def test_what_cannot_be_done(
    run: Any, members: list[Member], wanted: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        trained(run, members, **wanted)


def test_results_that_do_not_belong_together(run: Any, members: list[Member]) -> None:
    first, second = (m for m in members if m.evaluation.method == "alices")
    other = replace(second.evaluation, limits=replace(second.evaluation.limits, luminosity_ipb=2.0))
    with pytest.raises(InputError, match=r"alices_1: other limits than .*alices_0$"):
        trained(run, [first, replace(second, evaluation=other)])
    foreign = replace(first, model={**first.model, "seed": 7})
    with pytest.raises(InputError, match="trained with the seed 7, expected 5 as in the input"):
        trained(run, [foreign])
    with pytest.raises(InputError, match="methods: no result of one that gives ratios"):
        trained(run, [])


def test_a_network_that_diverged(
    run: Any, members: list[Member], oracle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = oracle(run.events, bias=lambda thetas: np.full(len(thetas), np.nan))
    monkeypatch.setattr(trials, "load", lambda _: nothing)
    with pytest.raises(InputError, match=r"^methods: alices: no likelihood at a true point$"):
        trained(run, members, thetas=[(0.0, 0.0)], methods=["alices"])


def test_a_model_of_other_parameters(run: Any, members: list[Member], toy: Make) -> None:
    other = replace(toy(2), header=replace(toy(2).header, observables=("energy", "other")))
    with pytest.raises(InputError, match="other parameters or observables than the model"):
        study(run.configuration, other, members, Wanted(n_toys=10, methods=["alices"]))
