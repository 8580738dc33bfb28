from __future__ import annotations

import copy

import jsonschema
import pytest

from madminer_workflow.configuration import schema as module
from madminer_workflow.configuration.schema import allowed, defaults, schema, shown, validate
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.registry import METHODS


def blocks(rule):
    """Yields every part of the schema that describes keys with values."""
    if isinstance(rule, dict):
        if "properties" in rule or rule.get("type") == "object":
            yield rule
        for value in rule.values():
            yield from blocks(value)
    elif isinstance(rule, list):
        for value in rule:
            yield from blocks(value)


def test_schema_is_valid():
    jsonschema.Draft202012Validator.check_schema(schema())


def test_no_block_accepts_unknown_keys():
    for block in blocks(schema()):
        names_parameters = isinstance(block.get("additionalProperties"), dict)
        assert names_parameters or block["additionalProperties"] is False


def test_every_key_is_described():
    for block in blocks(schema()):
        for key, rule in block.get("properties", {}).items():
            assert module.resolved(rule)["description"].endswith("."), key


def test_every_default_is_allowed():
    for keys in ([], ["splits"], ["samples"], ["training"], ["fisher_information"], ["plotting"]):
        document = {"methods": ["alice"]}
        if keys:
            document[keys[0]] = defaults(*keys)
        else:
            document |= defaults()
        validate(document)


def test_methods_are_those_that_exist():
    assert set(schema()["properties"]["methods"]["items"]["enum"]) == set(METHODS)
    assert set(METHODS) < set(schema()["properties"])


@pytest.mark.parametrize(
    ("keys", "word", "is_used"),
    [
        (["estimator"], "x-methods", lambda spec: spec.kind == "ratio" and not spec.weighted),
        (["alice", "theta_1"], "x-methods", lambda spec: spec.kind == "ratio"),
        (["alice", "theta_0"], "x-single-point", lambda spec: spec.kind == "score"),
        (["training", "alpha"], "x-methods", lambda spec: spec.score_loss is not None),
        (["training", "early_stopping"], "x-not-methods", lambda spec: spec.weighted),
        (["training", "n_folds"], "x-methods", lambda spec: spec.weighted),
        (["samples", "train"], "x-not-methods", lambda spec: spec.weighted),
        (["samples", "validation"], "x-not-methods", lambda spec: spec.weighted),
        (["samples", "minimum_effective"], "x-not-methods", lambda spec: spec.weighted),
    ],
)
def test_who_uses_a_key_agrees_with_the_methods(keys, word, is_used):
    users = {name for name, spec in METHODS.items() if is_used(spec)}
    assert set(module.subschema(*keys)[word]) == users


def test_activation_functions_are_those_that_exist():
    found = pytest.importorskip("madminer_workflow.estimators.activations")
    assert set(module.subschema("training", "activation")["enum"]) == set(found.ACTIVATIONS)


