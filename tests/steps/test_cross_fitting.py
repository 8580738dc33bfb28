"""The method that learns from all events, each of which another member evaluates."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration import load, load_learner
from madminer_workflow.configuration.model import Configuration
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Ensemble
from madminer_workflow.estimators import load as load_model
from madminer_workflow.events import Events
from madminer_workflow.sampling import Samples
from madminer_workflow.statistics import KinematicLikelihood, Limit, combine, grid
from madminer_workflow.statistics.asimov import N_REPLICAS
from madminer_workflow.steps import evaluate as evaluate_module
from madminer_workflow.steps import train as train_module
from madminer_workflow.steps.combine import combine_members
from madminer_workflow.steps.evaluate import evaluate, evaluate_file, held_out
from madminer_workflow.steps.members import Member, read_members
from madminer_workflow.steps.results import results
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import train

Make = Callable[..., Any]
Rows = set[bytes]

QUICK = {"hidden_layers": [8], "epochs": 1, "batch_size": 100, "n_folds": 3, "n_members": 2}


@dataclass(frozen=True)
class Run:
    """A run of one method, and which samples each network learned from and validated on."""

    folder: Path
    configuration: Configuration
    events: Events
    learned: list[Rows]
    validated: list[Rows]


def rows(x: np.ndarray) -> Rows:
    return {row.tobytes() for row in x}


def run_all(events: Events, folder: Path, patch: pytest.MonkeyPatch, **training: Any) -> Run:
    """Samples, trains and evaluates all networks."""
    document = {
        "methods": ["quadratic"],
        "training": training,
        "asymptotic_limits": {"resolutions": 5},
    }
    (folder / "input.json").write_text(json.dumps(document))
    configuration = load(folder / "input.json", events.header, {"luminosity": 1000})
    made, fit = Run(folder, configuration, events, [], []), train_module.fit

    def record(learner: Any, train: Samples, validation: Samples, *rest: Any) -> Any:
        made.learned.append(rows(train.x))
        made.validated.append(rows(validation.x))
        return fit(learner, train, validation, *rest)

    patch.setattr(train_module, "fit", record)
    sample(configuration, events, folder)
    learner = load_learner(folder / "input.json", "quadratic")
    for member in range(configuration.methods[0].n_networks):
        _, model = train(learner, folder / "samples/quadratic", member, folder, lambda _: None)
        evaluate_file(configuration, model, events, folder)
    return made


@pytest.fixture
def run(toy: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return run_all(toy(2), tmp_path, monkeypatch, **QUICK)


def models(run: Run) -> list[Any]:
    return [load_model(path) for path in sorted((run.folder / "models").iterdir())]


@dataclass(frozen=True)
class Told:
    """A trained network that tells what it is asked about.

    Attributes:
        network: The network.
        asked: The events so far.
    """

    network: Any
    asked: Rows = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def log_ratio_blocks(self, x: np.ndarray, thetas: np.ndarray) -> Any:
        self.asked.update(rows(x))
        return self.network.log_ratio_blocks(x, thetas)

    def log_ratio_at(self, x: np.ndarray, thetas: np.ndarray) -> Any:
        self.asked.update(rows(x))
        return self.network.log_ratio_at(x, thetas)


def test_no_network_is_asked_about_events_that_it_was_trained_on(run: Run) -> None:
    everything, networks = rows(run.events.x), [Told(model) for model in models(run)]
    assert len(networks) == len(run.learned) == 6
    evaluate(run.configuration, Ensemble(networks), run.events)
    for network, learned in zip(networks, run.learned, strict=True):
        assert network.asked == everything - learned
        assert 666 <= len(learned) <= 667


def test_each_member_evaluates_the_events_that_it_has_not_seen(run: Run) -> None:
    assert [path.name for path in (run.folder / "samples/quadratic").glob("*.npz")] == ["train.npz"]
    everything = rows(run.events.x)
    for model, learned, validated in zip(models(run), run.learned, run.validated, strict=True):
        (part,) = held_out(run.configuration, model, run.events)
        assert rows(part.events.x) == validated == everything - learned


def test_each_set_of_networks_leaves_out_every_event_once(run: Run) -> None:
    everything = rows(run.events.x)
    for some in (run.learned[:3], run.learned[3:]):
        left_out = [everything - learned for learned in some]
        assert set.union(*left_out) == everything
        assert sum(map(len, left_out)) == 1000
    assert run.learned[:3] == run.learned[3:]


def test_members_of_a_set_and_of_different_sets_are_told_apart(run: Run) -> None:
    members = read_members(sorted((run.folder / "results").iterdir()))
    assert [(member.number, member.set) for member in members] == [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 1),
        (4, 1),
        (5, 1),
    ]


def test_the_weight_of_a_member_is_that_among_those_that_evaluate_the_same_events(run: Run) -> None:
    members = read_members(sorted((run.folder / "results").iterdir()))
    for some, weight in ((members, 0.5), (members[:3], 1.0)):
        combination = combine_members(run.configuration, run.events, some)
        record = results(combination, run.events, {}, {})["limits"]["quadratic"]
        assert [one["weight"] for one in record["members"]] == [weight] * len(some)


def test_all_members_together_evaluate_each_event_once(run: Run) -> None:
    parts = held_out(run.configuration, Ensemble(models(run)), run.events)
    assert [len(part.events) for part in parts] == [334, 333, 333]
    assert set.union(*(rows(part.events.x) for part in parts)) == rows(run.events.x)
    combination = combine_members(
        run.configuration, run.events, read_members(sorted((run.folder / "results").iterdir()))
    )
    assert combination.evaluations["quadratic"].n_events == 1000
    limit = combination.data["expected"].limits["quadratic"]
    for q in (limit.q_full_corrected, limit.q_full_mc_std, limit.q_full_std):
        assert q is not None
        assert q.shape == (25,)
        assert np.isfinite(q).all()
    assert limit.replicas["q_full_corrected"].shape == (N_REPLICAS, 25)


def test_what_members_have_summed_up_is_not_computed_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = read_members(sorted((run.folder / "results").iterdir()))[:3]
    again = evaluate(run.configuration, Ensemble(models(run)[:3]), run.events)
    monkeypatch.delattr(evaluate_module, "sums_over")
    combination = combine_members(run.configuration, run.events, members)
    merged = combination.evaluations["quadratic"]
    for name in ("plug_in", "corrected"):
        first, second = (vars(e.likelihoods["expected"])[name] for e in (again, merged))
        np.testing.assert_allclose(first, second, rtol=1e-10)
    np.testing.assert_allclose(merged.log_normalisation, again.log_normalisation, atol=1e-12)


def test_the_ratios_of_the_networks_of_a_fold_are_averaged(run: Run) -> None:
    networks = models(run)
    parts = held_out(run.configuration, Ensemble(networks), run.events)
    thetas = grid.points(grid.axes(run.configuration.limits.region, (3, 3)))
    for fold, part in enumerate(parts):
        x = part.events.x[:50]
        ratio = np.mean(
            [np.exp(networks[n].log_ratio(x, thetas)) for n in (fold, fold + 3)], axis=0
        )
        np.testing.assert_allclose(np.exp(part.model.log_ratio(x, thetas)), ratio, rtol=1e-6)


def test_q_spreads_as_it_does_between_sets_of_networks(run: Run) -> None:
    members = read_members(sorted((run.folder / "results").iterdir()))

    def limit(some: Sequence[Member]) -> Limit:
        combination = combine_members(run.configuration, run.events, some)
        return combination.data["expected"].limits["quadratic"]

    # Each network of a set evaluates a part of the events, so it is their mean that counts.
    means = [
        np.mean([m.evaluation.likelihoods["expected"].log_likelihood for m in some], axis=0)
        for some in (members[:3], members[3:])
    ]
    scan = combine_members(run.configuration, run.events, members).data["expected"].scan
    singles = [combine(scan, "one", KinematicLikelihood(1.0, mean)).q_kinematics for mean in means]
    together = limit(members)
    assert together.q_kinematics_std is not None
    np.testing.assert_allclose(together.q_kinematics_std, np.std(singles, axis=0, ddof=1))
    alone = [limit(some) for some in (members[:3], members[3:])]
    spread = np.std([one.q_full for one in alone], axis=0, ddof=1)
    assert 0.7 < np.median(together.q_full_std[spread > 0] / spread[spread > 0]) < 1.4


@pytest.mark.parametrize(("key", "value"), [("n_folds", 2), ("seed", 7)])
def test_networks_of_other_folds_do_not_combine(
    run: Run, tmp_path: Path, key: str, value: int
) -> None:
    learner = load_learner(run.folder / "input.json", "quadratic")
    other = replace(learner, training=replace(learner.training, n_folds=2))
    other = other if key == "n_folds" else replace(learner, seed=value)
    _, path = train(other, run.folder / "samples/quadratic", 1, tmp_path, lambda _: None)
    mixed = Ensemble([models(run)[0], load_model(path)])
    with pytest.raises(InputError) as refused:
        held_out(run.configuration, mixed, run.events)
    folds, seed = (2, 1) if key == "n_folds" else (3, 7)
    assert str(refused.value) == (
        f"quadratic: member 1 was trained with {folds} folds and seed {seed}, "
        "expected 3 folds and seed 1 as for member 0"
    )


def relative_error(run: Run, truth: Make) -> float:
    """Returns the error of held-out log ratios over their spread, under the reference density."""
    limits, header = run.configuration.limits, run.events.header
    thetas = grid.points(grid.axes(limits.region, (5, 5)))
    error = spread = 0.0
    for part in held_out(run.configuration, Ensemble(models(run)), run.events):
        x, weights = part.events.x, part.events.weights_at(part.model.theta_ref)
        exact = truth(header, "quadratic").exact_log_ratio(x, thetas)
        error += float((weights * (part.model.log_ratio(x, thetas) - exact) ** 2).sum())
        spread += float((weights * exact**2).sum())
    return float(np.sqrt(error / spread))


@pytest.mark.slow
def test_the_exact_ratio_is_approached(
    drell_yan: Make,
    truth: Make,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events, errors = drell_yan("dy2"), []
    for n in (5000, 30_000):
        folder = tmp_path_factory.mktemp("run")
        with monkeypatch.context() as patch:
            run = run_all(events.take(np.arange(n)), folder, patch)
        errors.append(relative_error(run, truth))
    assert errors[1] < 0.5
    assert errors[1] < 0.7 * errors[0]
