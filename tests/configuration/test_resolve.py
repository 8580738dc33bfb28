from __future__ import annotations

import dataclasses
import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest

from madminer_workflow.configuration import load, load_learner
from madminer_workflow.configuration.model import Histogram, Learner, Prior, Splits, Thetas
from madminer_workflow.configuration.resolve import resolve
from madminer_workflow.configuration.schema import resolved, schema, validate
from madminer_workflow.configuration.sweep import SPREADING
from madminer_workflow.errors import InputError
from madminer_workflow.events import read_header

OLDER = Path(__file__).parents[1] / "data" / "older_input.yml"
DEFAULT = Path(__file__).parents[2] / "workflow" / "input.yml"


def configured(document, header):
    """Returns the configuration of a document, given as it would stand in a file."""
    document = {"methods": ["alice", "sally"]} | document
    validate(document)
    return resolve(document, header)


def refusal(document, header):
    """Returns the message with which a document is refused."""
    with pytest.raises(InputError) as caught:
        configured(document, header)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_defaults_follow_the_event_file(headers, n_parameters):
    header = headers[n_parameters]
    configuration = configured({}, header)
    limits, (alice, sally) = configuration.limits, configuration.methods
    assert limits.region == tuple((p.minimum, p.maximum) for p in header.parameters)
    assert limits.resolutions == ((101,), (25, 25), (11, 11, 11))[n_parameters - 1]
    assert limits.thetas_true == ((0.0,) * n_parameters,)
    assert configuration.fisher.theta_true == (0.0,) * n_parameters
    assert configuration.observed is None
    assert configuration.histogram == Histogram(("energy",), 50)
    flat = tuple(Prior("flat", p.minimum, p.maximum) for p in header.parameters)
    assert alice.sampling.theta_0 == Thetas("random_morphing_points", number=5000, priors=flat)
    assert alice.sampling.theta_1 == Thetas("benchmark", benchmarks=("sm",))
    assert sally.sampling.theta_0 == Thetas("benchmark", benchmarks=("sm",))


def test_default_input_file_states_the_defaults_and_fits_every_event_file(headers, dummy_events):
    for header in (*headers.values(), read_header(dummy_events)):
        methods = ["quadratic", "alices", "sally"]
        assert load(DEFAULT, header) == configured({"methods": methods}, header)


def test_older_input_file_is_accepted_unchanged(dummy_events):
    configuration = load(OLDER, read_header(dummy_events))
    carl, rolr, sally = configuration.methods
    assert [method.name for method in (carl, rolr, sally)] == ["carl", "rolr", "sally"]
    assert carl.sampling.theta_0 == Thetas(
        "random_morphing_points",
        number=20,
        priors=(Prior("gaussian", 0.0, 1.0), Prior("flat", -2.0, 3.0)),
    )
    assert rolr.sampling.theta_0 == Thetas("benchmarks", benchmarks=("sm", "w"))
    assert rolr.sampling.theta_1 == Thetas("morphing_points", points=((0.5, -0.5),))
    assert sally.sampling.theta_0 == Thetas("benchmark", benchmarks=("sm",))
    assert configuration.limits.region == ((-20.0, 20.0), (-20.0, 20.0))
    assert configuration.limits.resolutions == (25, 25)
    assert configuration.limits.include_xsec == (True, False)
    assert configuration.histogram.observables == ("pt_j1",)
    assert configuration.fisher.bins == (30.0, 100.0, 200.0, 400.0)
    assert configuration.plotting.all_methods_pvalue == "carl"
    assert configuration.plotting.correlations_methods == ("carl", "rolr")


def test_lists_of_one_may_be_written_without_brackets(headers):
    header = headers[1]
    short = {
        "include_xsec": True,
        "histogram_vars": "angle",
        "asymptotic_limits": {"theta_true": 0.5, "resolutions": 7},
        "fisher_information": {"theta_true": 0.5},
        "plotting": {"correlations_methods": "alice"},
        "alice": {"theta_0": {"sampling_method": "benchmarks", "sampling_arg": "b1"}},
        "sally": {"theta_0": {"sampling_method": "morphing_point", "sampling_arg": 0.5}},
    }
    long = {
        "include_xsec": [True],
        "histogram_vars": ["angle"],
        "asymptotic_limits": {"theta_true": [0.5], "resolutions": [7]},
        "fisher_information": {"theta_true": [0.5]},
        "plotting": {"correlations_methods": ["alice"]},
        "alice": {"theta_0": {"sampling_method": "benchmarks", "sampling_arg": ["b1"]}},
        "sally": {"theta_0": {"sampling_method": "morphing_points", "sampling_arg": [[0.5]]}},
    }
    assert configured(short, header) == configured(long, header)