BAD = [
    ({}, "methods: missing, expected a list (each one of alice, alices, carl"),
    ({"methods": "alice"}, 'methods: "alice", expected a list (each one of alice, '),
    ({"methods": []}, "methods: [], expected a list"),
    ({"methods": ["alise"]}, "methods[0]: \"alise\", did you mean 'alice'? allowed: alice, alices"),
    ({"methods": ["alice", "alice"]}, 'methods: ["alice", "alice"], expected a list'),
    ({"estimator": "quadratik"}, "estimator: \"quadratik\", did you mean 'quadratic'?"),
    ({"n_samples": {}}, "n_samples: unknown key, did you mean 'samples'?"),
    ({"zzz": 1}, "zzz: unknown key, allowed: methods, estimator, seed"),
    ({"seed": -1}, "seed: -1, expected an integer >= 0"),
    ({"seed": True}, "seed: true, expected an integer"),
    ({"splits": {"test": 1.0}}, "splits.test: 1.0, expected a number > 0 and < 1"),
    ({"splits": {"test": -0.1}}, "splits.test: -0.1, expected a number > 0 and < 1"),
    ({"splits": {"training": 0.5}}, "splits.training: unknown key, did you mean 'train'?"),
    ({"samples": {"train": 0}}, "samples.train: 0, expected an integer >= 1"),
    ({"samples": {"train": 10.5}}, "samples.train: 10.5, expected an integer >= 1"),
    ({"training": {"epochs": "many"}}, 'training.epochs: "many", expected an integer >= 1'),
    ({"training": {"hidden_layers": 64}}, "training.hidden_layers: 64, expected a list"),
    ({"training": {"hidden_layers": [64, 0]}}, "training.hidden_layers[1]: 0, expected an integer"),
    ({"training": {"activation": "tan"}}, "did you mean 'tanh'?"),
    (
        {"training": {"learning_rate": float("nan")}},
        "training.learning_rate: NaN, expected a number",
    ),
    ({"luminosity": float("inf")}, "luminosity: Infinity, expected a number > 0"),
    ({"luminosity": 10**400}, "luminosity: 1000"),
    ({"luminosity": 0}, "luminosity: 0, expected a number > 0"),
    ({"include_xsec": 1}, "include_xsec: 1, expected true or false or a list"),
    ({"include_xsec": [True, 0]}, "include_xsec[1]: 0, expected true or false"),
    ({"fisher_information": {"bool": 1}}, "fisher_information.bool: 1, expected true or false"),
    ({"fisher_information": {"bool": "True"}}, 'bool: "True", expected true or false'),
    ({"plotting": {"rates": "0"}}, 'plotting.rates: "0", expected true or false'),
    ({"fisher_information": {"histogram_bins": 0}}, "histogram_bins: 0, expected an integer >= 1"),
    ({"fisher_information": {"histogram_range": [1]}}, "expected a list of 2 (each a number)"),
    ({"asymptotic_limits": []}, "asymptotic_limits: [], expected keys with values"),
    ({"asymptotic_limits": {"resolutions": 1}}, "resolutions: 1, expected an integer >= 2"),
    (
        {"asymptotic_limits": {"resolutions": [9, 1]}},
        "asymptotic_limits.resolutions[1]: 1, expected",
    ),
    (
        {"asymptotic_limits": {"region": {"c_u": {"min": 1}}}},
        "asymptotic_limits.region.c_u.max: missing, expected a number",
    ),
    (
        {"asymptotic_limits": {"region": {"c_u": {"minimum": 1}}}},
        "asymptotic_limits.region.c_u.minimum: unknown key, did you mean 'min'?",
    ),
    ({"asymptotic_limits": {"theta_true": []}}, "theta_true: [], expected a number or a list"),
    (
        {"asymptotic_limits": {"theta_true": [[[0, 0]]]}},
        "asymptotic_limits.theta_true[0][0]: [0, 0], expected a number",
    ),
    ({"observed": "data.csv"}, 'observed: "data.csv", expected keys with values'),
    ({"observed": {}}, "observed.data: missing, expected a name"),
    ({"observed": {"data": 3}}, "observed.data: 3, expected a name"),
    ({"training": {"n_folds": 1}}, "training.n_folds: 1, expected an integer >= 2"),
    ({"alice": {"theta_0": {}}}, "alice.theta_0.sampling_method: missing, expected one of"),
    (
        {"alice": {"theta_0": {"sampling_method": "benchmak"}}},
        "alice.theta_0.sampling_method: \"benchmak\", did you mean 'benchmark'?",
    ),
    (
        {"alice": {"theta_0": {"sampling_method": "benchmark", "prior": [{"p": {}}]}}},
        "alice.theta_0.prior[0].p.prior_shape: missing, expected one of flat, gaussian",
    ),
]


@pytest.mark.parametrize(("document", "message"), BAD)
def test_message_names_key_value_and_what_is_allowed(document, message):
    document = ({"methods": ["alice"]} if document and "methods" not in document else {}) | document
    before = copy.deepcopy(document)
    with pytest.raises(InputError) as caught:
        validate(document)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert document == before


def test_unknown_keys_come_first():
    with pytest.raises(InputError, match=r"^metods: unknown key, did you mean 'methods'"):
        validate({"metods": ["alice"], "seed": "x"})


def test_long_values_are_cut():
    assert len(shown(list(range(1000)))) == 80


def test_allowed_in_words():
    assert allowed({"type": "number", "exclusiveMinimum": 0}) == "a number > 0"
    assert allowed(
        {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}}
    ) == ("a list of 2 (each a name)")
