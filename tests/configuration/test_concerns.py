from __future__ import annotations

import dataclasses

import pytest

from madminer_workflow.configuration.concerns import concerns
from madminer_workflow.configuration.resolve import resolve
from madminer_workflow.configuration.schema import validate


def warnings(document, header):
    """Returns the warnings about a document."""
    document = {"methods": ["alice", "sally"], "luminosity": 1} | document
    validate(document)
    return concerns(document, resolve(document, header), header)


def region(**intervals):
    limits = {
        name: dict(zip(("min", "max"), ends, strict=True)) for name, ends in intervals.items()
    }
    return {"asymptotic_limits": {"region": limits}}


def random(**priors):
    keys = ("prior_shape", "prior_param_0", "prior_param_1")
    prior = {name: dict(zip(keys, values, strict=True)) for name, values in priors.items()}
    return {"theta_0": {"sampling_method": "random_morphing_points", "prior": prior}}


def test_defaults_are_beyond_doubt(header):
    assert warnings({}, header) == []


def test_luminosity_that_nobody_chose(header):
    document = {"methods": ["alice"]}
    line = "luminosity: neither given nor in the event file, 10000 /pb is used"
    assert concerns(document, resolve(document, header), header) == [line]
    header = dataclasses.replace(header, process={"luminosity_ipb": 1.0})
    assert concerns(document, resolve(document, header), header) == []


def test_region_beyond_the_parameter_range(header):
    priors = random(c_u=("flat", -9, 9))
    assert warnings(region(c_u=(-2, 1)) | {"alice": priors}, header) == [
        "asymptotic_limits.region: c_u in [-2, 1] goes beyond its range [-1, 1.5] in the event file"
    ]


@pytest.mark.parametrize(
    ("prior", "reach"),
    [
        (("flat", -0.5, 1.5), "flat prior, which reaches from -0.5 to 1.5"),
        (("flat", -1.0, 1.0), "flat prior, which reaches from -1 to 1"),
        (("gaussian", 0.5, 0.29), "gaussian prior, which reaches from -0.95 to 1.95"),
        (("gaussian", 0.0, 0.29), "gaussian prior, which reaches from -1.45 to 1.45"),
    ],
)
def test_region_beyond_the_prior(header, prior, reach):
    document = {"methods": ["alice", "carl", "rolr"], "alice": random(c_u=prior)}
    document["carl"] = document["alice"]
    assert warnings(document, header) == [
        f"asymptotic_limits.region: c_u in [-1, 1.5] goes beyond the {reach} (alice, carl)"
    ]


@pytest.mark.parametrize("prior", [("flat", -1.0, 1.5), ("gaussian", 0.0, 0.3)])
def test_region_inside_the_prior(header, prior):
    assert warnings({"alice": random(c_u=prior)}, header) == []


def test_truth_outside_the_region(header):
    assert warnings(region(c_d=(0.5, 1)), header) == [
        "asymptotic_limits.theta_true: c_d = 0 is outside the region [0.5, 1]"
    ]


def test_the_same_fault_of_several_true_points_is_told_once(header):
    document = region(c_d=(0.5, 1))
    document["asymptotic_limits"]["theta_true"] = [[0, 0], [0.1, 0], [0, 0.6], [0, 2]]
    assert warnings(document, header) == [
        "asymptotic_limits.theta_true: c_d = 0 is outside the region [0.5, 1]",
        "asymptotic_limits.theta_true: c_d = 2 is outside the region [0.5, 1]",
    ]


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"training": {"n_folds": 3}}, "training.n_folds: not used by alice, sally"),
        ({"carl": {}}, "carl: not used, it is not among `methods`"),
        (
            {"sally": {"theta_1": {"sampling_method": "benchmark"}}},
            "sally.theta_1: not used by sally",
        ),
        ({"sally": {"training": {"alpha": 1}}}, "sally.training.alpha: not used by sally"),
        ({"training": {"alpha": 1}}, "training.alpha: not used by alice, sally"),
        ({"methods": ["sally"], "estimator": "quadratic"}, "estimator: not used by sally"),
        (
            {"alice": {"theta_0": {"sampling_method": "benchmark", "sampling_number": 3}}},
            "alice.theta_0.sampling_number: not used for benchmark",
        ),
        (
            {"alice": {"theta_0": {"sampling_method": "benchmarks", "prior": []}}},
            "alice.theta_0.prior: not used for benchmarks",
        ),
        (
            {"alice": {"theta_0": random()["theta_0"] | {"sampling_arg": 3, "sampling_number": 4}}},
            "alice.theta_0.sampling_arg: not used for random_morphing_points",
        ),
        (
            {"fisher_information": {"histogram_bins": [1, 2, 3], "histogram_range": [1, 4]}},
            "fisher_information.histogram_range: not used, `histogram_bins` gives other edges",
        ),
    ],
)
def test_keys_without_effect(header, document, line):
    assert warnings(document, header) == [line]


@pytest.mark.parametrize(
    "document",
    [
        {"methods": ["alices"], "training": {"alpha": 1}},
        {"alice": {"theta_0": random()["theta_0"] | {"sampling_arg": 3}}},
        {"fisher_information": {"histogram_bins": [1, 2, 3], "histogram_range": [1, 3]}},
        {"fisher_information": {"histogram_bins": 5, "histogram_range": [1, 3]}},
    ],
)
def test_keys_with_effect(header, document):
    assert warnings(document, header) == []


def test_fisher_information_without_morphing(header):
    header = dataclasses.replace(header, morphing=None)
    assert warnings({}, header) == []
    assert warnings({"fisher_information": {"bool": True}}, header) == [
        "fisher_information.bool: not computed, the event file has no morphing"
    ]
