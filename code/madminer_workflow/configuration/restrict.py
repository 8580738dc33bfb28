"""What one step uses of the input, as an input file of its own.

A step sees only what it uses, so that a change elsewhere does not repeat it. The files are
complete: every default is filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from madminer_workflow.configuration.document import Document
from madminer_workflow.configuration.schema import subschema, uses

__all__ = [
    "evaluation_document",
    "plan",
    "plotting_document",
    "sampling_document",
    "settings",
    "training_document",
]

_DATA = ("seed", "splits", "luminosity", "asymptotic_limits")


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
    """Returns what the training of any member of a method uses.

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
    common = {"step": "evaluation", "methods": [method], **_pick(document, *_DATA)}
    if method not in subschema(method, "theta_0")["x-single-point"]:
        return common
    # Only from a score is the Fisher information learned.
    fisher = _pick(document["fisher_information"], "bool", "theta_true")
    return common | {"fisher_information": fisher}


def plotting_document(document: Document) -> Document:
    """Returns what plotting uses.

    Args:
        document: A complete document.
    """
    histograms = ("include_xsec", "histogram_vars", "histogram_bins", "fisher_information")
    return {"step": "plotting"} | _pick(document, "methods", *_DATA, *histograms, "plotting")


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
    """Yields name, method and number of each member of each ensemble."""
    for method in document["methods"]:
        for member in range(document[method]["training"]["n_members"]):
            yield f"{method}_{member}", method, member


def _pick(document: Document, *keys: str) -> Document:
    """Returns some of the keys of a document, those that it has."""
    return {key: document[key] for key in keys if key in document}
