"""Samples of one method: what its training, validation and diagnostics read."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Method, Thetas
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.registry import MethodSpec
from madminer_workflow.events import Events, Header, form_coefficients
from madminer_workflow.sampling.joint import joint_ratio, joint_score
from madminer_workflow.sampling.thetas import points
from madminer_workflow.sampling.unweight import Unweighted, unweight
from madminer_workflow.storage import read_npz, write_npz

__all__ = [
    "PARTS",
    "Part",
    "Samples",
    "draw_samples",
    "weighted_samples",
    "with_fixed_reference",
]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Part = Literal["train", "validation", "test"]

PARTS: tuple[Part, ...] = ("train", "validation", "test")
"""The parts of the events."""

NEGATIVE_SHARE = 1e-6
"""Warn when negative weights make up more than this; less is rounding."""

_ROWS = ("x", "theta", "y", "r_xz", "t_xz", "forms")
_SINGLE = ("method", "n_thetas", "effective_samples")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Samples:
    """Events with the parameter points and labels that a method learns from.

    Attributes:
        method: Name of the method.
        parameters: Names of the parameters.
        observables: Names of the observables.
        theta_ref: Parameter points whose equal-weight mixture is the reference density of a ratio;
            where the score is taken; the reference benchmark for densities, (reference, parameter).
        n_thetas: Number of points among which theta_0 was chosen.
        effective_samples: Smallest effective number of events that a point was drawn from.
        x: Observables, (sample, observable).
        theta: theta_0, the hypothesis of the numerator, (sample, parameter).
        y: 0 for samples from theta_0, 1 for samples from the reference; ratios only, (sample,).
        r_xz: Joint ratio p(x, z|theta_0) / p(x, z|reference); ratios only, (sample,).
        t_xz: Joint score at theta_0, for methods that use it, (sample, parameter).
        forms: Weights as quadratic forms around theta_ref, of mean one there; only of weighted
            samples, which have no y, (sample, entry).
    """

    method: str
    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    theta_ref: Floats
    n_thetas: int
    effective_samples: float
    x: Floats
    theta: Floats
    y: Floats | None = None
    r_xz: Floats | None = None
    t_xz: Floats | None = None
    forms: Floats | None = None

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.x)

    def take(self, indices: Indices) -> Samples:
        """Returns some of the samples.

        Args:
            indices: Which samples, (sample,).
        """
        rows = {name: vars(self)[name] for name in _ROWS}
        return replace(self, **{k: v[indices] for k, v in rows.items() if v is not None})

    def save(self, folder: str | Path, part: Part) -> None:
        """Writes the samples to <folder>/<part>.npz.

        Args:
            folder: The folder of the method.
            part: Which part of the events they come from.
        """
        arrays = {
            name: np.asarray(value) for name, value in vars(self).items() if value is not None
        }
        write_npz(Path(folder) / f"{part}.npz", **arrays)

    @classmethod
    def load(cls, folder: str | Path, part: Part) -> Samples:
        """Reads what `save` wrote.

        Args:
            folder: The folder of the method.
            part: Which part of the events they come from.

        Raises:
            InputError: The file is missing, damaged, or does not hold samples.
        """
        path = Path(folder) / f"{part}.npz"
        arrays = read_npz(path)
        try:
            single = {name: arrays[name].item() for name in _SINGLE}
            names = {name: tuple(arrays[name].tolist()) for name in ("parameters", "observables")}
            return cls(**{**arrays, **single, **names})
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: not a file of samples ({error})") from error


def draw_samples(method: Method, events: Events, n: int, rng: np.random.Generator) -> Samples:
    """Draws samples for one method from the events of one part.

    Ratio methods get half of the samples from the points theta_0 and half from the reference, the
    latter with the same distribution of theta_0; score and density methods all from theta_0. The
    points have as equal numbers of samples as possible.

    Args:
        method: The method and how to sample for it.
        events: The weighted events of the part.
        n: Number of samples.
        rng: Randomness.

    Raises:
        InputError: The events do not allow what is asked for.
    """
    spec, header = method.spec, events.header
    theta_0, reference = _hypotheses(method, header, rng)
    n_reference = n // 2 if spec.kind == "ratio" else 0
    numerator = _spread(n - n_reference, len(theta_0), rng)
    source = np.append(numerator, len(theta_0) + _spread(n_reference, len(reference), rng))
    thetas = np.concatenate([theta_0, reference]) if n_reference else theta_0
    drawn = unweight(events, thetas, np.bincount(source, minlength=len(thetas)), rng)
    _warn(method, events, drawn)
    # Which point of the reference a sample is from must not tell anything about its theta_0.
    at_reference = rng.permutation(_spread(n_reference, len(theta_0), rng))
    order = rng.permutation(n)
    owner, drawn = np.append(numerator, at_reference)[order], drawn.take(order)
    y = (order >= n - n_reference).astype(float) if spec.kind == "ratio" else None
    r_xz, t_xz = _labels(spec, header, drawn, theta_0, owner, reference)
    return Samples(
        method=method.name,
        parameters=header.parameter_names,
        observables=header.observables,
        theta_ref=reference,
        n_thetas=len(theta_0),
        effective_samples=float(drawn.effective_samples.min()),
        x=drawn.x,
        theta=theta_0.take(owner, axis=0),
        y=y,
        r_xz=r_xz,
        t_xz=t_xz,
    )


def weighted_samples(method: Method, events: Events, rng: np.random.Generator) -> Samples:
    """Returns all events with their weights, for a method that needs no unweighted samples.

    Every event comes with one random point theta_0, whatever its weight there.

    Args:
        method: The method and where its ratio is wanted.
        events: The weighted events.
        rng: Randomness.

    Raises:
        InputError: The weights are not quadratic in the parameters, or there are several reference
            points.
    """
    header = events.header
    theta_0, reference = _hypotheses(method, header, rng)
    if len(reference) != 1:
        raise InputError(f"{method.name}.theta_1: {len(reference)} points, allowed: one")
    forms = events.weights @ form_coefficients(header, reference[0])
    weights = forms[:, 0]
    return Samples(
        method=method.name,
        parameters=header.parameter_names,
        observables=header.observables,
        theta_ref=reference,
        n_thetas=len(theta_0),
        effective_samples=float(weights.sum() ** 2 / (weights**2).sum()),
        x=events.x,
        theta=theta_0[rng.permutation(_spread(len(events), len(theta_0), rng))],
        forms=forms / weights.mean(),
    )


def with_fixed_reference(method: Method, header: Header, rng: np.random.Generator) -> Method:
    """Returns the method with a random reference drawn, so that all parts have the same one.

    Args:
        method: The method and how to sample for it.
        header: The header of the event file.
        rng: Randomness.

    Raises:
        InputError: The event file does not allow the points.
    """
    if method.sampling.theta_1.method != "random_morphing_points":
        return method
    drawn = points(method.sampling.theta_1, header, rng, f"{method.name}.theta_1")
    fixed = Thetas("morphing_points", points=tuple(map(tuple, drawn.tolist())))
    return replace(method, sampling=replace(method.sampling, theta_1=fixed))


def _hypotheses(method: Method, header: Header, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Returns the points theta_0 and those of the reference, (theta, parameter) each."""
    kind, key = method.spec.kind, method.name
    theta_0 = points(method.sampling.theta_0, header, rng, f"{key}.theta_0")
    if kind == "ratio":
        return theta_0, points(method.sampling.theta_1, header, rng, f"{key}.theta_1")
    if kind == "density":
        return theta_0, header.theta(header.reference)[None]
    if len(theta_0) != 1:
        raise InputError(f"{key}.theta_0: {len(theta_0)} points, allowed: one, for its score")
    return theta_0, theta_0


