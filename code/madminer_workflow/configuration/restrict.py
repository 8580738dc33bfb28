"""What one step uses of the input, as an input file of its own.

A step sees only what it uses, so that a change elsewhere does not repeat it. The files are
complete: every default is filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from madminer_workflow.configuration.document import Document
from madminer_workflow.configuration.schema import subschema, uses
from madminer_workflow.estimators.registry import METHODS, MethodSpec, of_own

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
        name: _pick(document[name], "traits", "theta_0", "theta_1", "samples")
        for name in document["methods"]
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
        if key != "n_members" and uses(method, subschema(method, "training", key))
    }
    own = _pick(document[method], "class", "code", "settings")
    estimator = ("estimator",) if uses(method, subschema("estimator")) else ()
    common = {"step": "training", "methods": [method], **_pick(document, "seed", *estimator)}
    return common | {method: own | {"training": training}}


def evaluation_document(document: Document, method: str) -> Document:
    """Returns what the evaluation of any member of a method uses.

    Args:
        document: A complete document.
        method: Name of the method.
    """
    cut = {"step": "evaluation", "methods": [method], **_pick(document, *_DATA)}
    # Only from a score is the Fisher information learned.
    if _spec(document, method).kind == "score":
        cut["fisher_information"] = _pick(document["fisher_information"], "bool", "theta_true")
    return cut | {method: _compared(document[method])}


def plotting_document(document: Document) -> Document:
    """Returns what plotting uses.

    Args:
        document: A complete document.
    """
    histograms = ("include_xsec", "histogram_vars", "histogram_bins", "fisher_information")
    # Ensembles are evaluated together where their members come together.
    methods = {
        name: (
            _compared(document[name])
            if _n_networks(document, name) > 1
            else _pick(document[name], "traits")
        )
        for name in document["methods"]
    }
    cut = _pick(document, "methods", *_DATA, *histograms, "plotting", "pick_best")
    return {"step": "plotting"} | cut | {name: block for name, block in methods.items() if block}


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
    for method in sorted(document["methods"], key=lambda name: _swiftness(document, name)):
        for member in range(_n_networks(document, method)):
            yield f"{method}_{member}", method, member


def _spec(document: Document, method: str) -> MethodSpec:
    """Returns what a method estimates, and from what."""
    own = document[method].get("traits")
    return METHODS[method] if own is None else of_own(method, **own)


def _swiftness(document: Document, method: str) -> tuple[bool, bool]:
    """Returns a key by which methods that are evaluated at each parameter point come first."""
    spec = _spec(document, method)
    return spec.kind == "score", spec.weighted


def _n_networks(document: Document, method: str) -> int:
    """Returns how many networks a method trains."""
    training, weighted = document[method]["training"], _spec(document, method).weighted
    return int(training["n_members"] * (training["n_folds"] if weighted else 1))


def _compared(method: Document) -> Document:
    """Returns on how many events a method is compared with the truth of the samples."""
    return _pick(method, "traits") | {"samples": _pick(method["samples"], "test")}


def _pick(document: Document, *keys: str) -> Document:
    """Returns some of the keys of a document, those that it has."""
    return {key: document[key] for key in keys if key in document}
