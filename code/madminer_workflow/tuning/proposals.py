"""What Optuna is asked for: values of a space, proposed by a sampler.

Choices may be lists, which Optuna does not store: it is given their places.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from madminer_workflow.configuration.tuning import Dimension, Sampler, stepped

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

__all__ = ["combinations", "sampler", "suggested", "values_of"]

Space = Sequence[Dimension]


def suggested(trial: Trial, space: Space) -> dict[str, Any]:
    """Returns the values of a trial by key; keys that are not tried with the others are missing.

    Args:
        trial: The trial.
        space: What is tried.
    """
    found: dict[str, Any] = {}
    for one in space:
        if one.is_tried(found):
            found[one.key] = _value(one, _suggest(trial, one))
    return found


def values_of(parameters: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Returns the values that the parameters of a stored trial stand for.

    Args:
        parameters: The parameters as Optuna has them.
        space: What is tried.
    """
    return {one.key: _value(one, parameters[one.key]) for one in space if one.key in parameters}


def combinations(space: Space) -> list[dict[str, Any]]:
    """Returns all parameters of a space of choices and steps, as Optuna has them, each once.

    Args:
        space: What is tried.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in itertools.product(*map(_grid, space)):
        parameters: dict[str, Any] = {}
        for one, parameter in zip(space, row, strict=True):
            if one.is_tried(values_of(parameters, space)):
                parameters[one.key] = parameter
        found[tuple(parameters.items())] = parameters
    return list(found.values())


def sampler(name: Sampler, seed: int) -> BaseSampler:
    """Returns what proposes values; those of a grid are in the queue of the study.

    Args:
        name: Its name in the input file.
        seed: Its seed.
    """
    from optuna import samplers

    small = seed % 2**32  # all that its generator takes
    return samplers.TPESampler(seed=small) if name == "tpe" else samplers.RandomSampler(seed=small)


def _suggest(trial: Trial, one: Dimension) -> Any:
    """Returns the parameter of a dimension as Optuna has it."""
    if one.choices:
        return trial.suggest_categorical(one.key, list(range(len(one.choices))))
    if one.whole:
        step = int(one.step or 1)
        return trial.suggest_int(one.key, int(one.low), int(one.high), step=step, log=one.log)
    return trial.suggest_float(one.key, one.low, one.high, step=one.step, log=one.log)


def _value(one: Dimension, parameter: Any) -> Any:
    """Returns the value that a parameter stands for."""
    return one.choices[parameter] if one.choices else parameter


def _grid(one: Dimension) -> list[Any]:
    """Returns the parameters of a dimension of choices or steps."""
    if one.choices:
        return list(range(len(one.choices)))
    values = [stepped(one.low, number, one.step or 1) for number in range(one.n_values or 1)]
    return [int(value) for value in values] if one.whole else values