def _spread(number: int, n_thetas: int, rng: np.random.Generator) -> Indices:
    """Returns the point of each sample, in ascending order, as evenly as possible, (sample,)."""
    rest = rng.choice(n_thetas, number % n_thetas, replace=False)
    return np.sort(np.append(np.tile(np.arange(n_thetas), number // n_thetas), rest))


def _warn(method: Method, events: Events, drawn: Unweighted) -> None:
    """Warns of few effective events and of negative weights."""
    bound, effective = method.sampling.minimum_effective_samples, drawn.effective_samples
    if np.any(effective < bound):
        log.warning(
            "%s: %d of %d parameter points have less than %g effective events out of %d, "
            "the smallest number is %.3g",
            method.name,
            np.count_nonzero(effective < bound),
            len(effective),
            bound,
            len(events),
            effective.min(),
        )
    if drawn.negative > NEGATIVE_SHARE:
        log.warning(
            "%s: negative weights, %.2g %% of all weights, are not drawn",
            method.name,
            100 * drawn.negative,
        )


def _labels(
    spec: MethodSpec,
    header: Header,
    drawn: Unweighted,
    theta_0: Floats,
    owner: Indices,
    reference: Floats,
) -> tuple[Floats | None, Floats | None]:
    """Returns the joint ratio of ratio methods and the joint score of methods that use it."""
    totals, numerator = drawn.totals, header.weights(theta_0).take(owner, axis=0)
    r_xz = t_xz = None
    if spec.kind == "ratio":
        r_xz = joint_ratio(drawn.weights, totals, numerator, header.weights(reference))
    if spec.uses_joint_score:
        if header.morphing is None:
            raise InputError(f"{spec.name}: needs the score, but {header.path} has no morphing")
        gradients = header.morphing.gradients(theta_0).take(owner, axis=0)
        t_xz = joint_score(drawn.weights, totals, numerator, gradients)
    return r_xz, t_xz
