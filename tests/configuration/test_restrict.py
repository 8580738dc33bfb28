from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from madminer_workflow.configuration import load, load_learner
from madminer_workflow.configuration.document import complete, observed_file
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
SAMPLING, PLOTTING = {"sampling.json"}, {"plotting.json"}
RANDOM = {"sampling_method": "random_morphing_points"}


def files(document, header):
    """Returns the settings files of a document as JSON would hold them."""
    validate(document)
    return json.loads(json.dumps(settings(complete(resolve(document, header), header))))


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
    for name, content in files(BASE, header).items():
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
    document = complete(resolve(BASE, header), header)
    published = plan(document, Path("/run/settings"))
    assert published["sampling"] == "/run/settings/sampling.json"
    assert published["plotting"] == "/run/settings/plotting.json"
    assert published["members"][1] == {
        "name": "alices_1",
        "method": "alices",
        "member": 1,
        "training": "/run/settings/alices_1.training.json",
        "evaluation": "/run/settings/alices_1.evaluation.json",
    }
    assert [member["name"] for member in published["members"]] == [
        "alices_0",
        "alices_1",
        "sally_0",
    ]
    document = complete(resolve(FOLDS, header), header)
    members = plan(document, Path("/run/settings"))["members"]
    assert [(m["name"], m["member"]) for m in members] == [
        (f"quadratic_{number}", number) for number in range(6)
    ]
