from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli
from madminer_workflow.tracking import store
from madminer_workflow.tracking.log import Record, Trained

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of MLflow and its many packages
]


def register(folder: Path, *words: str) -> Result:
    command = ["register", "--output_dir", str(folder), *(words or ("--name", "dy"))]
    return CliRunner().invoke(cli, command)


def leave(folder: Path, record: Record) -> Path:
    """Leaves the record of a step."""
    folder.mkdir(parents=True)
    (folder / "tracking.json").write_text(json.dumps(asdict(record)))
    return folder


@pytest.fixture
def run(tmp_path: Path, empty_store: Path) -> Path:
    """What a run leaves of two networks of one method and one of another."""
    shutil.copy(empty_store, tmp_path)
    facts = {"kind": "ratio", "parameters": ["a"], "observables": ["u"], "theta_ref": [[0.0]]}
    for number, name in enumerate(("alices_0", "alices_1", "sally_0")):
        model = Trained(f"models/{name}", {"u": [0.5, 1.0]})
        record = Record(name, "training", time=1.0 + number, model=model)
        path = leave(tmp_path / name, record) / "models" / name / "model.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**facts, "name": name}))
    leave(tmp_path / "plotting", Record("plotting", "plotting", time=9.0))
    results(tmp_path)
    return tmp_path


def results(folder: Path, **changes: Any) -> None:
    """Leaves what plotting has found."""
    limits = {"alices": {"members": [{"member": 0}, {"member": 1}]}}
    content = {"best": {"method": "alices"}, "limits": limits, **changes}
    (folder / "plotting" / "results.json").write_text(json.dumps(content))


def test_the_best_gets_the_name(run: Path) -> None:
    for version in ("1", "2"):
        result = register(run)
        assert result.exit_code == 0, result.output
        assert result.stdout == f"alices: models:/dy@champion, version {version}\n"
    client, experiment = store.open_store(run)
    assert client.get_model_version_by_alias("dy", "champion").version in (2, "2")
    logged = {one.name: one for one in client.search_logged_models([experiment])}
    assert set(logged) == {"alices", "alices_0", "alices_1", "sally_0"}
    members = sorted(Path(logged["alices"].artifact_location).glob("data/models/*/model.json"))
    assert [json.loads(path.read_text())["name"] for path in members] == ["alices_0", "alices_1"]


def test_what_cannot_be_registered(run: Path) -> None:
    def refused(*words: str) -> str:
        result = register(run, *words)
        assert result.exit_code == 2
        return result.stderr

    assert "name: 'a/b', expected a word" in refused("--name", "a/b")
    assert "alias: '', expected a word" in refused("--name", "a", "--alias", "")
    shutil.rmtree(run / "alices_1" / "models")
    assert "the model alices_1 is not there any more" in refused()
    results(run, best=None)
    assert "names no best method" in refused()
    results(run, combinations=[])
    assert "a sweep has no single best model" in refused()
    shutil.rmtree(run / "plotting")
    assert "has no results, expected a finished one" in refused()
    client, _ = store.open_store(run)
    assert client.search_registered_models() == []
