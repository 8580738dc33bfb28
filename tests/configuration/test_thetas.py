from __future__ import annotations

import pytest

from madminer_workflow.configuration.model import Prior, Thetas
from madminer_workflow.configuration.thetas import everywhere, reference, thetas
from madminer_workflow.errors import InputError


def chosen(header, method, **spec):
    return thetas("alice.theta_0", {"sampling_method": method} | spec, header)


def prior(shape, first, second):
    return {"prior_shape": shape, "prior_param_0": first, "prior_param_1": second}


def test_benchmark(header):
    assert chosen(header, "benchmark") == reference(header) == Thetas("benchmark", ("sm",))
    assert chosen(header, "benchmark", sampling_arg="b2").benchmarks == ("b2",)
    assert chosen(header, "benchmark", sampling_arg=["b2"]).benchmarks == ("b2",)


def test_benchmarks(header):
    assert chosen(header, "benchmarks").benchmarks == ("sm", "b1", "b2", "b3", "b4", "b5")
    assert chosen(header, "benchmarks", sampling_arg="b2").benchmarks == ("b2",)
    assert chosen(header, "benchmarks", sampling_arg=["b2", "sm"]).benchmarks == ("b2", "sm")


@pytest.mark.parametrize("method", ["morphing_point", "morphing_points"])
def test_points(headers, method):
    one, two = headers[1], headers[2]
    assert chosen(two, method, sampling_arg=[0.5, -1]).points == ((0.5, -1.0),)
    assert chosen(two, method, sampling_arg=[[0.5, -1]]).points == ((0.5, -1.0),)
    assert chosen(two, method, sampling_arg=[[0, 0], [1, 2]]).points == ((0.0, 0.0), (1.0, 2.0))
    assert chosen(one, method, sampling_arg=[0.5, -1]).points == ((0.5,), (-1.0,))
    assert chosen(one, method, sampling_arg=0.5).points == ((0.5,),)
    assert chosen(two, method, sampling_arg=[0, 0]).method == "morphing_points"


def test_random_points_are_flat_over_the_ranges(header):
    flat = (Prior("flat", -1.0, 1.5), Prior("flat", -2.0, 2.5))
    expected = Thetas("random_morphing_points", number=5000, priors=flat)
    assert chosen(header, "random_morphing_points") == everywhere(header) == expected


@pytest.mark.parametrize("number", [{"sampling_number": 20}, {"sampling_arg": 20}])
def test_number_of_random_points(header, number):
    assert chosen(header, "random_morphing_points", **number).number == 20


def test_priors_by_name_and_by_position_in_a_list_or_a_mapping(header):
    first, second = prior("gaussian", 0.0, 0.5), prior("flat", -1, 1)
    forms = [
        [{"parameter_0": first}, {"parameter_1": second}],
        [{"c_d": second}, {"c_u": first}],
        [{"parameter_0": first, "parameter_1": second}],
        {"c_u": first, "parameter_1": second},
        {"theta_0": first, "theta_1": second},
    ]
    for form in forms:
        priors = chosen(header, "random_morphing_points", prior=form).priors
        assert priors == (Prior("gaussian", 0.0, 0.5), Prior("flat", -1.0, 1.0))


def test_a_parameter_without_prior_is_flat(header):
    given = [{"c_d": prior("gaussian", 0, 1)}]
    priors = chosen(header, "random_morphing_points", prior=given).priors
    assert priors == (Prior("flat", -1.0, 1.5), Prior("gaussian", 0.0, 1.0))


BAD = [
    ("benchmark", {"sampling_arg": "w"}, '.sampling_arg: "w", allowed: sm, b1, b2, b3, b4, b5'),
    ("benchmark", {"sampling_arg": 0}, ".sampling_arg: 0, allowed: sm, b1, b2, b3, b4, b5"),
    ("benchmark", {"sampling_arg": ["sm", "b1"]}, '.sampling_arg: ["sm", "b1"], expected the name'),
    ("benchmarks", {"sampling_arg": ["sm", "w"]}, '.sampling_arg[1]: "w", allowed: sm, b1, b2'),
    ("morphing_points", {}, ".sampling_arg: missing, expected a point or a list of points"),
    ("morphing_points", {"sampling_arg": [[0, 0], [0]]}, ".sampling_arg[1]: [0], expected 2 coord"),
    ("morphing_points", {"sampling_arg": [0]}, ".sampling_arg: [0], expected 2 coordinate(s): c_u"),
    (
        "morphing_points",
        {"sampling_arg": [0, 9]},
        ".sampling_arg[1]: 9, expected a value of c_d in",
    ),
    ("random_morphing_points", {"sampling_arg": 0}, ".sampling_arg: 0, expected an integer >= 1"),
    ("random_morphing_points", {"sampling_arg": 1.5}, ".sampling_arg: 1.5, expected an integer"),
    ("random_morphing_points", {"sampling_arg": "sm"}, '.sampling_arg: "sm", expected an integer'),
    (
        "random_morphing_points",
        {"prior": {"parameter_2": prior("flat", 0, 1)}},
        ".prior.parameter_2: no such parameter in the event file, allowed: c_u, c_d",
    ),
    (
        "random_morphing_points",
        {"prior": [{"c_u": prior("flat", 1, 0)}]},
        ".prior.c_u.prior_param_1: 0, expected a maximum > 1",
    ),
    (
        "random_morphing_points",
        {"prior": [{"parameter_1": prior("gaussian", 1, 0)}]},
        ".prior.parameter_1.prior_param_1: 0, expected a standard deviation > 0",
    ),
]


@pytest.mark.parametrize(("method", "spec", "message"), BAD)
def test_what_cannot_be_chosen_is_refused(header, method, spec, message):
    with pytest.raises(InputError) as caught:
        chosen(header, method, **spec)
    assert str(caught.value).startswith(f"alice.theta_0{message}")
