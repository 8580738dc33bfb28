from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.events import (
    Morphing,
    form_coefficients,
    form_monomials,
    read_events,
    read_header,
)


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_forms_reproduce_the_weights(
    make_event_file: Callable[..., Path], tmp_path: Path, n_parameters: int
) -> None:
    header = read_header(make_event_file(tmp_path / "events.h5", n_parameters, 50))
    events, rng = read_events(header), np.random.default_rng(1)
    low, high = header.ranges.T
    reference, *thetas = rng.uniform(low, high, (8, n_parameters))
    forms = events.weights @ form_coefficients(header, reference)
    expected = events.weights_at(thetas)
    np.testing.assert_allclose(
        forms @ form_monomials(thetas - reference).T, expected, rtol=1e-9, atol=0
    )
    np.testing.assert_allclose(forms[:, 0], events.weights_at([reference])[:, 0], rtol=1e-9)


def test_monomials_are_the_products_of_a_quadratic_form() -> None:
    differences = np.random.default_rng(1).normal(size=(5, 3))
    v = np.concatenate([np.ones((5, 1)), differences], axis=1)
    upper = np.triu(np.random.default_rng(2).normal(size=(4, 4)))
    form = np.einsum("ti,ij,tj->t", v, upper, v)
    entries = upper[np.triu_indices(4)]
    np.testing.assert_allclose(form_monomials(differences) @ entries, form)


def test_a_morphing_of_degree_four_is_refused(event_file: Path) -> None:
    header, powers = read_header(event_file), np.arange(5)
    components = np.stack([powers, np.zeros(5, int)], axis=1)
    matrix = np.linalg.inv(np.linspace(-1.0, 1.5, 5)[:, None] ** powers)
    quartic = replace(header, morphing=Morphing(components, matrix))
    with pytest.raises(InputError, match=r"morphing has degree 4 .* quadratic needs degree 2"):
        form_coefficients(quartic, [0.0, 0.0])


def test_no_morphing_is_refused(event_file: Path) -> None:
    header = replace(read_header(event_file), morphing=None)
    with pytest.raises(InputError, match=r"events.h5: no morphing, quadratic needs one"):
        form_coefficients(header, [0.0, 0.0])
