from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration.model import Learner, Members
from madminer_workflow.estimators import Ensemble, Fitted, fit, load, save
from madminer_workflow.estimators.routines import find
from madminer_workflow.events import form_monomials

SOURCE = '''
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from madminer_workflow.estimators import QuadraticEstimator, RatioEstimator, ScoreEstimator

@dataclass(frozen=True)
class Settings:
    variance: float
    reports: int = 0
    what: str = "right"

class Kept:
    """Knows the ratio of a shifted Gaussian."""
    Settings = Settings
    def __init__(self, variance):
        self.variance = variance
    @classmethod
    def fit(cls, train, validation, settings, seed, progress):
        for number in range(settings.reports):
            progress(2 * number, 6, 1.0 / (number + 1), 2.0 / (number + 1))
        model = cls(settings.variance)
        model.what, model.seed = settings.what, seed
        return model if settings.what != "none" else None
    def save(self, folder):
        np.save(folder / "variance.npy", self.variance)
    @classmethod
    def load(cls, folder):
        return cls(float(np.load(folder / "variance.npy")))

class Ratio(Kept, RatioEstimator):
    def log_ratio_at(self, x, thetas):
        log_r = ((x * thetas - 0.5 * thetas**2) / self.variance).sum(axis=1)
        return log_r if self.what == "right" else log_r[:, None]
    what = "right"

class Score(Kept, ScoreEstimator):
    def score(self, x):
        return x / self.variance

class Quadratic(Kept, QuadraticEstimator):
    theta_ref, total = np.zeros(2), np.array([1.0, 0, 0, 1 / 3, 0, 1 / 3])
    def forms(self, x):
        one = np.ones(len(x))
        return np.stack([one, 2 * x[:, 0], 0 * one, x[:, 0]**2, 0 * one, x[:, 1]**2], axis=1)
'''

Train = Callable[..., Fitted]


@pytest.fixture
def train(tmp_path: Path, gaussian: Any, make_samples: Any) -> Train:
    (tmp_path / "mine.py").write_text(SOURCE)

    def trained(name: str, member: int = 0, **settings: Any) -> Fitted:
        found = find(f"my_{name.lower()}", f"{tmp_path / 'mine.py'}:{name}")
        object.__setattr__(found, "settings", {"variance": 1.25, **settings})
        learner = Learner(7, f"my_{name.lower()}", "parameterized", Members(2, 3, 7), found)
        samples = make_samples(gaussian(2), "sally" if name == "Score" else "alices", 50)
        return fit(learner, samples, samples, member)

    return trained


X, THETAS = np.random.default_rng(1).normal(size=(20, 2)), np.array([[0.1, 0.2], [-1.0, 1.0]])


@pytest.mark.parametrize("name", ["Ratio", "Score", "Quadratic"])
def test_a_model_survives_its_files_with_the_source_of_its_class(
    train: Train, tmp_path: Path, gaussian: Any, quadratic: Any, name: str
) -> None:
    model, folder = train(name).model, tmp_path / "model"
    save(model, folder)
    (tmp_path / "mine.py").write_text("raise ValueError")
    loaded = load(folder)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*")} == {
        "model.json",
        f"my_{name.lower()}.py",
        "estimator",
        "estimator/variance.npy",
    }
    assert (loaded.kind, loaded.spec) == (model.kind, model.spec)
    if name == "Score":
        np.testing.assert_allclose(loaded.score(X), gaussian(2).score(X))
        with pytest.raises(NotImplementedError):
            loaded.log_ratio(X, THETAS)
    else:
        toy = gaussian(2) if name == "Ratio" else quadratic(2)
        np.testing.assert_allclose(loaded.log_ratio(X, THETAS), toy.log_ratio(X, THETAS))
        at = loaded.log_ratio_at(X[:2], THETAS)
        np.testing.assert_allclose(at, np.diag(toy.log_ratio(X[:2], THETAS)))


def test_the_record_says_what_the_model_is(train: Train, tmp_path: Path) -> None:
    save(train("Quadratic", member=2).model, tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    assert (record["kind"], record["weighted"], record["member"]) == ("ratio", True, 2)
    assert record["training"] == {"n_members": 2, "n_folds": 3, "seed": 7}
    assert record["routine"]["kept"] == "my_quadratic.py:Quadratic"
    assert record["routine"]["settings"] == {"variance": 1.25}
    assert len(record["routine"]["code"]) == 64


def test_the_course_of_the_training_is_what_was_reported(train: Train) -> None:
    history = train("Ratio", reports=3).history
    assert (history.best_epoch, history.best_validation_loss) == (3, 2 / 3)
    assert history.train_loss.tolist() == [1, 1 / 2, 1 / 3]
    silent = train("Ratio").history
    assert (len(silent.seconds), silent.best_epoch) == (1, 1)
    assert np.isnan(silent.best_validation_loss)


def test_members_have_their_own_seeds_and_are_averaged(train: Train) -> None:
    models = [train("Ratio", member).model for member in (0, 1)]
    assert models[0].estimator.seed != models[1].estimator.seed  # type: ignore[attr-defined]
    assert Ensemble(models).spec == models[0].spec
    np.testing.assert_allclose(
        Ensemble(models).log_ratio(X, THETAS), models[0].log_ratio(X, THETAS)
    )


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("none", "my_ratio: fit gave None, expected Ratio"),
        ("column", r"my_ratio: log_ratio_at gives the shape \(3, 1\), expected \(3,\)"),
    ],
)
def test_wrong_answers_are_found_where_it_was_trained(
    train: Train, what: str, message: str
) -> None:
    with pytest.raises(RuntimeError, match=message):
        train("Ratio", what=what)


def test_the_convention_of_forms_is_that_of_weighted_samples() -> None:
    monomials = form_monomials(THETAS)
    assert monomials[1].tolist() == [1, -1, 1, 1, -1, 1]
