import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.processes.drell_yan.benchmarks import choose_benchmarks
from madminer_workflow.processes.drell_yan.operators import OPERATORS
from madminer_workflow.processes.drell_yan.presets import PRESETS, Preset, make_preset
from madminer_workflow.processes.polynomial import monomials


def mean_squared_morphing_weight(preset: Preset) -> float:
    thetas = np.random.default_rng(1).uniform(
        *np.transpose(preset.ranges), (10000, len(preset.ranges))
    )
    weights = monomials(thetas) @ np.linalg.inv(monomials(preset.benchmarks))
    return float((weights**2).sum(axis=1).mean())


@pytest.mark.parametrize("name", PRESETS)
def test_benchmarks_morph_well_everywhere_in_the_range(name):
    assert mean_squared_morphing_weight(PRESETS[name]) < 1.2
    assert PRESETS[name].benchmark_names[:2] == ("sm", "b1")


def test_chosen_benchmarks_are_those_of_dy1_and_dy3():
    for name in ("dy1", "dy3"):
        assert choose_benchmarks(PRESETS[name].ranges) == PRESETS[name].benchmarks


def test_any_choice_of_operators_morphs_well():
    ranges = dict.fromkeys(list(OPERATORS)[:4], (-1.0, 3.0))
    preset = make_preset("mine", ranges, m_min=300.0, luminosity_ipb=1e5)
    assert len(preset.benchmarks) == 15
    assert mean_squared_morphing_weight(preset) < 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operators": ("c_eu", "c_xx")}, "operators = .*c_xx.*allowed: different ones of c_lq1"),
        ({"operators": ("c_eu", "c_eu")}, "operators"),
        ({"operators": (), "ranges": ()}, "operators"),
        ({"ranges": ((0.0, 1.0), (2.0, 2.0))}, "ranges"),
        ({"ranges": ((0.0, 1.0),)}, "ranges"),
        ({"benchmarks": ((0.0, 0.0),)}, "6 points"),
        ({"benchmarks": ((1.0, 0.0),) * 6}, "zero first"),
        ({"m_min": 91.0}, "150 to 5000 GeV"),
        ({"luminosity_ipb": 0.0}, "luminosity_ipb = 0.0, allowed: a positive number"),
    ],
)
def test_values_that_are_not_allowed_are_input_errors(change, message):
    values = {field: getattr(PRESETS["dy2"], field) for field in Preset.__dataclass_fields__}
    with pytest.raises(InputError, match=f"preset dy2: .*{message}"):
        Preset(**{**values, **change})


def test_benchmarks_that_do_not_fix_the_polynomial_are_an_input_error():
    with pytest.raises(InputError, match="do not fix"):
        make_preset("mine", {"c_eu": (-1.0, 1.0)}, benchmarks=[(0.0,), (1.0,), (1.0,)])
