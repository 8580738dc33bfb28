"""A store of MLflow that is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from madminer_workflow.tracking import store
from madminer_workflow.tracking.log import Dataset


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uses no store of the user, and lets no variable or logger stay changed."""
    for name in (store.URI, "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in store.QUIET.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    store.open_store(folder)
    return folder / store.FILE


@pytest.fixture
def events() -> Dataset:
    return Dataset("events.h5", "0123456789abcdef" * 4, "/data/events.h5")
