"""What one step uses of the input, as an input file of its own.

A step sees only what it uses, so that a change elsewhere does not repeat it. The files are
complete: every default is filled in. What several combinations of a sweep have in common is there
once: samples, networks, evaluations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from madminer_workflow.configuration.document import Document
from madminer_workflow.configuration.labels import combination_name, label
from madminer_workflow.configuration.schema import subschema, uses
from madminer_workflow.configuration.sweep import touch
from madminer_workflow.configuration.variants import Variant
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

# Keys that a step of a method depends on, with those of the method itself.
_SAMPLING = ("seed", "splits", "samples", "theta_0", "theta_1")
_TRAINING = (*_SAMPLING, "estimator", "settings", "training", "device")
_EVALUATION = (*_DATA, "device", "samples", "experiments", "fisher_information")


def sampling_document(document: Document, *methods: str) -> Document:
    """Returns what the sampling of methods uses.

    Args:
        document: A complete document.
        methods: Names of the methods.
    """
    cut = {"methods": list(methods), **_pick(document, "seed", "splits")}
    for name in methods:
        block = _pick(document[name], "traits", "theta_0", "theta_1")
        block["samples"] = {
            key: value
            for key, value in document[name]["samples"].items()
            if uses(name, subschema("samples", key))
        }
        cut[name] = block
    return {"step": "sampling"} | cut


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
    used = _pick(document, "seed", *estimator) | _device(document, method)
    return {"step": "training", "methods": [method]} | used | {method: own | {"training": training}}


def evaluation_document(document: Document, method: str) -> Document:
    """Returns what the evaluation of any member of a method uses.

    Args:
        document: A complete document.
        method: Name of the method.
    """
    cut = {"step": "evaluation", "methods": [method], **_pick(document, *_DATA)}
    cut |= _device(document, method) | _conditions(document)
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
    cut = _pick(document, "methods", *_DATA, "experiments", *histograms, "plotting", "pick_best")
    return {"step": "plotting"} | cut | {name: block for name, block in methods.items() if block}


def settings(variants: Sequence[Variant]) -> dict[str, Document]:
    """Returns the input documents of all steps by the names of their files.

    Args:
        variants: All that the input file stands for.
    """
    union = _union(variants)
    return {
        "sampling.json": _sampling(variants, union),
        "plotting.json": _plotting(variants, union),
        **{f"{member.name}.training.json": member.training for member in union.members},
        **{
            f"{name}.evaluation.json": document
            for member in union.members
            for name, document in member.evaluations.items()
        },
    }


def plan(variants: Sequence[Variant], folder: Path) -> Document:
    """Returns the list of steps to run, each with its settings file.

    Args:
        variants: All that the input file stands for.
        folder: Where the settings files are.
    """
    members = [
        {
            "name": one.name,
            "method": one.method,
            "member": one.number,
            "sample_set": one.sample_set,
            "training": str(folder / f"{one.name}.training.json"),
            "evaluation": {
                "names": list(one.evaluations),
                "settings": [str(folder / f"{name}.evaluation.json") for name in one.evaluations],
            },
        }
        for one in _union(variants).members
    ]
    steps = {step: str(folder / f"{step}.json") for step in ("sampling", "plotting")}
    return {**steps, "members": members}


class _Distinct:
    """Documents that differ from one another, by name."""

    def __init__(self) -> None:
        """Holds none."""
        self.documents: dict[str, Document] = {}
        self._names: dict[str, str] = {}

    def name_of(self, wanted: str, document: Document, *others: object) -> str:
        """Returns the name of a document, which is added if there is none like it.

        Args:
            wanted: The name for a new one; another one's gets a number.
            document: The document.
            others: What else must be the same.
        """
        content = json.dumps([document, *others], sort_keys=True)
        if content not in self._names:
            name, number = wanted, 1
            while name in self.documents:
                number += 1
                name = f"{wanted}_{number}"
            self._names[content] = name
            self.documents[name] = document
        return self._names[content]


@dataclass(frozen=True)
class _Member:
    """One network, and its evaluations.

    Attributes:
        name: What a user calls it.
        method: Name of the method.
        number: Number of the network in its ensemble.
        sample_set: Name of its samples.
        training: What its training uses.
        swiftness: A key by which those come first whose steps take longest.
        evaluations: What its evaluations use, by their names.
    """

    name: str
    method: str
    number: int
    sample_set: str
    training: Document
    swiftness: tuple[bool, bool]
    evaluations: dict[str, Document] = field(default_factory=dict)


@dataclass(frozen=True)
class _Union:
    """All samples, networks and evaluations of some variants, each once.

    Attributes:
        samples: What is used for each set of samples, by its name.
        members: The networks.
        results: For each variant the names of its evaluations.
    """

    samples: Mapping[str, Document]
    members: Sequence[_Member]
    results: Sequence[Sequence[str]]


def _union(variants: Sequence[Variant]) -> _Union:
    """Returns what variants have in common, those networks first whose steps take longest."""
    keys = {key for variant in variants for key in variant.point.values}
    samples, trainings, evaluations = _Distinct(), _Distinct(), _Distinct()
    members: dict[str, _Member] = {}
    results = []
    for variant in variants:
        document, own = variant.document, []
        for method in document["methods"]:
            sampled = sampling_document(document, method)
            wanted = _named(method, _label(variant, _SAMPLING, method, keys))
            sample_set = samples.name_of(wanted, sampled)
            training, evaluation = (cut(document, method) for cut in _CUTS)
            for number in range(_n_networks(document, method)):
                one, seed = f"{method}_{number}", _initialisation(variant)
                wanted = _named(one, _label(variant, _TRAINING, method, keys), seed)
                name = trainings.name_of(wanted, training, sample_set, number)
                swiftness = _swiftness(document, method)
                new = _Member(name, method, number, sample_set, training, swiftness)
                member = members.setdefault(name, new)
                every = _label(variant, (*_TRAINING, *_EVALUATION), method, keys)
                own.append(evaluations.name_of(_named(one, every, seed), evaluation, name))
                member.evaluations[own[-1]] = evaluation
        results.append(own)
    ordered = sorted(members.values(), key=lambda member: member.swiftness)
    return _Union(samples.documents, ordered, results)


def _sampling(variants: Sequence[Variant], union: _Union) -> Document:
    """Returns what the sampling uses."""
    if not _are_several(variants):
        document = variants[0].document
        return sampling_document(document, *document["methods"])
    methods = list(dict.fromkeys(member.method for member in union.members))
    rows = [{"name": name, "document": one} for name, one in union.samples.items()]
    return {"step": "sampling", "methods": methods, "variants": rows}


def _plotting(variants: Sequence[Variant], union: _Union) -> Document:
    """Returns what plotting uses, with the place of each result among all."""
    if not _are_several(variants):
        return plotting_document(variants[0].document)
    ordered = (name for member in union.members for name in member.evaluations)
    places = {name: place for place, name in enumerate(ordered)}
    rows = [
        {
            "name": variant.point.name,
            **asdict(variant.point),
            "document": plotting_document(variant.document),
            "results": [places[name] for name in own],
        }
        for variant, own in zip(variants, union.results, strict=True)
    ]
    methods = list(dict.fromkeys(member.method for member in union.members))
    return {"step": "plotting", "methods": methods, "variants": rows}


def _are_several(variants: Sequence[Variant]) -> bool:
    """Returns whether variants are those of a sweep or of initialisations."""
    return any(variant.point.name for variant in variants)


def _label(variant: Variant, step: Sequence[str], method: str, every: Collection[str]) -> str:
    """Returns a name for the values of a combination that a step of a method depends on."""
    used = (*step, *(f"{method}.{key}" for key in step))
    values = variant.point.values.items()
    labels = [
        (key, label(value)) for key, value in values if any(touch(key, other) for other in used)
    ]
    return combination_name(labels, every)


def _initialisation(variant: Variant) -> str:
    """Returns a name for the initialisation of a variant; an empty one without."""
    number = variant.point.initialisation
    return "" if number is None else f"initialisation-{number}"


def _named(*parts: str) -> str:
    """Returns a name of parts, without those that are empty."""
    return "__".join(filter(None, parts))


_CUTS: tuple[Callable[[Document, str], Document], ...] = (training_document, evaluation_document)


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


def _device(document: Document, method: str) -> Document:
    """Returns where the networks of a method are, if it has networks of ours."""
    is_used = method in METHODS and uses(method, subschema("device"))
    return _pick(document, "device") if is_used else {}


def _conditions(document: Document) -> Document:
    """Returns the experiments for which networks are evaluated; luminosities need no evaluation."""
    seen = [*document["asymptotic_limits"]["theta_true"], document.get("observed", {}).get("data")]
    rows: list[Document] = []
    for one in document.get("experiments", []):
        ((kind, what),) = _pick(one, "theta_true", "observed").items()
        if what not in seen:
            seen.append(what)
            rows.append({"name": f"condition_{len(rows) + 1}", kind: what})
    return {"experiments": rows} if rows else {}


def _compared(method: Document) -> Document:
    """Returns on how many events a method is compared with the truth of the samples."""
    return _pick(method, "traits") | {"samples": _pick(method["samples"], "test")}


def _pick(document: Document, *keys: str) -> Document:
    """Returns some of the keys of a document, those that it has."""
    return {key: document[key] for key in keys if key in document}
