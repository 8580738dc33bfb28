"""The configuration as an input document in which nothing is left to a default."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import numpy as np

from madminer_workflow.configuration.model import Configuration, Fisher, Method, Plotting, Thetas
from madminer_workflow.estimators.routines import traits
from madminer_workflow.events.header import Header
from madminer_workflow.events.observed import Observed

__all__ = ["Document", "complete", "observed_file"]

Document = dict[str, Any]


def observed_file(observed: Observed) -> str:
    """Returns where a complete document expects the observed events, beside itself.

    The name tells the content, so that a document changes with the events that it names.

    Args:
        observed: The observed events.
    """
    content = hashlib.sha256(json.dumps(observed.observables).encode())
    content.update(np.ascontiguousarray(observed.x).tobytes())
    return f"observed-{content.hexdigest()[:16]}.npz"


def complete(configuration: Configuration, header: Header) -> Document:
    """Returns the input document that gives a configuration without any default.

    Args:
        configuration: The configuration.
        header: The header of the event file.
    """
    limits, histogram = configuration.limits, configuration.histogram
    observed = configuration.observed
    return {
        "methods": [method.name for method in configuration.methods],
        "estimator": configuration.methods[0].estimator,
        "seed": configuration.seed,
        "device": configuration.device,
        "splits": asdict(configuration.splits),
        "luminosity": limits.luminosity_ipb,
        "asymptotic_limits": {
            "region": {
                name: {"min": low, "max": high}
                for name, (low, high) in zip(header.parameter_names, limits.region, strict=True)
            },
            "resolutions": list(limits.resolutions),
            "theta_true": [list(theta) for theta in limits.thetas_true],
        },
        **({} if observed is None else {"observed": {"data": observed_file(observed)}}),
        **_experiments(configuration),
        "include_xsec": list(limits.include_xsec),
        "histogram_vars": list(histogram.observables),
        "histogram_bins": histogram.bins,
        "fisher_information": _fisher(configuration.fisher),
        "plotting": _plotting(configuration.plotting),
        "pick_best": configuration.pick_best,
        **{method.name: _method(method, header) for method in configuration.methods},
    }


def _experiments(configuration: Configuration) -> Document:
    """Returns the table of further data, if there is one."""
    rows = [
        {
            "name": one.name,
            **({} if one.theta_true is None else {"theta_true": list(one.theta_true)}),
            **({} if one.observed is None else {"observed": observed_file(one.observed)}),
            "luminosity": one.luminosity_ipb,
            "include_xsec": list(one.include_xsec),
        }
        for one in configuration.experiments
    ]
    return {"experiments": rows} if rows else {}


def _fisher(fisher: Fisher) -> Document:
    """Returns the settings of the Fisher information."""
    edges = {} if fisher.range is None else {"histogram_range": list(fisher.range)}
    return {
        "bool": fisher.enabled,
        "observable": fisher.observable,
        "histogram_bins": list(fisher.bins) if isinstance(fisher.bins, tuple) else fisher.bins,
        **edges,
        "theta_true": list(fisher.theta_true),
    }


def _plotting(plotting: Plotting) -> Document:
    """Returns which figures are drawn."""
    names = {
        "all_methods_pvalue": plotting.all_methods_pvalue or False,
        "correlations_methods": list(plotting.correlations_methods),
    }
    return asdict(plotting) | names


def _method(method: Method, header: Header) -> Document:
    """Returns the settings of one method."""
    sampling = method.sampling
    theta_1 = {"theta_1": _thetas(sampling.theta_1, header)}
    return {
        **_routine(method),
        "theta_0": _thetas(sampling.theta_0, header),
        **(theta_1 if method.spec.kind == "ratio" else {}),
        "samples": {
            "train": sampling.n_train,
            "validation": sampling.n_validation,
            "test": sampling.n_test,
            "minimum_effective": sampling.minimum_effective_samples,
        },
        "training": _training(method),
    }


def _routine(method: Method) -> Document:
    """Returns what an estimator of one's own is, its source expected beside the document."""
    own = method.routine
    if own is None:
        return {}
    return {
        "class": own.kept,
        "code": own.code,
        "traits": traits(own.spec),
        "settings": dict(own.settings),
    }


def _training(method: Method) -> Document:
    """Returns the settings of the training of one method."""
    unused = () if method.routine is None or method.spec.weighted else ("n_folds",)
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(method.training).items()
        if key not in unused
    }


def _thetas(thetas: Thetas, header: Header) -> Document:
    """Returns how parameter points are chosen."""
    chosen: Document = {"sampling_method": thetas.method}
    if thetas.method == "random_morphing_points":
        priors = zip(header.parameter_names, thetas.priors, strict=True)
        keys = ("prior_shape", "prior_param_0", "prior_param_1")
        prior = {
            name: dict(zip(keys, (p.shape, p.first, p.second), strict=True)) for name, p in priors
        }
        return chosen | {"sampling_number": thetas.number, "prior": prior}
    if thetas.method == "morphing_points":
        return chosen | {"sampling_arg": [list(point) for point in thetas.points]}
    return chosen | {"sampling_arg": list(thetas.benchmarks)}
