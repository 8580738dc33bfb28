"""The configuration as the steps see it: frozen records, complete and checked.

They are filled from the input file by `load`; what each key means to a user stands in the schema
beside this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from madminer_workflow.estimators.registry import METHODS, MethodSpec
from madminer_workflow.estimators.routines import Routine
from madminer_workflow.events.observed import Observed

__all__ = [
    "Configuration",
    "Device",
    "Experiment",
    "Fisher",
    "Histogram",
    "Learner",
    "Limits",
    "Members",
    "Method",
    "Plotting",
    "Prior",
    "Sampling",
    "Splits",
    "Thetas",
    "Training",
]

Device = Literal["auto", "cpu", "cuda"]
ThetaMethod = Literal["benchmark", "benchmarks", "morphing_points", "random_morphing_points"]


@dataclass(frozen=True)
class Prior:
    """Distribution of one parameter.

    Attributes:
        shape: Either flat between `first` and `second` or gaussian with mean `first` and standard
            deviation `second`.
        first: Minimum or mean.
        second: Maximum or standard deviation.
    """

    shape: Literal["flat", "gaussian"]
    first: float
    second: float


@dataclass(frozen=True)
class Thetas:
    """A way to choose parameter points.

    Attributes:
        method: Which of the following attributes say how.
        benchmarks: Names of benchmarks (`benchmark`, `benchmarks`).
        points: Coordinates of points (`morphing_points`).
        number: How many points to draw (`random_morphing_points`).
        priors: One a parameter (`random_morphing_points`).
    """

    method: ThetaMethod
    benchmarks: tuple[str, ...] = ()
    points: tuple[tuple[float, ...], ...] = ()
    number: int = 0
    priors: tuple[Prior, ...] = ()


@dataclass(frozen=True)
class Splits:
    """Fractions of the events for training, validation and test; they add up to one."""

    train: float
    validation: float
    test: float


@dataclass(frozen=True)
class Sampling:
    """How the unweighted samples of one method are drawn.

    Attributes:
        theta_0: Hypothesis of the numerator, or where the score is taken.
        theta_1: Hypothesis of the denominator, the reference of the ratio.
        n_train: Number of training samples.
        n_validation: Number of validation samples.
        n_test: Number of test samples, for diagnostics.
        minimum_effective_samples: Warn when a parameter point has fewer effective events.
    """

    theta_0: Thetas
    theta_1: Thetas
    n_train: int
    n_validation: int
    n_test: int
    minimum_effective_samples: float


@dataclass(frozen=True)
class Members:
    """How many models of one method are trained.

    Attributes:
        n_members: Number of members of the ensemble, of each fold if there are folds.
        n_folds: Number of folds for cross-fitted methods, whose members leave one out each.
        seed: Seed of what is random in the training, for networks of initial weights and order.
    """

    n_members: int
    n_folds: int
    seed: int


@dataclass(frozen=True)
class Training(Members):
    """Settings of the training of the networks of one method.

    Attributes:
        hidden_layers: Units of each hidden layer.
        activation: Name of the activation function.
        epochs: Largest number of epochs.
        batch_size: Samples a step.
        learning_rate: Learning rate at the start.
        final_learning_rate: Learning rate at the end; it decays exponentially.
        alpha: Weight of the score in the losses that have one.
        early_stopping: Epochs without a better validation loss after which training ends; 0 for
            never. The best epoch is kept either way.
    """

    hidden_layers: tuple[int, ...]
    activation: str
    epochs: int
    batch_size: int
    learning_rate: float
    final_learning_rate: float
    alpha: float
    early_stopping: int


@dataclass(frozen=True)
class Method:
    """One method of inference.

    Attributes:
        name: Its name.
        estimator: Form of the ratio.
        sampling: How its samples are drawn.
        training: Settings of the training; `Training` for networks.
        routine: The estimator of one's own that it is; None for those in the table of methods.
    """

    name: str
    estimator: Literal["parameterized", "quadratic"]
    sampling: Sampling
    training: Members
    routine: Routine | None = None

    @property
    def spec(self) -> MethodSpec:
        """What it estimates, and from what."""
        return METHODS[self.name] if self.routine is None else self.routine.spec

    @property
    def n_networks(self) -> int:
        """Number of models that are trained."""
        n_folds = self.training.n_folds if self.spec.weighted else 1
        return n_folds * self.training.n_members


@dataclass(frozen=True)
class Learner:
    """What the training of one method needs, which is known without the event file.

    Attributes:
        seed: The seed of the whole run, which folds follow.
        name: Name of the method.
        estimator: Form of the ratio.
        training: Settings of the training; `Training` for networks.
        routine: The estimator of one's own that it is; None for those in the table of methods.
        device: Where networks are trained.
    """

    seed: int
    name: str
    estimator: Literal["parameterized", "quadratic"]
    training: Members
    routine: Routine | None = None
    device: Device = "cpu"

    @property
    def spec(self) -> MethodSpec:
        """What it estimates, and from what."""
        return METHODS[self.name] if self.routine is None else self.routine.spec

    def seeded(self, seed: int) -> Learner:
        """Returns the learner with another seed of everything.

        Args:
            seed: The seed.
        """
        return replace(self, seed=seed, training=replace(self.training, seed=seed))


@dataclass(frozen=True)
class Limits:
    """Where and for which data the limits are computed.

    Attributes:
        region: Smallest and largest value of each parameter.
        resolutions: Number of grid points of each parameter.
        thetas_true: Parameter points of the expected data, one or more.
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        include_xsec: Which limits are shown: with the rate, without, or both.
    """

    region: tuple[tuple[float, float], ...]
    resolutions: tuple[int, ...]
    thetas_true: tuple[tuple[float, ...], ...]
    luminosity_ipb: float
    include_xsec: tuple[bool, ...]


@dataclass(frozen=True)
class Experiment:
    """Further data for which limits are made.

    Attributes:
        name: Its name.
        theta_true: Parameter point of expected data; None for observed data.
        observed: Observed events; None for expected data.
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        include_xsec: Which limits are shown: with the rate, without, or both.
    """

    name: str
    theta_true: tuple[float, ...] | None
    observed: Observed | None
    luminosity_ipb: float
    include_xsec: tuple[bool, ...]


@dataclass(frozen=True)
class Histogram:
    """The histogram that serves as a baseline: its observables and the bins of each."""

    observables: tuple[str, ...]
    bins: int


@dataclass(frozen=True)
class Fisher:
    """Fisher information: whether, where, and the histogram that is compared.

    Attributes:
        enabled: Whether it is computed.
        observable: Observable of the histogram.
        bins: Number of bins of the histogram, or their edges.
        range: First and last edge for a number of bins; None for the range of the events.
        theta_true: Parameter point.
    """

    enabled: bool
    observable: str
    bins: int | tuple[float, ...]
    range: tuple[float, float] | None
    theta_true: tuple[float, ...]


@dataclass(frozen=True)
class Plotting:
    """Which figures are drawn.

    Attributes:
        all_methods: The limits of all methods in one figure.
        all_methods_pvalue: Method whose p-values are the background of that figure, if any.
        all_methods_separate: The limits with one panel a method.
        correlations: What was learned against the truth of the samples.
        correlations_methods: Methods of which `correlations` is drawn.
        rates: The limits from the rate alone, in the figures of the methods.
    """

    all_methods: bool
    all_methods_pvalue: str | None
    all_methods_separate: bool
    correlations: bool
    correlations_methods: tuple[str, ...]
    rates: bool


@dataclass(frozen=True)
class Configuration:
    """Everything that the steps need to know besides the event file."""

    seed: int
    splits: Splits
    methods: tuple[Method, ...]
    limits: Limits
    observed: Observed | None
    experiments: tuple[Experiment, ...]
    histogram: Histogram
    fisher: Fisher
    plotting: Plotting
    pick_best: Literal["cross_entropy", "closure"] = "cross_entropy"
    device: Device = "cpu"

    @property
    def all_observed(self) -> tuple[Observed, ...]:
        """All observed events, also those of experiments."""
        every = (self.observed, *(one.observed for one in self.experiments))
        return tuple(observed for observed in every if observed is not None)

    @property
    def routines(self) -> tuple[Routine, ...]:
        """The estimators of one's own among the methods."""
        return tuple(one.routine for one in self.methods if one.routine is not None)
