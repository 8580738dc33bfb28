from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from madminer_workflow.configuration import load, load_variants, merge
from madminer_workflow.configuration.frozen import freeze, origins
from madminer_workflow.configuration.schema import subschema


@pytest.fixture
def frozen(tmp_path, monkeypatch, header):
    """A function that freezes the texts of input files and gives the folder and configuration."""
    monkeypatch.chdir(tmp_path)

    def run(*texts, profile="default"):
        names = [f"{number}.yml" for number in range(len(texts))]
        for name, text in zip(names, texts, strict=True):
            Path(name).write_text(text)
        inputs = merge(names, profile)
        variants = load_variants(inputs, header)
        path = freeze(inputs, variants, tmp_path / "out" / "_input")
        assert path == tmp_path / "out" / "_input" / "merged.yml"
        return path.parent, variants[0].configuration

    return run


def rows(folder):
    """Returns origins as they were written, those of one key a line."""
    lines = (folder / "resolved.yml").read_text().splitlines()
    return {key: row for line in lines for key, row in yaml.safe_load(line).items()}


def test_the_frozen_file_stands_for_the_same_without_the_others(frozen, header, tmp_path):
    folder, configuration = frozen(
        "{methods: [alice, quadratic], luminosity: 3,"
        " training: &two {epochs: 2}, alice: {training: *two}}",
        "{seed: 7, asymptotic_limits: {region: {theta_0: {min: 0, max: 1}}}}",
        profile="full",
    )
    for path in tmp_path.glob("*.yml"):
        path.write_text("methods: [sally]")
    assert load(folder / "merged.yml", header) == configuration
    assert {path.name for path in folder.iterdir()} == {"merged.yml", "resolved.yml"}
    assert "&" not in (folder / "merged.yml").read_text()


def test_observed_events_are_frozen_too(frozen, header):
    Path("data.csv").write_text("angle,weather,energy\n0.5,rain,1\n")
    text = "{methods: [alice], luminosity: 1, observed: {data: data.csv}}"
    folder, configuration = frozen(text)
    first = (folder / "merged.yml").read_text()
    Path("data.csv").write_text("angle,energy\n-0.5,2\n")
    again = load(folder / "merged.yml", header)
    np.testing.assert_array_equal(again.observed.x, [[1.0, 0.5]])
    assert dataclasses.replace(again, observed=None) == dataclasses.replace(
        configuration, observed=None
    )
    assert rows(folder)["observed.data"] == {"value": "data.csv", "from": "0.yml"}
    folder, _ = frozen(text)
    assert load(folder / "merged.yml", header).observed.x.tolist() == [[2.0, -0.5]]
    assert (folder / "merged.yml").read_text() != first


def test_warnings_are_given_once(frozen, header, caplog):
    folder, _ = frozen("{methods: [alice], carl: {}}")
    assert len(caplog.messages) == 2
    caplog.clear()
    load(folder / "merged.yml", header)
    assert caplog.messages == []


def test_every_value_has_its_origin(frozen):
    folder, _ = frozen(
        "{methods: [alices, quadratic], training: {epochs: 4, alpha: 1}, luminosity: 2}",
        "{alices: {training: {alpha: 2}, theta_0: {sampling_method: benchmarks}},"
        " asymptotic_limits: {region: {theta_1: {min: 0, max: 1}}}}",
        profile="smoke",
    )
    found = rows(folder)
    expected = {
        "methods": (["alices", "quadratic"], "0.yml"),
        "luminosity": (2.0, "0.yml"),
        "seed": (1, "default"),
        "asymptotic_limits.resolutions": ([11, 11], "profile smoke"),
        "asymptotic_limits.region": (
            {"c_u": {"min": -1.0, "max": 1.5}, "c_d": {"min": 0.0, "max": 1.0}},
            "1.yml",
        ),
        "plotting.correlations": (False, "profile smoke"),
        "alices.training.epochs": (4, "0.yml"),
        "alices.training.alpha": (2.0, "1.yml"),
        "alices.training.batch_size": (1000, "default"),
        "alices.training.hidden_layers": ([16], "profile smoke"),
        "alices.samples.minimum_effective": (100.0, "default"),
        "quadratic.training.epochs": (4, "0.yml"),
        "quadratic.training.batch_size": (1024, "default"),
    }
    for key, (value, source) in expected.items():
        assert found[key] == {"value": value, "from": source}, key
    assert found["alices.theta_0"]["from"] == "1.yml"
    assert found["quadratic.theta_0"]["from"] == "default"
    for unused in (
        "quadratic.training.alpha",
        "quadratic.samples.train",
        "alices.training.n_folds",
    ):
        assert unused not in found


def test_origins_are_those_of_keys_of_the_schema(header, tmp_path):
    (tmp_path / "a.yml").write_text("methods: [carl, scandal]")
    inputs = merge([tmp_path / "a.yml"])
    found = origins(inputs, load_variants(inputs, header))
    assert [row["from"] for row in found.values()].count("default") == len(found) - 1
    for key in found:
        assert subschema(*key.split("."))["description"]


def test_combinations_keep_the_names_of_their_files(frozen, header):
    for number in (1, 2):
        Path(f"run{number}.csv").write_text(f"angle,energy\n0.5,{number}\n")
    folder, _ = frozen(
        "{methods: [alice], luminosity: 1, experiments: [{name: first, observed: run1.csv}],"
        " sweep: {grid: {observed.data: [run1.csv, run2.csv], training.epochs: [3]}}}"
    )
    for number in (1, 2):
        Path(f"run{number}.csv").unlink()
    variants = load_variants(folder / "merged.yml", header)
    assert [one.point.name for one in variants] == [f"data-run{n}.csv__epochs-3" for n in (1, 2)]
    assert [one.configuration.observed.x[0, 0] for one in variants] == [1.0, 2.0]
    assert variants[1].configuration.experiments[0].observed.x[0, 0] == 1.0
    found = rows(folder)
    assert found["observed.data"]["from"] == found["alice.training.epochs"]["from"] == "sweep"
    assert found["observed.data"]["value"]["data-run2.csv__epochs-3"] == "run2.csv"
    assert found["alice.training.batch_size"]["from"] == "default"
