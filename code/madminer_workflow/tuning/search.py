"""The search for better settings of the training of one method: samples once, then trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from madminer_workflow.configuration.model import Configuration, Learner
from madminer_workflow.configuration.sweep import overlaid
from madminer_workflow.configuration.tuning import Tuning
from madminer_workflow.configuration.variants import resolved
from madminer_workflow.estimators import Ensemble, EpochRecord, Model
from madminer_workflow.estimators.fitting import fit
from madminer_workflow.events import Events
from madminer_workflow.seeds import seed
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import samples_of
from madminer_workflow.storage import sha256, write_json
from madminer_workflow.tracking.log import RECORD, Dataset, Record
from madminer_workflow.tuning.objectives import OBJECTIVES, Judge, development
from madminer_workflow.tuning.study import Attempt, Report, Study, Values, trial_folder

__all__ = ["Search", "best_document", "open_search"]

Document = Mapping[str, Any]

_RUNGS = 4
"""Losses are compared after each of these parts of the training but the last one."""


@dataclass(frozen=True)
class Search:
    """A search that can be gone on with.

    Attributes:
        study: Its trials.
        tuning: What is searched.
        document: The content of the input file.
        judge: Who judges.
        samples: The folder of the samples that all trials learn from.
    """

    study: Study
    tuning: Tuning
    document: Document
    judge: Judge
    samples: Path

    def run(self, n_trials: int, ended: Callable[[Attempt], None]) -> None:
        """Takes trials until there are as many as wanted, together with other processes.

        Args:
            n_trials: How many are wanted in all.
            ended: Called after each trial of this process.

        Raises:
            InputError: The store cannot be used.
        """

        def note(attempt: Attempt) -> None:
            self._leave_record(attempt)
            ended(attempt)

        self.study.run(n_trials, lambda _, *given: self.value(*given), note)

    def value(self, values: Values, report: Report = lambda *_: None, seeds: int = 0) -> float:
        """Trains with some values and returns the objective.

        Args:
            values: The values by key.
            report: Called with validation losses of the first network.
            seeds: Which seeds of the training are used: those of the trials, or the first, second,
                … others.

        Raises:
            InputError: The values do not go together.
            RuntimeError: The loss is not a finite number.
        """
        target = OBJECTIVES[self.tuning.objective]
        configuration = resolved(overlaid(self.document, values), self.judge.events.header)
        models = [
            self._trained(configuration, repetition, report)
            for repetition in range(seeds * target.n_trainings, (seeds + 1) * target.n_trainings)
        ]
        return target.value(self.judge, models)

    def _trained(self, configuration: Configuration, repetition: int, report: Report) -> Model:
        """Returns all networks of one training; only the first one of the first can be pruned."""
        (method,) = (one for one in configuration.methods if one.name == self.tuning.method)
        training = method.training
        if repetition:
            training = replace(training, seed=seed(training.seed, "tuning", repetition))
        learner = Learner(
            configuration.seed,
            method.name,
            method.estimator,
            training,
            method.routine,
            configuration.device,
        )
        models = []
        for member in range(method.n_networks):
            told = _rungs(report) if member == repetition == 0 else _silent
            samples = samples_of(learner, self.samples, member)
            models.append(fit(learner, *samples, member, told).model)
        return models[0] if len(models) == 1 else Ensemble(models)

    def _leave_record(self, attempt: Attempt) -> None:
        """Leaves what is to be logged of a trial, in its folder."""
        header = self.judge.events.header
        name = f"trial {attempt.number}"
        record = Record(
            name,
            "trial",
            params={"method": self.tuning.method, **attempt.values},
            tags={
                "method": self.tuning.method,
                "objective": self.tuning.objective,
                "state": attempt.state,
                "error": attempt.reason,
            },
            metrics={self.tuning.objective: attempt.objective, "seconds": attempt.seconds},
            dataset=Dataset.of(header.path),
            time=time.time(),
        )
        write_json(trial_folder(self.study.folder, attempt.number) / RECORD, asdict(record))


def open_search(
    tuning: Tuning, document: Document, configuration: Configuration, events: Events, folder: Path
) -> Search:
    """Starts a search or goes on with one; its samples are drawn by who comes first.

    Args:
        tuning: What is searched.
        document: The content of the input file.
        configuration: What it stands for.
        events: All events of the file.
        folder: The folder of the study.

    Raises:
        InputError: The folder has another study, or the events do not allow the samples.
    """
    own = {key: value for key, value in document.items() if key != "tuning"}
    inputs = {"document": own, "events": sha256(events.header.path)}
    study = Study(folder, tuning, configuration.seed, inputs)
    some = development(configuration, events)
    samples = folder / "samples" / tuning.method
    with study.locked():
        if not samples.exists():
            methods = tuple(one for one in configuration.methods if one.name == tuning.method)
            sample(replace(configuration, methods=methods), some, folder)
    return Search(study, tuning, own, Judge.of(configuration, some), samples)


def best_document(search: Search) -> dict[str, Any] | None:
    """Returns an input file with the best settings; None if no trial has reached its end.

    Args:
        search: The search.
    """
    best = search.study.best
    return None if best is None else overlaid(search.document, best.values)


def _rungs(report: Report) -> Callable[[EpochRecord], None]:
    """Returns what reports the validation loss after a quarter, a half, … of the epochs."""

    def progress(epoch: EpochRecord) -> None:
        rung, before = (_RUNGS * done // epoch.epochs for done in (epoch.epoch, epoch.epoch - 1))
        if before < rung < _RUNGS:
            report(epoch.validation_loss, rung)

    return progress


def _silent(_: EpochRecord) -> None:
    """Reports nothing."""
