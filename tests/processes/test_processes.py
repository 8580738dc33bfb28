import json

import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.processes import PRESETS, exact_likelihood, make_preset


def test_registry_lists_the_presets_default_first():
    assert list(PRESETS) == ["dy2", "dy2b", "dy1", "dy3"]
    assert all(preset.name == name for name, preset in PRESETS.items())


def test_description_survives_json_and_gives_the_likelihood_back():
    preset = make_preset("mine", {"c_lu": (-1.0, 1.0), "c_ld": (-2.0, 1.0)}, m_min=700.0)
    likelihood = exact_likelihood(json.loads(json.dumps(preset.description)))
    assert likelihood is not None
    assert likelihood.preset == preset


def test_no_likelihood_for_other_processes():
    assert exact_likelihood(None) is None
    assert exact_likelihood({"name": "higgs"}) is None


@pytest.mark.parametrize("missing", ["operators", "m_min"])
def test_incomplete_description_is_an_input_error(missing):
    description = PRESETS["dy2"].description
    del description[missing]
    with pytest.raises(InputError, match=missing):
        exact_likelihood(description)
