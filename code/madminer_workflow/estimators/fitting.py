"""Training of one model, whatever its method."""

from __future__ import annotations

from dataclasses import dataclass

from madminer_workflow.configuration.model import Learner
from madminer_workflow.estimators.inputs import ObservableScaler
from madminer_workflow.estimators.model import Description, NetworkModel, model_class
from madminer_workflow.estimators.networks import seeded
from madminer_workflow.estimators.threads import single_thread
from madminer_workflow.estimators.training import History, Progress, minimise
from madminer_workflow.sampling.samples import Samples
from madminer_workflow.seeds import seed

__all__ = ["Fitted", "fit"]


@dataclass(frozen=True)
class Fitted:
    """A trained model and how its training went."""

    model: NetworkModel
    history: History


@single_thread()
def fit(
    learner: Learner,
    train: Samples,
    validation: Samples,
    member: int = 0,
    progress: Progress = lambda _: None,
) -> Fitted:
    """Trains one network.

    Args:
        learner: The method and its settings.
        train: The training samples.
        validation: The validation samples; they choose the epoch whose weights are kept.
        member: Number of the network in an ensemble; each has its own random numbers.
        progress: Called after every epoch.

    Raises:
        InputError: The method, the form of its ratio or the activation function is unknown, or
            the samples lack what the method needs.
        RuntimeError: The loss is not a finite number.
    """
    family = model_class(learner.name, learner.estimator)
    start = learner.training.seed
    seeds = [seed(start, "training", learner.name, member, use) for use in ("weights", "order")]
    columns = family.choose_inputs(train)
    description = Description(
        method=learner.name,
        estimator=learner.estimator,
        member=member,
        seed=learner.seed,
        parameters=train.parameters,
        observables=train.observables,
        inputs=tuple(train.observables[column] for column in columns),
        theta_ref=train.theta_ref,
        n_train=len(train.x),
        n_validation=len(validation.x),
        training=learner.training,
        observable_scaler=ObservableScaler.of(train.x[:, columns]),
        parameter_scaler=family.scale_parameters(train),
    )
    with seeded(seeds[0]):
        model = family(description)
    samples = model.tensors(train), model.tensors(validation)
    history = minimise(model, *samples, learner.training, seeds[1], progress)
    model.network.eval()
    model.finish(train)
    return Fitted(model, history)
