from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration.tuning import tuning
from madminer_workflow.configuration.variants import resolved
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.sampling import split
from madminer_workflow.seeds import seed
from madminer_workflow.tracking.log import Record
from madminer_workflow.tuning.gain import Gain, gains
from madminer_workflow.tuning.search import Search, best_document, open_search

DOCUMENT: dict[str, Any] = {
    "methods": ["alices", "quadratic"],
    "samples": {"train": 400, "validation": 100, "test": 100, "minimum_effective": 0},
    "training": {"hidden_layers": [8], "epochs": 2, "batch_size": 100},
    "luminosity": 1000,
    "tuning": {
        "space": {
            "training.learning_rate": {"min": 1e-3, "max": 1e-2, "log": True},
            "training.hidden_layers": {"choices": [[4], [8, 8]]},
        }
    },
}


def opened(event_file: Path, folder: Path, method: str, **changes: Any) -> Search:
    events = read_events(read_header(event_file))
    document = DOCUMENT | {"tuning": DOCUMENT["tuning"] | changes}
    configuration = resolved(document, events.header)
    return open_search(tuning(document, method), document, configuration, events, folder)


@pytest.mark.parametrize("method", ["alices", "quadratic"])
def test_a_search_leaves_records_and_an_input_file(
    event_file: Path, tmp_path: Path, method: str
) -> None:
    search = opened(event_file, tmp_path / "study", method)
    search.run(2, lambda _: None)
    attempts = search.study.attempts()
    assert [one.reason for one in attempts] == [None, None]
    record = Record.read(tmp_path / "study" / "trials" / "0001" / "tracking.json")
    assert record.metrics["cross_entropy"] == attempts[1].objective
    assert record.tags["state"] == "complete"
    curves = {"train_loss", "validation_loss", "learning_rate", "gradient_norm", "epoch_seconds"}
    folds = {f"{name}/2" for name in curves} if method == "quadratic" else set()
    assert set(record.history) == curves | folds
    assert {len(values) for values in record.history.values()} == {2}
    assert set(record.params) == {"training.learning_rate", "training.hidden_layers"}
    document = best_document(search)
    assert document is not None
    assert search.study.best is not None
    training = document[method]["training"]
    assert training["learning_rate"] == search.study.best.values[f"{method}.training.learning_rate"]
    assert "tuning" not in document
    resolved(document, search.judge.events.header)


def test_a_gain_inside_the_spread_of_seeds_is_none(event_file: Path, tmp_path: Path) -> None:
    search = opened(event_file, tmp_path, "alices")
    search.run(1, lambda _: None)
    other = {"alices.training.learning_rate": 0.004}
    gained = gains(search, 2, {"other.yml": other})
    assert list(gained) == ["trial 0", "other.yml"]
    found = gained["trial 0"]
    assert len(found.default) == len(found.tuned) == 2
    assert found.default[0] != found.default[1]
    assert found.default[0] == search.value({}, seeds=1)
    assert gained["other.yml"].tuned[1] == search.value(other, seeds=2)
    assert gains(search, 2, {"other.yml": other}) == gained
    assert Gain((1.0, 1.2), (0.9, 1.1)).verdict == "none"
    clear = Gain((1.0, 1.02), (0.5, 0.52))
    assert (clear.verdict, clear.difference) == ("better", pytest.approx(0.5))
    assert clear.error == pytest.approx(0.02 / np.sqrt(2))
    assert Gain((0.5, 0.52), (1.0, 1.02)).verdict == "worse"


def without(events: Events, rows: Any) -> Events:
    """Gives the same events, of which some have become useless."""
    x, weights = events.x.copy(), events.weights.copy()
    x[rows], weights[rows] = np.nan, np.nan
    return replace(events, x=x, weights=weights)


@pytest.mark.parametrize("method", ["alices", "quadratic"])
@pytest.mark.parametrize("objective", ["cross_entropy", "closure", "stability"])
def test_no_objective_sees_an_event_on_which_limits_are_made(
    event_file: Path, tmp_path: Path, objective: str, method: str
) -> None:
    events = read_events(read_header(event_file))
    document = DOCUMENT | {"tuning": DOCUMENT["tuning"] | {"objective": objective}}
    configuration = resolved(document, events.header)
    test = split(len(events), configuration.splits, seed(configuration.seed, "split")).test
    wanted, found = tuning(document, method), []
    for name, some in {"all": events, "others": without(events, test)}.items():
        search = open_search(wanted, document, configuration, some, tmp_path / name)
        values = {f"{method}.training.learning_rate": 0.003}
        found.append(search.value(values))
    assert found[0] == found[1]
    assert np.isfinite(found[0])
