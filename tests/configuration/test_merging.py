from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from madminer_workflow.configuration import PROFILES, load, merge
from madminer_workflow.configuration.merging import profile_text, seen_from
from madminer_workflow.configuration.schema import validate
from madminer_workflow.errors import InputError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A function that writes texts as a.yml, b.yml, ... and returns their names, seen from here."""
    monkeypatch.chdir(tmp_path)

    def write(*texts):
        names = [f"{letter}.yml" for letter, _ in zip("abcd", texts, strict=False)]
        for name, text in zip(names, texts, strict=True):
            Path(name).write_text(text)
        return names

    return write


def refusal(names, header, profile="default"):
    """Returns the message with which files are refused together."""
    with pytest.raises(InputError) as caught:
        load(merge(names, profile), header)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_mappings_are_merged_and_all_else_is_replaced(files):
    names = files(
        "{methods: [alice, sally], training: {epochs: 3, hidden_layers: [8, 8]}, seed: 1}",
        "{methods: [carl], training: {hidden_layers: [4], alpha: 2}, carl: {samples: {test: 5}}}",
        "{training: {epochs: 7}, carl: {}, samples: {}}",
    )
    assert merge(names).document == {
        "methods": ["carl"],
        "training": {"epochs": 7, "hidden_layers": [4], "alpha": 2},
        "seed": 1,
        "carl": {"samples": {"test": 5}},
        "samples": {},
    }


def test_a_mapping_and_another_value_replace_each_other(files):
    given = ["theta_0: {sampling_method: benchmarks}", "theta_0: 3", "theta_0: {prior: [1]}"]
    names = files(*(f"alice: {{{text}}}" for text in given))
    assert merge(names[:2]).document == {"alice": {"theta_0": 3}}
    assert merge(names).document == {"alice": {"theta_0": {"prior": [1]}}}


def test_sources_of_values(files):
    names = files("{methods: [alice], training: {epochs: 3, alpha: 1}}", "training: {alpha: 2}")
    inputs = merge(names, "smoke")
    assert inputs.files == ("a.yml", "b.yml")
    assert inputs.sources("methods") == ("a.yml",)
    assert inputs.sources("training", "epochs") == ("a.yml",)
    assert inputs.sources("training", "alpha") == ("b.yml",)
    assert inputs.sources("training", "hidden_layers") == ("profile smoke",)
    assert set(inputs.sources("training")) == {"profile smoke", "a.yml", "b.yml"}
    assert merge(files("{}", "{}")).document == {}
    assert merge(files("alice: {training: {}}")).sources("alice", "training", "alpha") == ()
    assert inputs.sources("training", "learning_rate") == inputs.sources("carl", "training") == ()


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            "training: {epochs: 0}",
            "training: {alpha: 1}",
            "a.yml: training.epochs: 0, expected an integer >= 1",
        ),
        (
            "training: {epochs: 3}",
            "training: {epochs: -3}",
            "b.yml: training.epochs: -3, expected an integer >= 1",
        ),
        (
            "splits: {train: 0.5}",
            "splits: {test: 0.3}",
            'a.yml, b.yml: splits: {"train": 0.5, "validation": 0.1, "test": 0.3} '
            "add up to 0.9, expected 1",
        ),
        (
            "seed: 1",
            "asymptotic_limits: {theta_true: [[0, 0], [9, 0]]}",
            "b.yml: asymptotic_limits.theta_true[1][0]: 9, expected a value of c_u in its range "
            "[-1, 1.5]",
        ),
        (
            "asymptotic_limits: {resolutions: fein}",
            "asymptotic_limits: {region: {c_x: {min: 0, max: 1}}}",
            'a.yml: asymptotic_limits.resolutions: "fein", expected an integer >= 2 or coarse, '
            "fine or a list (each an integer >= 2)",
        ),
        (
            "asymptotic_limits: {resolutions: fine}",
            "asymptotic_limits: {region: {c_x: {min: 0, max: 1}}}",
            "b.yml: asymptotic_limits.region.c_x: no such parameter in the event file, "
            "did you mean 'c_u'? allowed: c_u, c_d",
        ),
        (
            "training: {learning_rate: 0.1}",
            "samples: {test: 3}\nalice: {training: {final_learning_rate: 0.2}}",
            "b.yml: alice.training.final_learning_rate: 0.2 (alice), "
            "expected <= learning_rate, 0.1",
        ),
    ],
)
def test_a_message_names_key_and_file(files, header, first, second, message):
    names = files(f"methods: [alice]\n{first}\n", second)
    assert refusal(names, header) == message


def test_what_nobody_gave_is_missing_in_all_files(files, header):
    names = files("seed: 1", "training: {epochs: 3}")
    start = "a.yml, b.yml: methods: missing, expected a list"
    assert refusal(names, header, "smoke").startswith(start)


def test_a_profile_is_named_for_its_own_values_only(files, header):
    names = files("{methods: [alice], training: {final_learning_rate: 1}}", "luminosity: 1")
    message = "a.yml: training.final_learning_rate: 1 (alice), expected <= learning_rate, 0.01"
    assert refusal(names, header, "smoke") == message
    inputs = merge(names, "smoke")
    assert inputs.blamed("training.epochs: 1, expected") == "profile smoke"
    assert inputs.blamed("asymptotic_limits.region: c_u in [0, 1] goes") == "a.yml, b.yml"
    assert inputs.blamed("training.batch_size: 1, expected") == "a.yml"


def test_keys_that_begin_alike_are_told_apart(files, header):
    names = files("{methods: [alice, alices], alice: {}}", "alices: {training: {epochs: 0}}")
    assert refusal(names, header).startswith("b.yml: alices.training.epochs: 0, ")


@pytest.mark.parametrize("text", ["methods: [alice", "[alice]", ""])
def test_every_file_must_be_readable(files, header, text):
    names = files("methods: [alice]", text)
    assert refusal(names, header).startswith("b.yml: ")
    with pytest.raises(InputError, match=r"^none.yml: cannot be read"):
        merge(["a.yml", "none.yml"])


def test_paths_start_from_the_folder_of_the_file_that_names_them(files, header):
    names = files("{methods: [alice], luminosity: 1}")
    for folder, rows in (("first", "1,0\n"), ("second", "1,0\n2,0\n")):
        Path(folder).mkdir()
        Path(folder, "input.yml").write_text("observed: {data: data.csv}")
        Path(folder, "data.csv").write_text(f"energy,angle\n{rows}")
    both = [*names, "first/input.yml", "second/input.yml"]
    observed = load(merge(both), header).observed
    assert (observed.path, len(observed)) == (Path("second/data.csv"), 2)
    assert len(load(merge(both[:2]), header).observed) == 1
    Path("first/data.csv").unlink()
    message = refusal(both[:2], header)
    assert message.startswith("first/input.yml: observed.data: first/data.csv: no such file")


def test_paths_as_seen_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = {
        "methods": ["sally", "mine"],
        "observed": {"data": "in/a.csv"},
        "experiments": [{"name": "b", "observed": "/data/b.csv"}],
        "mine": {"class": "in/my.py:Mine"},
        "other": {"class": "package.module:Other"},
    }
    there = seen_from(document, Path("out/tuning"))
    assert there == document | {
        "observed": {"data": "../../in/a.csv"},
        "mine": {"class": "../../in/my.py:Mine"},
    }


def test_a_profile_comes_before_the_files(files, header):
    (name,) = files("{methods: [alice], training: {epochs: 4}, alice: {samples: {test: 9}}}")
    (method,) = load(merge([name], "smoke"), header).methods
    assert (method.training.epochs, method.training.hidden_layers) == (4, (16,))
    assert (method.sampling.n_train, method.sampling.n_test) == (5000, 9)


def test_the_default_profile_changes_nothing(files, header):
    names = files("{methods: [alice], samples: {train: 5}}")
    assert merge(names, "default").document == {"methods": ["alice"], "samples": {"train": 5}}
    assert load(merge(names, "default"), header) == load(names[0], header)


def test_profiles_are_ordered_by_cost(headers, files):
    names = files("methods: [quadratic, alice]")
    for header in headers.values():
        smoke, default, full = (load(merge(names, name), header) for name in PROFILES)
        for lower, higher in ((smoke, default), (default, full)):
            assert lower.limits.resolutions < higher.limits.resolutions
            for few, many in zip(lower.methods, higher.methods, strict=True):
                assert few.training.epochs < many.training.epochs
                assert few.training.n_members <= many.training.n_members
                assert few.sampling.n_train < many.sampling.n_train
                assert few.sampling.n_validation < many.sampling.n_validation
                assert few.sampling.n_test < many.sampling.n_test


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_follow_the_schema_and_say_what_they_are(name):
    assert profile_text(name).startswith(f"# {name}: ")
    validate({"methods": ["alice"]} | yaml.safe_load(profile_text(name)))


def test_unknown_profiles_are_refused(files):
    with pytest.raises(InputError) as caught:
        merge(files("methods: [alice]"), "smok")
    assert str(caught.value) == (
        "profile: 'smok', did you mean 'smoke'? allowed: smoke, default, full"
    )


def test_a_profile_gives_no_warnings_and_those_of_files_name_them(files, header, caplog):
    names = files("{methods: [quadratic], luminosity: 1}", "training: {early_stopping: 3}")
    load(merge(names[:1], "smoke"), header)
    assert caplog.messages == []
    load(merge(names, "smoke"), header)
    assert caplog.messages == ["b.yml: training.early_stopping: not used by quadratic"]