def test_whole_numbers_may_be_written_as_floats(header):
    configuration = configured({"samples": {"train": 1e5}, "training": {"epochs": 2.0}}, header)
    numbers = configuration.methods[0].sampling.n_train, configuration.methods[0].training.epochs
    assert numbers == (100000, 2)
    assert all(isinstance(number, int) for number in numbers)


@pytest.mark.parametrize("names", [("c_u", "c_d"), ("theta_0", "theta_1"), ("theta_1", "c_u")])
def test_regions_by_name_and_by_position(header, names):
    intervals = {
        "c_u": (-1.0, 1.0),
        "c_d": (0.0, 2.0),
        "theta_0": (-1.0, 1.0),
        "theta_1": (0.0, 2.0),
    }
    region = {name: dict(zip(("min", "max"), intervals[name], strict=True)) for name in names}
    limits = configured({"asymptotic_limits": {"region": region}}, header).limits
    assert limits.region == ((-1.0, 1.0), (0.0, 2.0))


def test_region_of_one_parameter_leaves_the_range_to_the_other(header):
    region = {"c_d": {"min": 0, "max": 1}}
    limits = configured({"asymptotic_limits": {"region": region}}, header).limits
    assert limits.region == ((-1.0, 1.5), (0.0, 1.0))


def test_settings_of_a_method_replace_the_common_ones(header):
    document = {
        "training": {"epochs": 3, "batch_size": 50},
        "samples": {"train": 500},
        "alice": {"training": {"epochs": 7}, "samples": {"test": 9}},
    }
    alice, sally = configured(document, header).methods
    assert (alice.training.epochs, alice.training.batch_size) == (7, 50)
    assert (sally.training.epochs, sally.training.batch_size) == (3, 50)
    assert (alice.sampling.n_train, alice.sampling.n_test) == (500, 9)
    assert (sally.sampling.n_train, sally.sampling.n_test) == (500, 10000)


def test_last_learning_rate_follows_the_first(header):
    training = configured({"training": {"learning_rate": 0.003}}, header).methods[0].training
    assert training.final_learning_rate == pytest.approx(0.00003)


def test_methods_may_have_defaults_of_their_own(header):
    document = {"methods": ["alice", "quadratic", "scandal"], "training": {"epochs": 4}}
    alice, quadratic, scandal = (m.training for m in configured(document, header).methods)
    assert alice.n_members == quadratic.n_members == scandal.n_members == 1
    assert quadratic.n_folds == 2
    assert (alice.alpha, scandal.alpha) == (0.3, 5)
    assert (alice.learning_rate, quadratic.learning_rate) == (0.01, 0.003)
    assert alice.epochs == quadratic.epochs == scandal.epochs == 4


@pytest.mark.parametrize("key", ["training", "quadratic.training"])
def test_a_single_fold_is_refused(header, key):
    document = changed({"methods": ["quadratic"]}, f"{key}.n_folds", 1)
    assert refusal(document, header) == f"{key}.n_folds: 1, expected an integer >= 2"


def test_networks_are_members_of_each_fold(header):
    document = {"methods": ["alice", "quadratic"], "training": {"n_members": 2, "n_folds": 3}}
    alice, quadratic = configured(document, header).methods
    assert (alice.n_networks, quadratic.n_networks) == (2, 6)


def test_one_true_point_or_several(header):
    def true(value):
        return configured({"asymptotic_limits": {"theta_true": value}}, header)

    assert true([0.1, 0]).limits.thetas_true == ((0.1, 0.0),)
    assert true([[0.1, 0]]) == true([0.1, 0])
    several = true([[0.1, 0], [0, -0.5], [1, 1]])
    assert several.limits.thetas_true == ((0.1, 0.0), (0.0, -0.5), (1.0, 1.0))
    assert several.fisher.theta_true == (0.1, 0.0)


def test_several_true_points_of_one_parameter(headers):
    limits = configured({"asymptotic_limits": {"theta_true": [[0.1], [0.2]]}}, headers[1]).limits
    assert limits.thetas_true == ((0.1,), (0.2,))


