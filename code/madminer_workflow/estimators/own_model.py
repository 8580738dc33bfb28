"""Models that hold an estimator of one's own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.configuration.model import Learner, Members
from madminer_workflow.estimators.history import EpochRecord, History, Progress
from madminer_workflow.estimators.model import Description, TrainedModel, common, event_blocks
from madminer_workflow.estimators.own import Estimator
from madminer_workflow.estimators.registry import MethodSpec
from madminer_workflow.estimators.routines import Routine, class_of, find, is_file
from madminer_workflow.estimators.settings import made
from madminer_workflow.sampling.samples import Samples
from madminer_workflow.seeds import seed

__all__ = ["OwnDescription", "OwnModel"]

Floats = NDArray[np.float64]

_FOLDER = "estimator"  # what an estimator writes
_N_TRIED = 3  # events on which an estimator is tried out after its training


@dataclass(frozen=True)
class OwnDescription(Description):
    """What an estimator of one's own is, apart from what it has learned.

    Attributes:
        routine: Its class and settings.
    """

    routine: Routine

    def record(self) -> dict[str, Any]:
        """Returns the attributes by name, as JSON is to hold them."""
        routine = {name: getattr(self.routine, name) for name in ("kept", "code", "settings")}
        return super().record() | {"routine": routine}

    @property
    def settings(self) -> dict[str, object]:
        """The settings by the way to them."""
        own = {f"settings.{name}": value for name, value in self.routine.settings.items()}
        return {"class": self.routine.reference, **own, **super().settings}


class OwnModel(TrainedModel):
    """A model that asks an estimator of one's own, and checks the shape of its answers.

    Attributes:
        description: What the model is.
        estimator: The estimator.
    """

    description: OwnDescription

    def __init__(self, description: OwnDescription, estimator: Estimator) -> None:
        """Wraps an estimator.

        Args:
            description: What the model is.
            estimator: The trained estimator.
        """
        self.description = description
        self.estimator = estimator

    @property
    def spec(self) -> MethodSpec:
        """What the estimator estimates, and from what."""
        return self.description.routine.spec

    @classmethod
    def fit(
        cls, learner: Learner, train: Samples, validation: Samples, member: int, progress: Progress
    ) -> tuple[Self, History]:
        """Trains the estimator, and asks it about a few events.

        Args:
            learner: The method and its settings.
            train: The training samples.
            validation: The validation samples.
            member: Number of the model in an ensemble.
            progress: Called whenever the estimator reports.

        Raises:
            InputError: The class of the estimator is gone.
            RuntimeError: It gives something else than it should.
        """
        routine = learner.routine
        assert routine is not None
        found = class_of(routine.reference, routine.source)
        course = _Course(progress)
        estimator = found.fit(
            train,
            validation,
            made(found.Settings, routine.settings),
            seed(learner.training.seed, "training", learner.name, member),
            course.report,
        )
        if not isinstance(estimator, found):
            raise RuntimeError(f"{learner.name}: fit gave {estimator!r}, expected {found.__name__}")
        description = OwnDescription.of(learner, train, validation, member, routine=routine)
        model = cls(description, estimator)
        model._try(train.x[:_N_TRIED], train.theta[:_N_TRIED])
        return model, course.history()

    def write(self, folder: Path) -> None:
        """Writes the estimator, and the source of its class.

        Args:
            folder: The folder to write into.
        """
        (folder / _FOLDER).mkdir()
        self.estimator.save(folder / _FOLDER)
        self.description.routine.save(folder)

    @classmethod
    def read(cls, folder: Path, record: Mapping[str, Any]) -> Self:
        """Returns the model that `write` wrote, of the class with which it was trained.

        Args:
            folder: Its folder.
            record: Its description.

        Raises:
            InputError: The source is missing, or the class is not there.
            RuntimeError: The estimator cannot read what it has written.
        """
        kept = record["routine"]["kept"]
        reference = str(folder / kept) if is_file(kept) else kept
        found = find(record["method"], reference)
        routine = replace(found, settings=record["routine"]["settings"])
        special = {"training": Members(**record["training"]), "routine": routine}
        description = OwnDescription(**{**record, **common(record), **special})
        try:
            estimator = class_of(reference, found.source).load(folder / _FOLDER)
        except (KeyError, TypeError, ValueError) as error:
            raise RuntimeError(f"{folder / _FOLDER}: not read by {kept}") from error
        return cls(description, estimator)

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields log p(x|theta) / p(x|reference) in blocks of events, in bounded memory.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).

        Yields:
            Which events, and their log ratios, (event, theta).
        """
        x, thetas = np.asarray(x, float), np.asarray(thetas, float)
        for events in event_blocks(len(x), len(thetas)):
            some = x[events]
            log_ratio = self.estimator.log_ratio(some, thetas)
            yield events, self._checked("log_ratio", log_ratio, (len(some), len(thetas)))

    def log_ratio_at(self, x: ArrayLike, thetas: ArrayLike) -> Floats:
        """Returns log p(x|theta) / p(x|reference) with one parameter point an event, (event,).

        Args:
            x: Observables, (event, observable).
            thetas: The parameter point of each event, (event, parameter).
        """
        x, thetas = np.asarray(x, float), np.asarray(thetas, float)
        return self._checked("log_ratio_at", self.estimator.log_ratio_at(x, thetas), (len(x),))

    def score(self, x: ArrayLike) -> Floats:
        """Returns the score at the reference point, (event, parameter).

        Args:
            x: Observables, (event, observable).
        """
        x = np.asarray(x, float)
        return self._checked("score", self.estimator.score(x), (len(x), len(self.parameters)))

    def _checked(self, name: str, answer: ArrayLike, shape: tuple[int, ...]) -> Floats:
        """Returns what the estimator says, if it has the right shape."""
        answer = np.asarray(answer, float)
        if answer.shape != shape:
            wrong = f"{self.method}: {name} gives the shape {answer.shape}"
            raise RuntimeError(f"{wrong}, expected {shape}")
        return answer

    def _try(self, x: Floats, thetas: Floats) -> None:
        """Asks everything once, so that a mistake appears where the estimator was trained."""
        if self.kind == "score":
            self.score(x)
        else:
            self.log_ratio(x, thetas)
            self.log_ratio_at(x, thetas)


class _Course:
    """Keeps what an estimator reports of its training."""

    def __init__(self, progress: Progress) -> None:
        """Starts the clock."""
        self._progress = progress
        self._records: list[EpochRecord] = []
        self._start = time.perf_counter()

    def report(
        self, iteration: int, iterations: int, train_loss: float, validation_loss: float
    ) -> None:
        """Keeps the losses after an iteration and hands them on."""
        self._keep(iteration, iterations, train_loss, validation_loss)
        self._progress(self._records[-1])

    def history(self) -> History:
        """Returns the course of the training; the model is that of the last report."""
        if not self._records:
            self._keep(1, 1, np.nan, np.nan)
        history = History.of(self._records, self._records[-1])
        return replace(history, best_epoch=len(self._records))  # reports may leave iterations out

    def _keep(
        self, iteration: int, iterations: int, train_loss: float, validation_loss: float
    ) -> None:
        """Keeps a record with the time since the last one."""
        now = time.perf_counter()
        self._records.append(
            EpochRecord(
                epoch=int(iteration),
                epochs=int(iterations),
                train_loss=float(train_loss),
                validation_loss=float(validation_loss),
                learning_rate=np.nan,
                gradient_norm=np.nan,
                seconds=now - self._start,
            )
        )
        self._start = now
