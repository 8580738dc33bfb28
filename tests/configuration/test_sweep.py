from __future__ import annotations

import pytest

from madminer_workflow.configuration import load, load_learner, load_variants, merge
from madminer_workflow.configuration.schema import validate
from madminer_workflow.configuration.sweep import points
from madminer_workflow.errors import InputError

RATES = {"training.learning_rate": [0.001, 0.003], "alices.training.epochs": [10, 20]}


def found(**keys):
    document = {"methods": ["alices"], **keys}
    validate(document)
    return points(document)


def refused(**keys):
    with pytest.raises(InputError) as caught:
        found(**keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_grid_has_all_combinations_the_last_key_fastest():
    grid = found(sweep={"name": "rates", "grid": RATES})
    assert [one.name for one in grid] == [
        "learning_rate-0.001__epochs-10",
        "learning_rate-0.001__epochs-20",
        "learning_rate-0.003__epochs-10",
        "learning_rate-0.003__epochs-20",
    ]
    assert grid[1].values == {"training.learning_rate": 0.001, "alices.training.epochs": 20}
    assert {one.sweep for one in grid} == {"rates"}


def test_zipped_values_stand_at_the_same_places():
    zipped = found(sweep={"zip": RATES})
    assert [one.name for one in zipped] == [
        "learning_rate-0.001__epochs-10",
        "learning_rate-0.003__epochs-20",
    ]


def test_listed_combinations_may_have_names_and_whole_blocks():
    rows = [
        {"name": "base"},
        {"name": "small", "training.epochs": 5},
        {"training": {"epochs": 6}},
        {"alices.training.epochs": 7, "training.hidden_layers": [8, 8]},
    ]
    listed = found(training={"epochs": 3, "alpha": 1}, sweep={"list": rows})
    names = ["base", "small", "alices.training.epochs-7__hidden_layers-8x8"]
    assert [one.name for one in (*listed[:2], listed[3])] == names
    documents = [one.document({"training": {"epochs": 3, "alpha": 1}}) for one in listed]
    assert documents[0] == {"training": {"epochs": 3, "alpha": 1}}
    assert documents[2] == {"training": {"epochs": 6, "alpha": 1}}
    assert documents[3]["alices"] == {"training": {"epochs": 7}}
    assert documents[3]["training"]["hidden_layers"] == [8, 8]


def test_initialisations_are_seeds_or_their_number():
    assert [one.initialisation for one in found(initialisations=3, seed=7)] == [7, 8, 9]
    some = found(initialisations=[4, 2], sweep={"grid": {"training.epochs": [1, 2]}})
    assert [one.name for one in some] == [
        f"epochs-{epochs}/initialisation-{seed}" for epochs in (1, 2) for seed in (4, 2)
    ]
    document = {"sweep": {}, "initialisations": [4], "training": {"epochs": 3}}
    assert some[3].document(document) == {"training": {"epochs": 2, "seed": 2}}
    counted = found(initialisations=2, sweep={"grid": {"seed": [1, 5]}})
    assert [one.initialisation for one in counted] == [1, 2, 5, 6]
    assert [one.name for one in found()] == [""]


BAD = {
    "unknown key": (
        {"grid": {"training.learnin_rate": [0.001]}},
        "sweep.grid.training.learnin_rate: unknown key, did you mean 'learning_rate'? allowed: ",
    ),
    "value": (
        {"grid": {"training.learning_rate": [0.001, "fast"]}},
        'sweep.grid.training.learning_rate[1]: "fast", expected a number > 0',
    ),
    "value in a block": (
        {"list": [{"training": {"epochs": 0}}]},
        "sweep.list[0].training.epochs: 0, expected an integer >= 1",
    ),
    "no list": ({"grid": {"training.epochs": 5}}, "sweep.grid.training.epochs: 5, expected a list"),
    "no values": ({"grid": {"training.epochs": []}}, "sweep.grid.training.epochs: [], expected a"),
    "no keys": ({"zip": {}}, "sweep.zip: {}, expected keys with values"),
    "value twice": (
        {"grid": {"training.epochs": [5, 5]}},
        "sweep.grid.training.epochs[1]: 5 is given twice, expected once",
    ),
    "lengths": (
        {"zip": {"training.epochs": [5], "seed": [1, 2]}},
        "sweep.zip.seed: 2 values, expected 1 as for training.epochs",
    ),
    "two kinds": ({"grid": RATES, "zip": RATES}, "sweep: grid, zip given, expected one of grid, "),
    "no kind": ({"name": "x"}, "sweep: none of them given, expected one of grid, zip, list"),
    "sweep of sweeps": ({"grid": {"sweep.name": ["a"]}}, "sweep.grid.sweep.name: cannot vary"),
    "a key in another": (
        {"grid": {"training": [{}], "training.epochs": [5]}},
        "sweep.grid.training.epochs: varies with training as well, expected once",
    ),
    "bad name": ({"list": [{"name": "a/b", "seed": 1}]}, 'sweep.list[0].name: "a/b", expected let'),
    "taken name": ({"list": [{"name": "figures"}]}, 'sweep.list[0].name: "figures", expected let'),
    "no name": ({"list": [{}]}, 'sweep.list[0].name: "", expected letters'),
    "name twice": (
        {"list": [{"seed": 1}, {"name": "seed-1", "seed": 2}]},
        "sweep: combination seed-1 is given twice, expected once",
    ),
    "typing error": ({"gird": {}}, "sweep.gird: unknown key, did you mean 'grid'?"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_sweeps(case):
    sweep, message = BAD[case]
    assert refused(sweep=sweep).startswith(message)


def test_bad_initialisations():
    assert refused(initialisations=0).startswith("initialisations: 0, expected an integer >= 1 or")
    assert refused(initialisations=[1, 1]).startswith("initialisations: [1, 1], expected")
    message = "initialisations: 2 and alices.training.seed, expected one of them"
    assert refused(initialisations=2, alices={"training": {"seed": 1}}) == message


def test_a_combination_that_cannot_be_used_is_named(header, write_input):
    path = write_input("{methods: [alices], sweep: {grid: {splits.train: [0.7, 0.5]}}}")
    with pytest.raises(InputError, match=r"input.yml: sweep: combination train-0.5: splits: "):
        load_variants(path, header)
    path = write_input("{methods: [alices], sweep: {grid: {histogram_vars: [energy, enrgy]}}}")
    with pytest.raises(InputError, match=r"combination histogram_vars-enrgy: histogram_vars: \"en"):
        load_variants(path, header)


def test_combinations_are_merged_and_resolved(header, tmp_path, caplog):
    (tmp_path / "a.yml").write_text("{methods: [sally], luminosity: 3}")
    (tmp_path / "b.yml").write_text("{sweep: {grid: {training.alpha: [1, 2], samples.train: [5]}}}")
    variants = load_variants(merge([tmp_path / "a.yml", tmp_path / "b.yml"]), header)
    assert [one.configuration.methods[0].training.alpha for one in variants] == [1, 2]
    assert {one.configuration.methods[0].sampling.n_train for one in variants} == {5}
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "training.alpha: not used by sally"
    ]


def test_single_steps_refuse_a_sweep(header, write_input):
    path = write_input("{methods: [alices], luminosity: 3, initialisations: 2}")
    for call in (lambda: load(path, header), lambda: load_learner(path, "alices")):
        with pytest.raises(InputError, match="initialisations: 2, expected none where one"):
            call()
