"""What one step uses of the input, as an input file of its own.

A step sees only what it uses, so that a change elsewhere does not repeat it. The files are
complete: every default is filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from madminer_workflow.configuration.document import Document
from madminer_workflow.configuration.schema import subschema, uses
from madminer_workflow.estimators.registry import METHODS

__all__ = [
    "evaluation_document",
    "plan",
    "plotting_document",
    "sampling_document",
    "settings",
    "training_document",
]

_DATA = ("seed", "splits", "luminosity", "asymptotic_limits", "observed")


def sampling_document(document: Document) -> Document:
    """Returns what the sampling of all methods uses.

    Args:
        document: A complete document.
    """
    methods = {
        name: _pick(document[name], "theta_0", "theta_1", "samples") for name in document["methods"]
    }
    return {"step": "sampling"} | _pick(document, "methods", "seed", "splits") | methods


def training_document(document: Document, method: str) -> Document:
    """Returns what the training of any member of a method uses, which the number of members is not.

    Args:
        document: A complete document.
        method: Name of the method.
    """
    training = {
        key: value
        for key, value in document[method]["training"].items()
        if key != "n_members" and uses(method, subschema("training", key))
    }
    estimator = ("estimator",) if uses(method, subschema("estimator")) else ()
    common = {"step": "training", "methods": [method], **_pick(document, "seed", *estimator)}
    return common | {method: {"training": training}}


def evaluation_document(document: Document, method: str) -> Document:
    """Returns what the evaluation of any member of a method uses.

    Args:
        document: A complete document.
        method: Name of the method.
    """
    cut = {"step": "evaluation", "methods": [method], **_pick(document, *_DATA)}
    # Only from a score is the Fisher information learned.
    if method in subschema(method, "theta_0")["x-single-point"]:
        cut["fisher_information"] = _pick(document["fisher_information"], "bool", "theta_true")
    return cut | {method: _compared(document[method])}


def plotting_document(document: Document) -> Document:
    """Returns what plotting uses.

    Args:
        document: A complete document.
    """
    histograms = ("include_xsec", "histogram_vars", "histogram_bins", "fisher_information")
    # Ensembles are evaluated together where their members come together.
    ensembles = {
        name: _compared(document[name])
        for name in document["methods"]
        if _n_networks(document, name) > 1
    }
    cut = _pick(document, "methods", *_DATA, *histograms, "plotting")
    return {"step": "plotting"} | cut | ensembles


def settings(document: Document) -> dict[str, Document]:
    """Returns the input documents of all steps by the names of their files.

    Args:
        document: A complete document.
    """
    return {
        "sampling.json": sampling_document(document),
        "plotting.json": plotting_document(document),
        **{
            f"{name}.{step}.json": restricted(document, method)
            for name, method, _ in _members(document)
            for step, restricted in _MEMBER_STEPS.items()
        },
    }


def plan(document: Document, folder: Path) -> Document:
    """Returns the list of steps to run, each with its settings file.

    Args:
        document: A complete document.
        folder: Where the settings files are.
    """
    members = [
        {
            "name": name,
            "method": method,
            "member": member,
            **{step: str(folder / f"{name}.{step}.json") for step in _MEMBER_STEPS},
        }
        for name, method, member in _members(document)
    ]
    steps = {step: str(folder / f"{step}.json") for step in ("sampling", "plotting")}
    return {**steps, "members": members}


_MEMBER_STEPS = {"training": training_document, "evaluation": evaluation_document}


def _members(document: Document) -> Iterator[tuple[str, str, int]]:
    """Yields name, method and number of each member, those first whose steps take longest."""
    for method in sorted(document["methods"], key=_swiftness):
        for member in range(_n_networks(document, method)):
            yield f"{method}_{member}", method, member


def _swiftness(method: str) -> tuple[bool, bool]:
    """Returns a key by which methods that are evaluated at each parameter point come first."""
    spec = METHODS[method]
    return spec.kind == "score", spec.weighted


def _n_networks(document: Document, method: str) -> int:
    """Returns how many networks a method trains."""
    training = document[method]["training"]
    return int(training["n_members"] * (training["n_folds"] if METHODS[method].weighted else 1))


def _compared(method: Document) -> Document:
    """Returns on how many events a method is compared with the truth of the samples."""
    return {"samples": _pick(method["samples"], "test")}


def _pick(document: Document, *keys: str) -> Document:
    """Returns some of the keys of a document, those that it has."""
    return {key: document[key] for key in keys if key in document}
