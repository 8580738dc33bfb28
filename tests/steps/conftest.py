"""Models that know the right answer, configurations, and a run with small trained networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.configuration import load, load_learner
from madminer_workflow.configuration.model import Configuration
from madminer_workflow.estimators.registry import METHODS, MethodSpec
from madminer_workflow.events import Events, Header, Observed, read_events, read_header
from madminer_workflow.processes.drell_yan.likelihood import ExactLikelihood
from madminer_workflow.sampling import split
from madminer_workflow.seeds import seed
from madminer_workflow.steps.evaluate import evaluate_file
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import train

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """Stands for a trained model; log r may be off by a function of the parameters.

    Attributes:
        header: The header of the event file.
        method: Name of the method.
        theta_ref: Reference points, (reference, parameter).
        bias: What is added to log r, a function of (theta, parameter).
        seen: Observables of the calls so far.
    """

    header: Header
    method: str
    theta_ref: Floats
    bias: Callable[[Floats], Floats] = lambda thetas: np.zeros(len(thetas))
    seen: list[Floats] = field(default_factory=list)

    @property
    def spec(self) -> MethodSpec:
        return METHODS[self.method]

    @property
    def kind(self) -> str:
        return self.spec.kind

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.header.parameter_names

    @property
    def observables(self) -> tuple[str, ...]:
        return self.header.observables

    def log_ratio_blocks(self, x: Floats, thetas: Floats) -> Iterator[tuple[slice, Floats]]:
        self.seen.append(x)
        for start in range(0, len(x), 3000):
            some = slice(start, min(start + 3000, len(x)))
            yield some, self.exact_log_ratio(x[some], thetas) + self.bias(thetas)

    def log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        return np.concatenate([block for _, block in self.log_ratio_blocks(x, thetas)])

    def log_ratio_at(self, x: Floats, thetas: Floats) -> Floats:
        pairs = zip(x[:, None], thetas[:, None], strict=True)
        return np.array([self.exact_log_ratio(*p)[0, 0] for p in pairs]) + self.bias(thetas)

    def score(self, x: Floats) -> Floats:
        self.seen.append(x)
        return self.exact_score(x)

    def exact_log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        raise NotImplementedError

    def exact_score(self, x: Floats) -> Floats:
        raise NotImplementedError


@dataclass(frozen=True)
class Oracle(Known):
    """Looks the joint ratio or score of each event up.

    Attributes:
        events: The events that it knows.
    """

    events: Events = None  # type: ignore[assignment]

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        return {row.tobytes(): index for index, row in enumerate(self.events.x)}

    def _relative(self, x: Floats, thetas: Floats) -> Floats:
        """Returns p(x, z|theta) up to a factor that depends on x and z, (event, theta)."""
        index = [self._rows[row.tobytes()] for row in x]
        densities = self.events.weights[index] @ self.header.weights(thetas).T
        return np.asarray(densities / self.events.cross_sections(thetas))

    def exact_log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        reference = self._relative(x, self.theta_ref).mean(axis=1, keepdims=True)
        return np.asarray(np.log(self._relative(x, thetas) / reference))

    def exact_score(self, x: Floats) -> Floats:
        return self.events.scores_at(self.theta_ref[0])[[self._rows[r.tobytes()] for r in x]]


@dataclass(frozen=True)
class Truth(Known):
    """Knows the exact likelihood of the example process."""

    @cached_property
    def likelihood(self) -> ExactLikelihood:
        from madminer_workflow.processes import exact_likelihood

        likelihood = exact_likelihood(self.header.process)
        assert likelihood is not None
        return likelihood

    def exact_log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        return self.likelihood.log_ratio(x, thetas, self.theta_ref[0])

    def exact_score(self, x: Floats) -> Floats:
        return self.likelihood.score(x, self.theta_ref[0])


@dataclass(frozen=True)
class Run:
    """What the steps before plotting have made of a toy, with `alices` an ensemble of two."""

    folder: Path
    input_file: Path
    configuration: Configuration
    events: Events

    @property
    def models(self) -> list[Path]:
        return sorted((self.folder / "models").iterdir())

    @property
    def results(self) -> list[Path]:
        return sorted((self.folder / "results").iterdir())


DOCUMENT: dict[str, Any] = {
    "methods": ["alices", "sally"],
    "seed": 5,
    "splits": {"train": 0.4, "validation": 0.1, "test": 0.5},
    "luminosity": 1000,
    "samples": {"train": 600, "validation": 200, "test": 100, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 2, "batch_size": 100},
    "asymptotic_limits": {"resolutions": 5},
}


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Configuration]:
    """A function of a header and keys of the input file that gives a configuration."""

    def make(header: Header, **keys: Any) -> Configuration:
        path = tmp_path / "input.json"
        path.write_text(json.dumps(DOCUMENT | keys))
        return load(path, header)

    return make


@pytest.fixture
def observe(tmp_path: Path) -> Callable[[Header, Floats], dict[str, str]]:
    """A function that writes observed events, columns in another order, and gives their key."""

    def write(header: Header, x: Floats) -> dict[str, str]:
        names = header.observables[::-1]
        Observed(tmp_path, names, x[:, ::-1]).save(tmp_path / "observed.npz")
        return {"data": "observed.npz"}

    return write


@pytest.fixture(scope="session")
def toy(
    make_event_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Events]:
    """A function of the number of parameters that gives 1000 events."""
    folder = tmp_path_factory.mktemp("toy")

    def read(n_parameters: int) -> Events:
        path = folder / f"{n_parameters}.h5"
        return read_events(read_header(make_event_file(path, n_parameters=n_parameters)))

    return read


@pytest.fixture(scope="session")
def drell_yan(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Events]:
    """A function of a preset that gives 100 000 events of the example process."""
    from madminer_workflow.processes import PRESETS
    from madminer_workflow.processes.drell_yan import event_file, generator

    folder = tmp_path_factory.mktemp("drell_yan")

    def read(preset: str) -> Events:
        path = folder / f"{preset}.h5"
        if not path.exists():
            event_file.write_event_file(generator.generate(PRESETS[preset], 100_000, 3), path)
        return read_events(read_header(path))

    return read


@pytest.fixture
def oracle() -> Callable[..., Oracle]:
    """A function of held-out events and a method that gives a model which knows them."""

    def make(events: Events, method: str = "alices", **changes: Any) -> Oracle:
        reference = events.header.theta(events.header.reference)[None]
        return Oracle(events.header, method, **{"theta_ref": reference, "events": events} | changes)

    return make


@pytest.fixture
def truth() -> Callable[..., Truth]:
    """A function of a header and a method that gives the best model of the example process."""

    def make(header: Header, method: str, **changes: Any) -> Truth:
        return Truth(header, method, header.theta(header.reference)[None], **changes)

    return make


@pytest.fixture
def held_out() -> Callable[[Configuration, Events], Events]:
    """A function that gives the events on which limits are computed."""

    def take(configuration: Configuration, events: Events) -> Events:
        base = seed(configuration.seed, "split")
        return events.take(split(len(events), configuration.splits, base).test)

    return take


@pytest.fixture(scope="session")
def run(make_event_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Samples, models and results of a toy; not to be changed."""
    folder = tmp_path_factory.mktemp("run")
    input_file = folder / "input.json"
    input_file.write_text(json.dumps(DOCUMENT | {"alices": {"training": {"n_members": 2}}}))
    header = read_header(make_event_file(folder / "events.h5"))
    made = Run(folder, input_file, load(input_file, header), read_events(header))
    sample(made.configuration, made.events, folder)
    for method in made.configuration.methods:
        learner = load_learner(input_file, method.name)
        for member in range(method.n_networks):
            samples = folder / "samples" / method.name
            _, model = train(learner, samples, member, folder, lambda _: None)
            evaluate_file(made.configuration, model, made.events, folder)
    return made
