from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from madminer_workflow.configuration import (
    Inputs,
    load,
    load_learner,
    load_parts,
    load_variants,
)
from madminer_workflow.configuration.document import complete, observed_file
from madminer_workflow.configuration.merging import _tree
from madminer_workflow.configuration.resolve import resolve
from madminer_workflow.configuration.restrict import plan, settings
from madminer_workflow.configuration.schema import validate
from madminer_workflow.events import read_header

OLDER = Path(__file__).parents[1] / "data" / "older_input.yml"
BASE = {
    "methods": ["alices", "sally"],
    "alices": {"training": {"n_members": 2}},
}
FOLDS = {"methods": ["quadratic"], "quadratic": {"training": {"n_folds": 3, "n_members": 2}}}
EVALUATION = {f"{name}.evaluation.json" for name in ("alices_0", "alices_1", "sally_0")}
ALICES = {"alices_0.training.json", "alices_1.training.json"}
TRAINING = ALICES | {"sally_0.training.json"}
STEPS = ("training", "evaluation")
SAMPLING, PLOTTING = {"sampling.json"}, {"plotting.json"}
RANDOM = {"sampling_method": "random_morphing_points"}


def variants(document, header):
    """Returns all that a document stands for."""
    validate(document)
    return load_variants(Inputs(("input.yml",), _tree(document, "input.yml")), header)


def files(document, header):
    """Returns the settings files of a document as JSON would hold them."""
    return json.loads(json.dumps(settings(variants(document, header))))


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        ({"seed": 7}, SAMPLING | TRAINING | EVALUATION | PLOTTING),
        ({"splits": {"train": 0.6, "test": 0.3}}, SAMPLING | EVALUATION | PLOTTING),
        ({"samples": {"train": 7}}, SAMPLING),
        ({"samples": {"minimum_effective": 7}}, SAMPLING),
        ({"sally": {"samples": {"test": 7}}}, SAMPLING | {"sally_0.evaluation.json"}),
        (
            {"alices": BASE["alices"] | {"samples": {"test": 7}}},
            SAMPLING | {"alices_0.evaluation.json", "alices_1.evaluation.json"} | PLOTTING,
        ),
        ({"alices": BASE["alices"] | {"theta_0": RANDOM | {"sampling_number": 7}}}, SAMPLING),
        ({"alices": BASE["alices"] | {"theta_1": {"sampling_method": "benchmarks"}}}, SAMPLING),
        ({"sally": {"theta_1": {"sampling_method": "benchmarks"}}}, set()),
        ({"training": {"epochs": 7}}, TRAINING),
        ({"training": {"alpha": 7}}, ALICES),
        ({"estimator": "quadratic"}, ALICES),
        ({"sally": {"training": {"epochs": 7}}}, {"sally_0.training.json"}),
        ({"luminosity": 7}, EVALUATION | PLOTTING),
        ({"asymptotic_limits": {"resolutions": 7}}, EVALUATION | PLOTTING),
        ({"asymptotic_limits": {"theta_true": [[0, 0], [0.1, 0]]}}, EVALUATION | PLOTTING),
        ({"observed": {"data": "observed.csv"}}, EVALUATION | PLOTTING),
        ({"training": {"n_folds": 7}}, set()),
        ({"asymptotic_limits": {"region": {"c_u": {"min": 0, "max": 1}}}}, EVALUATION | PLOTTING),
        ({"include_xsec": False}, PLOTTING),
        ({"histogram_bins": 7}, PLOTTING),
        ({"fisher_information": {"observable": "angle"}}, PLOTTING),
        ({"fisher_information": {"histogram_range": [0, 7]}}, PLOTTING),
        ({"fisher_information": {"bool": False}}, {"sally_0.evaluation.json"} | PLOTTING),
        ({"fisher_information": {"theta_true": [0.1, 0]}}, {"sally_0.evaluation.json"} | PLOTTING),
        ({"plotting": {"rates": False}}, PLOTTING),
        ({"plotting": {"all_methods_pvalue": "sally"}}, PLOTTING),
    ],
)
def test_a_change_reaches_the_steps_that_use_it(header, tmp_path, monkeypatch, change, affected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "observed.csv").write_text("energy,angle\n1,0\n")
    before, after = files(BASE, header), files(BASE | change, header)
    assert before.keys() == after.keys() == SAMPLING | TRAINING | EVALUATION | PLOTTING
    assert {name for name in before if before[name] != after[name]} == affected


