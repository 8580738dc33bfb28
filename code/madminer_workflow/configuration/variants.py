"""All that an input file stands for: its combinations and their initialisations, resolved."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from madminer_workflow.configuration.concerns import concerns
from madminer_workflow.configuration.document import Document, complete
from madminer_workflow.configuration.merging import Inputs, merge
from madminer_workflow.configuration.model import Configuration
from madminer_workflow.configuration.resolve import load, resolve
from madminer_workflow.configuration.routines import rules
from madminer_workflow.configuration.schema import validate
from madminer_workflow.configuration.sweep import Point, is_several, points
from madminer_workflow.errors import InputError
from madminer_workflow.events.header import Header

__all__ = ["Part", "Variant", "load_parts", "load_variants", "resolved"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Variant:
    """One of the runs that an input file stands for.

    Attributes:
        point: Its combination and its initialisation; empty ones if it is the only one.
        configuration: What it stands for.
        document: The same as an input document without defaults.
    """

    point: Point
    configuration: Configuration
    document: Document = field(repr=False)


@dataclass(frozen=True)
class Part:
    """What one step is to do for one or several variants.

    Attributes:
        name: What tells it from others; empty if it is the only one.
        configuration: What the step uses.
        record: What else `configure` has written about it.
    """

    name: str
    configuration: Configuration
    record: Mapping[str, Any] = field(default_factory=dict)


def load_variants(source: str | Path | Inputs, header: Header) -> tuple[Variant, ...]:
    """Reads an input file and checks everything that can be checked before events are read.

    What is allowed but doubtful is logged as a warning, unless the file was written by `run`.

    Args:
        source: The input file, YAML or JSON, or what several give together.
        header: The header of the event file.

    Raises:
        InputError: Something is not allowed; the message names file, combination, key and value.
    """
    inputs = source if isinstance(source, Inputs) else merge([source])
    document = inputs.document
    if not is_several(document):
        configuration = load(inputs, header)
        return (Variant(Point(), configuration, complete(configuration, header)),)
    with inputs.named():
        validate(document, rules(document))
        variants = tuple(_variants(document, header))
    if "step" not in document:
        for concern in dict.fromkeys(_concerns(inputs, variants, header)):
            log.warning("%s: %s", inputs.blamed(concern), concern)
    return variants


def load_parts(source: str | Path, header: Header) -> tuple[Part, ...]:
    """Reads what a step is to do: settings that `configure` has written, or an input file.

    Args:
        source: The file.
        header: The header of the event file.

    Raises:
        InputError: Something is not allowed, or the file has a sweep.
    """
    inputs = merge([source])
    rows = inputs.document.get("variants")
    if rows is None:
        return (Part("", load(inputs, header)),)
    with inputs.named():
        documents = [row["document"] for row in rows]
        validate(inputs.document, _all_rules(documents))
        return tuple(
            Part(row["name"], resolved(document, header), row)
            for row, document in zip(rows, documents, strict=True)
        )


def _variants(document: Document, header: Header) -> Iterator[Variant]:
    """Yields what a document stands for."""
    for point in points(document):
        try:
            configuration = resolved(point.document(document), header)
        except InputError as error:
            raise InputError(f"sweep: combination {point.name}: {error}") from error
        yield Variant(point, configuration, complete(configuration, header))


def resolved(document: Document, header: Header) -> Configuration:
    """Returns what a document stands for that is not yet checked.

    Args:
        document: The content of an input file.
        header: The header of the event file.

    Raises:
        InputError: Something is not allowed.
    """
    validate(document, rules(document))
    return resolve(document, header)


def _all_rules(documents: Sequence[Document]) -> dict[str, dict[str, Any]]:
    """Returns the schemas of the blocks of the estimators of one's own in any of some documents."""
    return {name: rule for document in documents for name, rule in rules(document).items()}


def _concerns(inputs: Inputs, variants: tuple[Variant, ...], header: Header) -> Iterator[str]:
    """Yields warnings: those of all variants once, others with the combination."""
    own = inputs.own
    found = {
        variant.point.name: concerns(variant.point.document(own), variant.configuration, header)
        for variant in variants
    }
    for name, lines in found.items():
        for line in lines:
            common = all(line in others for others in found.values())
            yield line if common else f"sweep: combination {name}: {line}"
