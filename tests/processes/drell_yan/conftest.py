import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def reference() -> Callable[[str], dict[str, Any]]:
    """Numbers of an independent implementation of the same formulas, preset dy2."""
    folder = Path(__file__).parent / "reference"
    return lambda name: json.loads((folder / f"{name}.json").read_text())