def test_another_member_leaves_the_others_alone(header):
    before = files(BASE, header)
    after = files(BASE | {"alices": {"training": {"n_members": 3}}}, header)
    assert after.keys() - before.keys() == {"alices_2.training.json", "alices_2.evaluation.json"}
    assert all(after[name] == content for name, content in before.items())


def test_another_member_of_each_fold_leaves_the_others_alone(header):
    before = files(FOLDS, header)
    names = {f"quadratic_{number}" for number in range(6)}
    assert {name for name in before if name.endswith(".training.json")} == {
        f"{name}.training.json" for name in names
    }
    more = {"quadratic": {"training": {"n_folds": 3, "n_members": 3}}}
    after = files(FOLDS | more, header)
    assert len(after) - len(before) == 3 * 2
    assert all(after[name] == content for name, content in before.items())


def test_other_folds_train_all_members_anew(header):
    before, fewer = files(FOLDS, header), {"quadratic": {"training": {"n_folds": 2}}}
    after = files(FOLDS | fewer, header)
    training = {"quadratic_0.training.json", "quadratic_1.training.json"}
    assert {
        name for name in before.keys() & after.keys() if before[name] != after[name]
    } == training


def test_another_method_leaves_the_members_of_others_alone(header):
    before = files(BASE, header)
    after = files(BASE | {"methods": ["carl", "alices", "sally"]}, header)
    assert {name for name in before if after[name] != before[name]} == SAMPLING | PLOTTING


def test_a_step_sees_the_same_configuration(header, tmp_path):
    document = BASE | {
        "seed": 3,
        "luminosity": 7,
        "training": {"epochs": 2},
        "samples": {"test": 5},
        "asymptotic_limits": {"resolutions": [3, 4], "theta_true": [[0.1, 0], [0, 0.1]]},
        "fisher_information": {"histogram_range": [0, 5]},
        "plotting": {"rates": False},
    }
    whole = resolve(document, header)
    for name, content in files(document, header).items():
        (tmp_path / name).write_text(json.dumps(content))
    sampling = load(tmp_path / "sampling.json", header)
    assert [m.sampling for m in sampling.methods] == [m.sampling for m in whole.methods]
    assert (sampling.seed, sampling.splits) == (whole.seed, whole.splits)
    alices = load_learner(tmp_path / "alices_1.training.json", "alices")
    training = dataclasses.replace(whole.methods[0].training, n_members=1)
    assert (alices.seed, alices.training) == (3, training)
    evaluation = load(tmp_path / "sally_0.evaluation.json", header)
    assert evaluation.fisher.theta_true == whole.fisher.theta_true
    assert evaluation.methods[0].sampling.n_test == 5
    plotting = load(tmp_path / "plotting.json", header)
    assert (plotting.fisher, plotting.plotting) == (whole.fisher, whole.plotting)
    assert plotting.methods[0].sampling.n_test == 5
    for step in (evaluation, plotting):
        assert (step.limits, step.splits, step.seed) == (whole.limits, whole.splits, whole.seed)


