from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from madminer_workflow.configuration.model import (
    Configuration,
    Fisher,
    Histogram,
    Limits,
    Method,
    Plotting,
    Prior,
    Sampling,
    Splits,
    Thetas,
    Training,
)
from madminer_workflow.errors import InputError
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.sampling import PARTS, Samples, split
from madminer_workflow.seeds import seed
from madminer_workflow.steps.sample import sample
from madminer_workflow.storage import read_json, sha256

SM = Thetas("benchmark", ("sm",))
RANDOM = Thetas("random_morphing_points", number=7, priors=(Prior("flat", -1, 1),) * 2)


def _method(name: str, theta_0: Thetas, theta_1: Thetas = SM) -> Method:
    sampling = Sampling(theta_0, theta_1, 60, 30, 20, minimum_effective_samples=0)
    return Method(
        name, "parameterized", sampling, Training(1, 2, 1, (5,), "tanh", 1, 10, 0.1, 0.1, 1, 0)
    )


@pytest.fixture
def configuration() -> Configuration:
    return Configuration(
        seed=5,
        splits=Splits(0.6, 0.1, 0.3),
        methods=(_method("alices", RANDOM), _method("sally", SM)),
        limits=Limits(((-1, 1), (-1, 1)), (3, 3), ((0, 0),), 1.0, (True,)),
        observed=None,
        experiments=(),
        histogram=Histogram(("energy",), 5),
        fisher=Fisher(False, "energy", 5, None, (0, 0)),
        plotting=Plotting(True, None, False, False, (), False),
    )


@pytest.fixture
def events(event_file: Path) -> Events:
    return read_events(read_header(event_file))


def test_every_method_gets_a_folder(
    configuration: Configuration, events: Events, tmp_path: Path
) -> None:
    records = sample(configuration, events, tmp_path)
    files = sorted(str(p.relative_to(tmp_path / "samples")) for p in tmp_path.rglob("samples/*/*"))
    names = ("samples.json", "test.npz", "train.npz", "validation.npz")
    assert files == [f"{method}/{name}" for method in ("alices", "sally") for name in names]
    assert [record.method for record in records] == ["alices", "sally"]
    alices = Samples.load(tmp_path / "samples/alices", "train")
    assert (len(alices), alices.n_thetas) == (60, 7)


def test_the_record_says_what_was_drawn(
    configuration: Configuration, events: Events, tmp_path: Path
) -> None:
    sample(configuration, events, tmp_path)
    record = read_json(tmp_path / "samples/alices/samples.json")
    drawn = Samples.load(tmp_path / "samples/alices", "test")
    assert record.pop("parts")["test"] == {
        "n_samples": 20,
        "n_thetas": 7,
        "effective_samples": drawn.effective_samples,
        "seed": seed(5, "sampling", "alices", "test"),
    }
    assert record == {
        "method": "alices",
        "kind": "ratio",
        "parameters": ["c_u", "c_d"],
        "observables": ["energy", "angle"],
        "theta_ref": [[0.0, 0.0]],
        "event_file": "events.h5",
        "event_file_sha256": sha256(events.header.path),
    }


@pytest.mark.parametrize("base_seed", [None, 99])
def test_parts_are_disjoint_whatever_the_seed_of_the_samples(
    configuration: Configuration, events: Events, tmp_path: Path, base_seed: int | None
) -> None:
    sample(configuration, events, tmp_path, base_seed)
    partition = split(len(events), configuration.splits, seed(5, "split"))
    for name in ("alices", "sally"):
        for part in PARTS:
            rows = {row.tobytes() for row in events.x[getattr(partition, part)]}
            assert {
                row.tobytes() for row in Samples.load(tmp_path / "samples" / name, part).x
            } <= rows


def test_the_seed_decides_the_samples(
    configuration: Configuration, events: Events, tmp_path: Path
) -> None:
    shorter = replace(configuration, methods=configuration.methods[1:])
    for name, settings, base_seed in (
        ("first", configuration, None),
        ("same", shorter, None),
        ("other", configuration, 99),
    ):
        sample(settings, events, tmp_path / name, base_seed)
    first, same, other = (
        Samples.load(tmp_path / name / "samples/sally", "train").x
        for name in ("first", "same", "other")
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_all_parts_have_the_same_reference(
    configuration: Configuration, events: Events, tmp_path: Path
) -> None:
    methods = (_method("carl", RANDOM, RANDOM),)
    sample(replace(configuration, methods=methods), events, tmp_path)
    parts = [Samples.load(tmp_path / "samples/carl", part) for part in PARTS]
    for other in parts[1:]:
        np.testing.assert_array_equal(other.theta_ref, parts[0].theta_ref)
        assert not np.isin(other.theta, parts[0].theta).any()


def test_a_failure_leaves_what_was_there(
    configuration: Configuration,
    events: Events,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sample(configuration, events, tmp_path)
    before = sha256(tmp_path / "samples/alices/train.npz")
    original = Samples.save

    def killed(self: Samples, folder: Path, part: str) -> None:
        if part == "test":
            raise KeyboardInterrupt
        original(self, folder, part)  # type: ignore[arg-type]

    monkeypatch.setattr(Samples, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        sample(replace(configuration, seed=6), events, tmp_path)
    assert sha256(tmp_path / "samples/alices/train.npz") == before
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == ["alices", "sally"]


def test_nothing_is_written_when_the_events_do_not_suffice(
    configuration: Configuration, events: Events, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"splits\.validation"):
        sample(replace(configuration, splits=Splits(0.7, 0.0, 0.3)), events, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_and_three_parameters(
    configuration: Configuration, make_event_file: Callable[..., Path], tmp_path: Path
) -> None:
    for k in (1, 3):
        events = read_events(read_header(make_event_file(tmp_path / f"{k}.h5", n_parameters=k)))
        random = replace(RANDOM, priors=RANDOM.priors[:1] * k)
        methods = (_method("alices", random), _method("scandal", random), _method("sallino", SM))
        sample(replace(configuration, methods=methods), events, tmp_path / str(k))
        for method in methods:
            drawn = Samples.load(tmp_path / str(k) / "samples" / method.name, "validation")
            assert drawn.t_xz is not None
            assert drawn.t_xz.shape == drawn.theta.shape == (30, k)
