from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from madminer_workflow.cli import cli
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Ensemble, fit, save
from madminer_workflow.estimators.export import export

pytestmark = pytest.mark.filterwarnings("ignore")  # those of ONNX and its packages

CASES = [
    ("alices", "parameterized", "silu"),
    ("carl", "quadratic", "tanh"),
    ("sally", "parameterized", "relu"),
    ("scandal", "parameterized", "tanh"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "estimator", "activation"), CASES)
def test_onnx_equals_torch(
    gaussian: Any,
    make_samples: Any,
    make_learner: Any,
    tmp_path: Path,
    name: str,
    estimator: str,
    activation: str,
) -> None:
    import onnxruntime

    samples = make_samples(gaussian(2), name, 500)
    learner = make_learner(name, estimator, epochs=2, activation=activation)
    model = fit(learner, samples, samples).model
    save(model, tmp_path / "model")
    file = tmp_path / "new" / "model.onnx"
    words = ["export", "--model_file", str(tmp_path / "model"), "--output", str(file)]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{file} (differs from PyTorch by ")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(3)
    for n_events in (1, 1000):
        x, theta = 2 * rng.normal(size=(n_events, 2)), rng.uniform(-1, 1, (n_events, 2))
        inputs = {"observables": x}
        if model.kind == "score":
            expected = model.score(x)
        else:
            inputs["theta"], expected = theta, model.log_ratio_at(x, theta)
        (found,) = session.run(None, inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    properties = session.get_modelmeta().custom_metadata_map
    assert (properties["method"], properties["parameters"]) == (name, "a,b")


def test_what_is_refused(
    gaussian: Any,
    make_samples: Any,
    make_learner: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = make_samples(gaussian(1), "alices", 100)
    model = fit(make_learner("alices", epochs=1), samples, samples).model
    with pytest.raises(InputError, match="alices: not a single network"):
        export(Ensemble([model, model]), tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"onnx is missing, `pip install .*\[onnx\]"):
        export(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