def test_steps_read_the_observed_events_beside_their_files(header, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("angle,energy,weather\n0.5,1,rain\n-0.5,2,sun\n")
    document = BASE | {"observed": {"data": "data.csv"}}
    observed = resolve(document, header).observed
    (tmp_path / "settings").mkdir()
    for name, content in files(document, header).items():
        (tmp_path / "settings" / name).write_text(json.dumps(content))
    observed.save(tmp_path / "settings" / observed_file(observed))
    monkeypatch.chdir(tmp_path / "settings")
    Path("../data.csv").unlink()
    for name in EVALUATION | PLOTTING:
        seen = load(tmp_path / "settings" / name, header).observed
        assert seen.x.tolist() == observed.x.tolist() == [[1.0, 0.5], [2.0, -0.5]]
    assert load("sampling.json", header).observed is None


def test_files_give_no_warnings(header, tmp_path, caplog):
    contents = files(BASE, header)
    caplog.clear()
    for name, content in contents.items():
        path = tmp_path / name
        path.write_text(json.dumps(content))
        load(path, header)
    assert not caplog.records


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_complete_document_stands_for_the_same_configuration(headers, tmp_path, n_parameters):
    header = headers[n_parameters]
    document = {
        "methods": ["alices", "scandal"],
        "asymptotic_limits": {"theta_true": [[0.1] * n_parameters, [0.2] * n_parameters]},
        "fisher_information": {"histogram_bins": [0, 1, 5]},
        "plotting": {"all_methods_pvalue": False},
        "alices": {
            "theta_0": {
                "sampling_method": "morphing_points",
                "sampling_arg": [[0.5] * n_parameters],
            }
        },
        "scandal": {"theta_0": {"sampling_method": "benchmarks"}},
    }
    configuration = resolve(document, header)
    path = tmp_path / "input.json"
    path.write_text(json.dumps(complete(configuration, header)))
    assert load(path, header) == configuration


def test_complete_document_of_the_older_input(dummy_events, tmp_path):
    header = read_header(dummy_events)
    configuration = load(OLDER, header)
    path = tmp_path / "input.json"
    path.write_text(json.dumps(complete(configuration, header)))
    assert load(path, header) == configuration


def test_plan_lists_members_in_the_order_of_the_methods(header):
    published = plan(variants(BASE, header), Path("/run/settings"))
    assert published["sampling"] == "/run/settings/sampling.json"
    assert published["plotting"] == "/run/settings/plotting.json"
    assert published["members"][1] == {
        "name": "alices_1",
        "method": "alices",
        "member": 1,
        "sample_set": "alices",
        "training": "/run/settings/alices_1.training.json",
        "evaluation": {
            "names": ["alices_1"],
            "settings": ["/run/settings/alices_1.evaluation.json"],
        },
    }
    assert [member["name"] for member in published["members"]] == [
        "alices_0",
        "alices_1",
        "sally_0",
    ]
    members = plan(variants(FOLDS, header), Path("/run/settings"))["members"]
    assert [(m["name"], m["member"]) for m in members] == [
        (f"quadratic_{number}", number) for number in range(6)
    ]


GRID = {
    "methods": ["alices", "sally"],
    "sweep": {
        "grid": {
            "alices.training.epochs": [2, 3],
            "samples.train": [50, 60],
            "asymptotic_limits.resolutions": [4, 5],
            "plotting.rates": [True, False],
        }
    },
}


def test_combinations_share_what_is_the_same(header):
    contents = files(GRID, header)
    sets = [row["name"] for row in contents["sampling.json"]["variants"]]
    assert sets == [f"{m}__train-{n}" for n in (50, 60) for m in ("alices", "sally")]
    members = plan(variants(GRID, header), Path())["members"]
    assert [(one["name"], one["sample_set"]) for one in members] == [
        *(
            (f"alices_0__epochs-{epochs}__train-{n}", f"alices__train-{n}")
            for epochs in (2, 3)
            for n in (50, 60)
        ),
        *((f"sally_0__train-{n}", f"sally__train-{n}") for n in (50, 60)),
    ]
    names = [f"sally_0__train-60__resolutions-{number}" for number in (4, 5)]
    assert members[-1]["evaluation"] == {
        "names": names,
        "settings": [f"{name}.evaluation.json" for name in names],
    }
    assert len({json.dumps(contents[f"{name}.evaluation.json"]) for name in names}) == 2
    rows = contents["plotting.json"]["variants"]
    assert len(rows) == 16
    assert rows[-1]["name"] == "epochs-3__train-60__resolutions-5__rates-false"
    assert rows[-1]["values"]["plotting.rates"] is False
    results = [name for member in members for name in member["evaluation"]["names"]]
    wanted = ["alices_0__epochs-3__train-60__resolutions-5", names[1]]
    assert [results[place] for place in rows[-1]["results"]] == wanted


def test_a_combination_is_restricted_as_if_it_were_alone(header, tmp_path):
    contents = files(GRID, header)
    alone = files(
        {
            "methods": ["alices", "sally"],
            "alices": {"training": {"epochs": 3}},
            "samples": {"train": 50},
            "asymptotic_limits": {"resolutions": 5},
            "plotting": {"rates": False},
        },
        header,
    )
    by_name = {row["name"]: row for row in contents["plotting.json"]["variants"]}
    row = by_name["epochs-3__train-50__resolutions-5__rates-false"]
    assert row["document"] == alone["plotting.json"]
    assert contents["alices_0__epochs-3__train-50.training.json"] == alone["alices_0.training.json"]
    evaluation = contents["alices_0__epochs-3__train-50__resolutions-5.evaluation.json"]
    assert evaluation == alone["alices_0.evaluation.json"]
    (tmp_path / "plotting.json").write_text(json.dumps(contents["plotting.json"]))
    parts = load_parts(tmp_path / "plotting.json", header)
    (tmp_path / "plotting.json").write_text(json.dumps(alone["plotting.json"]))
    assert parts[11].name == row["name"]
    assert parts[11].configuration == load(tmp_path / "plotting.json", header)
    assert parts[11].configuration != parts[10].configuration


def test_initialisations_share_samples_and_one_is_that_of_the_seed(header):
    document = {"methods": ["alices"], "seed": 4, "initialisations": [3, 4]}
    contents, alone = files(document, header), files({"methods": ["alices"], "seed": 4}, header)
    assert [row["name"] for row in contents["sampling.json"]["variants"]] == ["alices"]
    assert contents["sampling.json"]["variants"][0]["document"] == alone["sampling.json"]
    name = "alices_0__initialisation-4"
    for step in STEPS:
        assert contents[f"{name}.{step}.json"] == alone[f"alices_0.{step}.json"]
    assert contents["alices_0__initialisation-3.training.json"]["alices"]["training"]["seed"] == 3


def test_a_longer_sweep_leaves_all_that_is_there_alone(header):
    before = files(GRID, header)
    longer = copy.deepcopy(GRID)
    longer["sweep"]["grid"]["alices.training.epochs"].append(4)
    after = files(longer, header)
    names = [f"alices_0__epochs-4__train-{n}" for n in (50, 60)]
    new = {f"{name}__resolutions-{r}.evaluation.json" for name in names for r in (4, 5)}
    assert after.keys() - before.keys() == new | {f"{name}.training.json" for name in names}
    changed = {name for name in before if after[name] != before[name]}
    assert changed == PLOTTING
    longer["sweep"]["grid"]["asymptotic_limits.resolutions"].append(6)
    names = files(longer, header).keys() - after.keys()
    assert len(names) == 3 * 2 + 2
    assert all(name.endswith("__resolutions-6.evaluation.json") for name in names)


def test_experiments_are_evaluated_once_for_each_condition(header, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run.csv").write_text("energy,angle\n1,0\n")
    table = [
        {"name": "high", "luminosity": 7},
        {"name": "bsm", "theta_true": [0.1, 0.2]},
        {"name": "high-bsm", "theta_true": [0.1, 0.2], "luminosity": 7},
        {"name": "run", "observed": "run.csv"},
    ]
    before = files(BASE | {"experiments": table[:2]}, header)
    found = before["sally_0.evaluation.json"]["experiments"]
    assert found == [{"name": "condition_1", "theta_true": [0.1, 0.2]}]
    again = [table[0] | {"include_xsec": True}, *table[1:3]]
    after = files(BASE | {"experiments": again}, header)
    assert {name for name in before if before[name] != after[name]} == PLOTTING
    after = files(BASE | {"experiments": table}, header)
    assert {name for name in before if before[name] != after[name]} == PLOTTING | EVALUATION
    rows = after["sally_0.evaluation.json"]["experiments"]
    assert [set(row) for row in rows] == [{"name", "theta_true"}, {"name", "observed"}]
    assert (rows[1]["observed"][:9], len(after["plotting.json"]["experiments"])) == ("observed-", 4)
