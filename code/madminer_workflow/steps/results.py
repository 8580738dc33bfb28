"""The content of results.json: every number that a reader of the limits may want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from madminer_workflow.events import Events
from madminer_workflow.statistics import (
    P_68,
    P_95,
    FisherInformation,
    Limit,
    Ranking,
    iou,
    region,
    size_error,
    threshold,
)
from madminer_workflow.statistics.limits import Which
from madminer_workflow.steps.combine import Combination, DataLimits
from madminer_workflow.steps.diagnose import Diagnosis
from madminer_workflow.steps.members import Member, off

__all__ = ["results"]

_LEVELS = {"68": P_68, "95": P_95}


def results(
    combination: Combination,
    events: Events,
    diagnoses: Mapping[str, Diagnosis],
    best: Mapping[str, Ranking[str]],
) -> dict[str, Any]:
    """Returns the record of all results.

    Args:
        combination: The limits of all methods and what belongs to them.
        events: All events of the file.
        diagnoses: How far each method can be trusted.
        best: The best method for each set of data.
    """
    configuration, header = combination.configuration, events.header
    first, *others = combination.data
    headline, names = combination.data[first], header.parameter_names
    return {
        "parameters": names,
        **_data(headline, names),
        "luminosity_ipb": headline.scan.luminosity_ipb,
        "seed": configuration.seed,
        "shown": headline.shown,
        "events": {"total": len(events), **asdict(configuration.splits)},
        "cross_sections_pb": {
            "theta_true": headline.scan.n_observed / headline.scan.luminosity_ipb,
            **dict(zip(header.benchmark_names, _benchmarks(events), strict=True)),
        },
        "limits": {
            name: limit | _method(combination, name) | _diagnosis(diagnoses.get(name))
            for name, limit in _limits(headline).items()
        },
        "best": _best(best.get(first)),
        "data": {
            name: _further(combination.data[name], names) | {"best": _best(best.get(name))}
            for name in others
        },
        "fisher_information": {f.name: _fisher(f) for f in combination.fisher},
    }


def _data(data: DataLimits, names: Sequence[str]) -> dict[str, Any]:
    """Returns the true point and the number of events of expected data, or the observed number."""
    scan = data.scan
    if data.is_observed:
        return {"n_observed": scan.n_observed}
    return {"theta_true": _named(names, scan.theta_true), "n_expected": scan.n_observed}


def _further(data: DataLimits, names: Sequence[str]) -> dict[str, Any]:
    """Returns what is known about further data."""
    return {
        **_data(data, names),
        "luminosity_ipb": data.scan.luminosity_ipb,
        "shown": data.shown,
        "is_experiment": data.is_experiment,
        "limits": _limits(data),
    }


def _best(ranking: Ranking[str] | None) -> dict[str, Any] | None:
    """Returns the best method and where the others stand; None without methods."""
    return None if ranking is None else asdict(ranking)


def _limits(data: DataLimits) -> dict[str, Any]:
    """Returns the limits of all methods for one set of data."""
    return {name: _limit(limit, data.exact) for name, limit in data.all().items()}


def _named(names: Sequence[str], theta: ArrayLike) -> dict[str, float]:
    """Returns a parameter point by the names of the parameters."""
    return dict(zip(names, np.asarray(theta, float).tolist(), strict=True))


def _benchmarks(events: Events) -> list[float]:
    """Returns the cross section at each benchmark in pb."""
    return list(events.cross_sections(events.header.benchmark_values).tolist())


def _limit(limit: Limit, exact: Limit | None) -> dict[str, Any]:
    """Returns best fit and regions, with the rate and without."""
    record: dict[str, Any] = {}
    whiches: tuple[Which, Which] = ("full", "kinematics")
    for which in whiches:
        q, minimum = limit.on_grid(which), limit.minimum(which)
        record[which] = {
            "best_fit": _named(limit.parameters, minimum.theta),
            "best_fit_at_border": minimum.at_border,
            "regions": {level: _region(limit, which, p) for level, p in _LEVELS.items()},
        }
        if exact is not None:
            level, truth = threshold(P_95, len(limit.axes)), exact.on_grid(which)
            record[which]["iou_95_with_exact"] = iou(q, truth, level, limit.axes)
    return record


def _region(limit: Limit, which: Which, p_value: float) -> dict[str, Any]:
    """Returns the region of a p-value, and the Monte Carlo error of its size if it is known."""
    found = region(limit.on_grid(which), limit.axes, p_value)
    error, replicas = None, limit.best_replicas(which)
    if replicas is not None:
        error = size_error(replicas, limit.axes, found.threshold)
    return {**asdict(found), "size_mc_error": error}


def _method(combination: Combination, name: str) -> dict[str, Any]:
    """Returns settings, seeds, samples and losses of a method; nothing for a baseline."""
    if name not in combination.members:
        return {}
    members, evaluation = combination.members[name], combination.evaluations[name]
    first, failed = members[0].model, {member.number for member in off(members)}
    weight = 1.0 / len({member.set for member in members})
    settings = {key: value for key, value in first["training"].items() if key != "n_members"}
    own = first.get("routine", {})
    return {
        "kind": first["kind"],
        "estimator": own["kept"] if own else first["estimator"],
        "theta_ref": first["theta_ref"],
        "settings": settings | own.get("settings", {}),
        "samples": {"train": first["n_train"], "validation": first["n_validation"]},
        "n_held_out_events": evaluation.n_events,
        "normalisation": {"largest_offset": evaluation.largest_offset},
        "members": [
            _member(member) | {"weight": weight, "off": member.number in failed}
            for member in members
        ],
    }


def _diagnosis(diagnosis: Diagnosis | None) -> dict[str, Any]:
    """Returns the diagnostics of a method and what follows from them; nothing for a baseline."""
    if diagnosis is None:
        return {}
    found = asdict(diagnosis.diagnostics)
    del found["method"], found["parameters"]
    return {"verdict": asdict(diagnosis.verdict), "diagnostics": found}


def _member(member: Member) -> dict[str, Any]:
    """Returns what differs from member to member."""
    history: Mapping[str, Any] = member.history
    return {
        "member": member.number,
        "seed": member.model["training"]["seed"],
        "best_epoch": history["best_epoch"],
        "validation_loss": min(history["validation_loss"]),
        "training_seconds": sum(history["seconds"]),
    }


def _fisher(information: FisherInformation) -> dict[str, Any]:
    """Returns a Fisher information with the covariance of the parameters."""
    return {**asdict(information), "covariance": information.covariance}