def observed_csv(path, names="energy,angle", rows=("1.5,0.25", "2,-0.5")):
    """Writes a file of observed events."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([names, *rows, ""]))


def test_observed_events_are_sought_from_the_folder_of_the_input_file(
    write_input, header, tmp_path, monkeypatch
):
    path = write_input("methods: [alice]\nluminosity: 1\nobserved: {data: a folder/data.csv}\n")
    observed_csv(tmp_path / "a folder" / "data.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for given in (path, Path("../input.yml")):
        observed = load(given, header).observed
        assert observed.observables == ("energy", "angle")
        assert observed.x.tolist() == [[1.5, 0.25], [2.0, -0.5]]
    path = write_input(f"{{methods: [alice], observed: {{data: '{tmp_path}/a folder/data.csv'}}}}")
    assert len(load(path, header).observed) == 2


def test_observables_are_found_by_name(write_input, header, tmp_path):
    path = write_input("methods: [alice]\nluminosity: 1\nobserved: {data: data.csv}\n")
    observed_csv(tmp_path / "data.csv", "angle,energy", ["0.25,1.5"])
    assert load(path, header).observed.x.tolist() == [[1.5, 0.25]]


@pytest.mark.parametrize(
    ("names", "rows", "message"),
    [
        (None, (), "no such file, expected UTF-8 text"),
        ("energy,phi", ["1,2"], "no column angle, the file has energy, phi"),
        ("energy,angle", ["1,nan"], "1 values are not finite numbers, the first is nan in event 1"),
    ],
)
def test_a_fault_of_observed_events_names_the_key_and_the_file(
    write_input, header, tmp_path, names, rows, message
):
    path = write_input("methods: [alice]\nobserved: {data: data.csv}\n")
    if names:
        observed_csv(tmp_path / "data.csv", names, rows)
    with pytest.raises(InputError) as caught:
        load(path, header)
    start = f"{path}: observed.data: {tmp_path / 'data.csv'}: {message}"
    assert str(caught.value).startswith(start)


def test_luminosity_comes_from_the_input_file_the_event_file_or_the_default(header):
    generated = dataclasses.replace(header, process={"luminosity_ipb": 300000})
    assert configured({"luminosity": 5}, generated).limits.luminosity_ipb == 5
    assert configured({}, generated).limits.luminosity_ipb == 300000
    assert configured({}, header).limits.luminosity_ipb == 10000


def test_without_morphing_the_benchmarks_serve(header):
    header = dataclasses.replace(header, morphing=None)
    configuration = configured({}, header)
    theta_0 = configuration.methods[0].sampling.theta_0
    assert theta_0 == Thetas("benchmarks", benchmarks=header.benchmark_names)
    assert not configuration.fisher.enabled
    assert "allowed" not in refusal({"asymptotic_limits": {"theta_true": [0.1, 0.1]}}, header)
    random = {"theta_0": {"sampling_method": "random_morphing_points"}}
    assert refusal({"alice": random}, header) == (
        'alice.theta_0.sampling_method: "random_morphing_points", expected benchmark or benchmarks '
        "(the event file has no morphing)"
    )


@pytest.mark.parametrize(
    ("value", "expected"), [("sally", "sally"), (True, "alice"), (False, None)]
)
def test_method_behind_the_limits_of_all(header, value, expected):
    plotting = configured({"plotting": {"all_methods_pvalue": value}}, header).plotting
    assert plotting.all_methods_pvalue == expected


BAD = [
    (
        {"asymptotic_limits": {"region": {"c_x": {"min": 0, "max": 1}}}},
        "asymptotic_limits.region.c_x: no such parameter in the event file, did you mean 'c_u'? "
        "allowed: c_u, c_d",
    ),
    (
        {"asymptotic_limits": {"region": {"theta_2": {"min": 0, "max": 1}}}},
        "asymptotic_limits.region.theta_2: no such parameter in the event file, allowed: c_u, c_d",
    ),
    (
        {"asymptotic_limits": {"region": {k: {"min": 0, "max": 1} for k in ("c_u", "theta_0")}}},
        "asymptotic_limits.region.theta_0: parameter 'c_u' is given twice, expected once",
    ),
    (
        {"asymptotic_limits": {"region": {"theta_1": {"min": 2, "max": -2}}}},
        "asymptotic_limits.region.theta_1: min 2 and max -2, expected min < max",
    ),
    (
        {"asymptotic_limits": {"resolutions": [5, 5, 5]}},
        "asymptotic_limits.resolutions: [5, 5, 5], expected one number for each of 2 parameter(s)",
    ),
    (
        {"asymptotic_limits": {"theta_true": [0.0]}},
        "asymptotic_limits.theta_true: [0.0], expected 2 coordinate(s): c_u, c_d",
    ),
    (
        {"asymptotic_limits": {"theta_true": [0.0, 3.0]}},
        "asymptotic_limits.theta_true[1]: 3, expected a value of c_d in its range [-2, 2.5]",
    ),
    (
        {"asymptotic_limits": {"theta_true": [[0.0, 0.0], [0.1]]}},
        "asymptotic_limits.theta_true[1]: [0.1], expected 2 coordinate(s): c_u, c_d",
    ),
    (
        {"asymptotic_limits": {"theta_true": [[0.0, 0.0], 0.1]}},
        "asymptotic_limits.theta_true[1]: 0.1, expected 2 coordinate(s): c_u, c_d",
    ),
    (
        {"asymptotic_limits": {"theta_true": [[0, 0], [0.1, 0], [0.0, -0.0]]}},
        "asymptotic_limits.theta_true[2]: [0.0, -0.0] is given twice, expected once",
    ),
    (
        {"asymptotic_limits": {"theta_true": [[0, 0], [3, 0]]}},
        "asymptotic_limits.theta_true[1][0]: 3, expected a value of c_u in its range [-1, 1.5]",
    ),
    (
        {"fisher_information": {"theta_true": [0, 0, 0]}},
        "fisher_information.theta_true: [0, 0, 0], expected 2 coordinate(s): c_u, c_d",
    ),
    (
        {"fisher_information": {"observable": "energie"}},
        "fisher_information.observable: \"energie\", did you mean 'energy'? allowed: energy, angle",
    ),
    (
        {"fisher_information": {"histogram_bins": [1, 3, 2]}},
        "fisher_information.histogram_bins: [1, 3, 2], expected edges in increasing order",
    ),
    (
        {"fisher_information": {"histogram_range": [400, 30]}},
        "fisher_information.histogram_range: [400, 30], expected the smaller edge first",
    ),
    ({"histogram_vars": ["energy", "pt_j1"]}, 'histogram_vars: "pt_j1", allowed: energy, angle'),
    (
        {"splits": {"test": 0.5}},
        'splits: {"train": 0.7, "validation": 0.1, "test": 0.5} add up to 1.3, expected 1',
    ),
    (
        {"splits": {"train": 0.8, "validation": 0.1999, "test": 0.0001}},
        "splits.test: 0.0001 of 1000 events, expected one or more",
    ),
    (
        {"training": {"learning_rate": 0.001, "final_learning_rate": 0.01}},
        "training.final_learning_rate: 0.01 (alice), expected <= learning_rate, 0.001",
    ),
    (
        {"plotting": {"all_methods_pvalue": "alices"}},
        "plotting.all_methods_pvalue: \"alices\", did you mean 'alice'? allowed: alice, sally",
    ),
    (
        {"plotting": {"correlations_methods": ["alice", "carl"]}},
        'plotting.correlations_methods: "carl", allowed: alice, sally',
    ),
    (
        {"sally": {"theta_0": {"sampling_method": "benchmarks"}}},
        'sally.theta_0: {"sampling_method": "benchmarks"}, expected one benchmark or one morphing',
    ),
    (
        {"alice": {"theta_1": {"sampling_method": "benchmark", "sampling_arg": "SM"}}},
        'alice.theta_1.sampling_arg: "SM", allowed: sm, b1, b2, b3, b4, b5',
    ),
]


@pytest.mark.parametrize(("document", "message"), BAD)
def test_what_the_event_file_does_not_have_is_refused(header, document, message):
    assert refusal(document, header).startswith(message)


def test_fractions_may_miss_one_by_rounding(header):
    splits = {"train": 0.8, "validation": 0.1, "test": 0.1 + 5e-7}
    assert configured({"splits": splits}, header).splits == Splits(0.8, 0.1, 0.1 + 5e-7)


def test_message_begins_with_the_file(write_input, header):
    path = write_input("methods: [alice]\nhistogram_vars: pt_j1\n")
    with pytest.raises(InputError) as caught:
        load(path, header)
    assert str(caught.value) == f'{path}: histogram_vars: "pt_j1", allowed: energy, angle'


def test_overrides_replace_keys_and_are_checked(write_input, header):
    path = write_input("methods: [alice]\nluminosity: 1\n")
    assert load(path, header, {"luminosity": 20}).limits.luminosity_ipb == 20
    with pytest.raises(InputError, match="luminosity: -1, expected a number > 0"):
        load(path, header, {"luminosity": -1})


def test_learner_needs_no_event_file(write_input, header):
    path = write_input(
        "methods: [alice, carl]\nseed: 4\ntraining: {epochs: 3}\nalice: {training: {alpha: 2}}\n"
    )
    alice = load(path, header).methods[0]
    assert load_learner(path, "alice") == Learner(
        4, "alice", "parameterized", alice.training, device="auto"
    )
    assert load_learner(path, "alice", {"epochs": 9}).training.epochs == 9
    assert load_learner(path, "alice", {"epochs": 9}).training.alpha == 2
    with pytest.raises(InputError, match=r"alice.training.epochs: 0, expected an integer >= 1"):
        load_learner(path, "alice", {"epochs": 0})
    with pytest.raises(InputError, match=r"methods: \"sally\", allowed: alice, carl"):
        load_learner(path, "sally")


def test_warnings_are_logged_once(write_input, header, caplog):
    text = "methods: [alice]\nluminosity: 1\ncarl: {samples: {train: 3}}\n"
    path = write_input(text)
    load(path, header)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"{path}: carl: not used, it is not among `methods`"
    caplog.clear()
    load(write_input(text + "step: sampling\n"), header)
    assert not caplog.records


RANDOM = {
    "sampling_method": "random_morphing_points",
    "sampling_number": 10,
    "prior": {"c_u": {"prior_shape": "flat", "prior_param_0": -1, "prior_param_1": 1}},
}
BASE = {
    "methods": ["alice", "sally"],
    "asymptotic_limits": {"region": {"c_u": {"min": -1, "max": 1}}},
    "alice": {
        "theta_0": RANDOM,
        "theta_1": {"sampling_method": "benchmark", "sampling_arg": "b1"},
        "samples": {"train": 100},
        "training": {"epochs": 4},
    },
}
CHANGES = {
    "methods": ["alice"],
    "estimator": "quadratic",
    "seed": 2,
    "splits.train": 0.7 + 1e-7,
    "splits.validation": 0.1 + 1e-7,
    "splits.test": 0.2 + 1e-7,
    "samples.train": 7,
    "samples.validation": 7,
    "samples.test": 7,
    "samples.minimum_effective": 7,
    "training.hidden_layers": [7],
    "training.activation": "relu",
    "training.epochs": 7,
    "training.batch_size": 7,
    "training.learning_rate": 7,
    "training.final_learning_rate": 1e-7,
    "training.alpha": 7,
    "training.early_stopping": 7,
    "training.n_members": 7,
    "training.n_folds": 7,
    "training.seed": 7,
    "luminosity": 7,
    "asymptotic_limits.region.<parameter>.min": -0.5,
    "asymptotic_limits.region.<parameter>.max": 0.5,
    "asymptotic_limits.resolutions": 7,
    "asymptotic_limits.theta_true": [0.1, 0.1],
    "observed.data": "observed.csv",
    "experiments": [{"name": "another"}],
    "include_xsec": [True],
    "histogram_vars": ["angle"],
    "histogram_bins": 7,
    "fisher_information.bool": False,
    "fisher_information.observable": "angle",
    "fisher_information.histogram_bins": 7,
    "fisher_information.histogram_range": [0, 7],
    "fisher_information.theta_true": [0.1, 0.1],
    "plotting.all_methods": False,
    "plotting.all_methods_pvalue": "sally",
    "plotting.all_methods_separate": False,
    "plotting.correlations": False,
    "plotting.correlations_methods": ["sally"],
    "plotting.rates": False,
    "pick_best": "closure",
    "device": "cpu",
    "alice.theta_0.sampling_method": "benchmarks",
    "alice.theta_0.sampling_number": 7,
    "alice.theta_0.prior.<parameter>.prior_shape": "gaussian",
    "alice.theta_0.prior.<parameter>.prior_param_0": -0.5,
    "alice.theta_0.prior.<parameter>.prior_param_1": 0.5,
    "alice.theta_1.sampling_method": "benchmarks",
    "alice.theta_1.sampling_arg": "b2",
    "alice.samples.train": 7,
    "alice.training.epochs": 7,
}


def changed(document, path, value):
    """Returns a deep copy of a document with one key changed."""
    document = json.loads(json.dumps(document))
    *way, last = path.replace("<parameter>", "c_u").split(".")
    block = document
    for key in way:
        block = block.setdefault(key, {})
    block[last] = value
    return document


@pytest.mark.parametrize("path", CHANGES)
def test_every_key_has_an_effect(header, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    observed_csv(tmp_path / "observed.csv")
    base = configured(BASE, header)
    assert configured(changed(BASE, path, CHANGES[path]), header) != base


def leaves(path, rule):
    """Yields the path of every key that holds a value."""
    rule = resolved(rule)
    if isinstance(rule.get("additionalProperties"), dict):
        yield from leaves(f"{path}.<parameter>", rule["additionalProperties"])
    elif rule.get("type") != "object":
        yield path
    for key, value in rule.get("properties", {}).items():
        yield from leaves(f"{path}.{key}", value)


def test_no_key_is_forgotten():
    methods = "|".join(schema()["properties"]["methods"]["items"]["enum"])

    def block(path):
        """Returns the path with the same name for blocks that are the same."""
        path = re.sub(rf"^({methods})\.(samples|training)", r"\2", path.strip("."))
        return re.sub(rf"^({methods})\.theta_[01]", "theta", path)

    keys = {block(path) for path in leaves("", schema())}
    others = {key for key in keys if key.split(".")[0] in (*SPREADING, "tuning", "step")}
    assert {block(path) for path in CHANGES} == keys - others


def test_experiments_take_what_is_common(header, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.csv").write_text("energy,angle\n1,0\n")
    table = [
        {"name": "high", "luminosity": 7},
        {"name": "bsm", "theta_true": [0.1, 0.2], "include_xsec": False},
        {"name": "run", "observed": "run.csv"},
        {"name": "same", "observed": {"data": "run.csv"}},
    ]
    found = configured({"luminosity": 3, "experiments": table}, header).experiments
    assert [(one.name, one.theta_true, one.luminosity_ipb) for one in found] == [
        ("high", (0.0, 0.0), 7.0),
        ("bsm", (0.1, 0.2), 3.0),
        ("run", None, 3.0),
        ("same", None, 3.0),
    ]
    assert [one.include_xsec for one in found] == [(True, False), (False,), *[(True, False)] * 2]
    assert [one.observed.x.tolist() for one in found[2:]] == [[[1.0, 0.0]]] * 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"name": "expected"}, 'experiments[1].name: "expected" is the name of something else'),
        ({"name": "observed_2"}, 'experiments[1].name: "observed_2" is the name of something'),
        ({"name": "sally.npz"}, 'experiments[1].name: "sally.npz" is the name of something'),
        ({"name": "one"}, 'experiments[1].name: "one" is given twice, expected another name'),
        ({"name": "a/b"}, 'experiments[1].name: "a/b", expected a name of letters, digits and'),
        ({"luminosity": 3}, "experiments[1].name: missing, expected a name"),
        ({"name": "a", "luminosity": 0}, "experiments[1].luminosity: 0, expected a number > 0"),
        ({"name": "a", "theta": 0}, "experiments[1].theta: unknown key, did you mean 'theta_true'"),
        ({"name": "a", "theta_true": [0]}, "experiments[1].theta_true: [0], expected 2 coordinate"),
        ({"name": "a", "observed": "none.csv"}, "experiments[1].observed: none.csv: no such file"),
        (
            {"name": "a", "observed": "none.csv", "theta_true": [0, 0]},
            "experiments[1]: theta_true and observed are given, expected one of them",
        ),
    ],
)
def test_bad_experiments(header, row, message):
    assert message in refusal({"experiments": [{"name": "one"}, row]}, header)


def test_coordinates_are_numbers(header):
    theta_0 = {"sampling_method": "morphing_points", "sampling_arg": [["sm", "b1"]]}
    with pytest.raises(
        InputError, match=r"alice.theta_0.sampling_arg\[0\]\[0\]: \"sm\", expected a"
    ):
        configured({"alice": {"theta_0": theta_0}}, header)
    theta_0["sampling_arg"] = ["sm", "b1"]
    assert "expected 2 coordinate(s)" in refusal({"alice": {"theta_0": theta_0}}, header)


def test_benchmarks_are_allowed_wherever_they_lie(header):
    parameters = tuple(dataclasses.replace(p, maximum=1.0) for p in header.parameters)
    narrow = dataclasses.replace(header, parameters=parameters)
    theta = header.theta("b5").tolist()
    assert (header.theta("b5") > 1.0).all()
    limits = configured({"asymptotic_limits": {"theta_true": theta}}, narrow).limits
    assert np.allclose(limits.thetas_true, [theta])
