"""A boosted likelihood ratio: trees in observables and parameters, grown by scikit-learn.

The loss is that of ALICE (arXiv:1808.00973): the cross-entropy with the probability 1 / (1 + r)
that a sample is of the reference in place of its label, which is a weight for either label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.estimators import RatioEstimator, Report, parameter
from madminer_workflow.sampling import Samples

Floats = NDArray[np.float64]

_REPORTS = 10  # of the losses, while the trees grow
_ROWS = 4096  # events at a time, which are compared with all leaves


@dataclass(frozen=True)
class BoostedSettings:
    """What the input file may set."""

    trees: int = parameter(200, "Number of trees.", minimum=1)
    leaves: int = parameter(8, "Largest number of leaves of a tree.", minimum=2)
    learning_rate: float = parameter(0.1, "Share of each tree that is added.", above=0, maximum=1)
    features: float = parameter(
        0.7, "Share of the inputs among which a split chooses.", above=0, maximum=1
    )


@dataclass(frozen=True)
class Boosted(RatioEstimator):
    """The log ratio as a sum over the leaves of all trees.

    A leaf is a box in observables and parameters: the product of a box in either. On a grid, log r
    is therefore one product of matrices, (event, leaf) by (leaf, theta), for all trees together.

    Attributes:
        lower: Lower ends of the boxes, (leaf, input): observables, then parameters.
        upper: Upper ends, which belong to the box, (leaf, input).
        values: What each leaf adds to log r, (leaf,).
        constant: Where the sum starts.
    """

    Settings = BoostedSettings
    uses_joint_ratio = True

    lower: Floats
    upper: Floats
    values: Floats
    constant: float

    @classmethod
    def fit(
        cls,
        train: Samples,
        validation: Samples,
        settings: BoostedSettings,
        seed: int,
        progress: Report,
    ) -> Boosted:
        """Grows the trees."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        classifier = HistGradientBoostingClassifier(
            max_leaf_nodes=settings.leaves,
            learning_rate=settings.learning_rate,
            max_features=settings.features,
            early_stopping=False,
            warm_start=True,
            random_state=seed % 2**32,
        )
        (inputs, labels, weights), held_out = _labelled(train), _labelled(validation)
        for n_trees in np.unique(np.linspace(1, settings.trees, _REPORTS).astype(int)):
            classifier.set_params(max_iter=int(n_trees)).fit(inputs, labels, weights)
            losses = (_loss(classifier, *part) for part in ((inputs, labels, weights), held_out))
            progress(int(n_trees), settings.trees, *losses)
        return cls.of(classifier, inputs.shape[1])

    @classmethod
    def of(cls, classifier: Any, n_inputs: int) -> Boosted:
        """Takes the leaves from a classifier whose second class is the reference.

        Args:
            classifier: The classifier.
            n_inputs: Number of observables and parameters.
        """
        trees = [tree.nodes for trees in classifier._predictors for tree in trees]
        boxes = [box for nodes in trees for box in _boxes(nodes, n_inputs)]
        lower, upper, values = (np.array(part) for part in zip(*boxes, strict=True))
        return cls(lower, upper, -values, -float(classifier._baseline_prediction.item()))

    def log_ratio_at(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log r with one parameter point an event, (event,)."""
        total = np.empty(len(x))
        for rows in _blocks(len(x)):
            inside = self._inside(x[rows], 0) & self._inside(thetas[rows], x.shape[1])
            total[rows] = inside @ self.values
        return total + self.constant

    def log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log r on a grid, (event, theta)."""
        total = np.empty((len(x), len(thetas)))
        of_theta = (self._inside(thetas, x.shape[1]) * self.values).T.astype(np.float32)
        for rows in _blocks(len(x)):
            total[rows] = self._inside(x[rows], 0).astype(np.float32) @ of_theta
        return total + self.constant

    def save(self, folder: Path) -> None:
        """Writes the leaves."""
        np.savez(folder / "leaves.npz", **vars(self))

    @classmethod
    def load(cls, folder: Path) -> Boosted:
        """Reads the leaves."""
        with np.load(folder / "leaves.npz") as arrays:
            return cls(**{**arrays, "constant": float(arrays["constant"])})

    def _inside(self, inputs: Floats, first: int) -> NDArray[np.bool_]:
        """Returns whether some of the inputs, from the first one on, are in the boxes."""
        inside = np.ones((len(inputs), len(self.values)), bool)
        for number, column in enumerate(inputs.T, start=first):
            inside &= column[:, None] > self.lower[:, number]
            inside &= column[:, None] <= self.upper[:, number]
        return inside


def _labelled(samples: Samples) -> tuple[Floats, Floats, Floats]:
    """Returns inputs, labels and weights: each sample with both labels, 1 for the reference."""
    assert samples.r_xz is not None
    inputs, n = np.column_stack([samples.x, samples.theta]), len(samples)
    reference = 1 / (1 + samples.r_xz)
    labels = np.repeat([1.0, 0.0], n)
    return np.vstack([inputs, inputs]), labels, np.append(reference, 1 - reference)


def _loss(classifier: Any, inputs: Floats, labels: Floats, weights: Floats) -> float:
    """Returns the cross-entropy."""
    log_odds = classifier.decision_function(inputs)
    return float(
        np.average(np.logaddexp(0, np.where(labels == 1, -log_odds, log_odds)), weights=weights)
    )


def _boxes(nodes: NDArray[Any], n_inputs: int) -> Iterator[tuple[Floats, Floats, float]]:
    """Yields lower and upper ends and the value of each leaf of a tree."""
    waiting = [(0, np.full(n_inputs, -np.inf), np.full(n_inputs, np.inf))]
    while waiting:
        number, lower, upper = waiting.pop()
        node = nodes[number]
        if node["is_leaf"]:
            yield lower, upper, float(node["value"])
            continue
        below, above, feature = upper.copy(), lower.copy(), node["feature_idx"]
        below[feature] = min(upper[feature], node["num_threshold"])
        above[feature] = max(lower[feature], node["num_threshold"])
        waiting += [(node["left"], lower, below), (node["right"], above, upper)]


def _blocks(n_events: int) -> Iterator[slice]:
    """Yields slices of events."""
    yield from (slice(start, start + _ROWS) for start in range(0, n_events, _ROWS))
