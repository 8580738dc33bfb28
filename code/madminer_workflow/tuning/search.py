"""The search for better settings of the training of one method: samples once, then trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import getitem
from pathlib import Path
from typing import Any

from madminer_workflow.configuration.document import complete
from madminer_workflow.configuration.merging import seen_from
from madminer_workflow.configuration.model import Configuration, Learner
from madminer_workflow.configuration.sweep import overlaid
from madminer_workflow.configuration.tuning import Tuning
from madminer_workflow.configuration.variants import resolved
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Ensemble, EpochRecord, Model
from madminer_workflow.estimators.fitting import fit
from madminer_workflow.events import Events
from madminer_workflow.seeds import seed
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import samples_of
from madminer_workflow.storage.provenance import software
from madminer_workflow.tracking.log import Dataset, Record
from madminer_workflow.tuning.objectives import OBJECTIVES, Judge, development
from madminer_workflow.tuning.records import Diary
from madminer_workflow.tuning.study import Attempt, Report, Study, Values, trial_folder

__all__ = ["Search", "best_document", "open_search", "settings_of"]

Document = Mapping[str, Any]
Observe = Callable[[int, EpochRecord], None]

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
        dataset: The events.
        tags: What tells the study from others: method, objective, preset, version.
    """

    study: Study
    tuning: Tuning
    document: Document
    judge: Judge
    samples: Path
    dataset: Dataset
    tags: Mapping[str, object]

    def run(self, n_trials: int, ended: Callable[[Attempt], None]) -> None:
        """Takes trials until as many as wanted have ended, together with other processes.

        Args:
            n_trials: How many are wanted in all.
            ended: Called after each trial of this process.

        Raises:
            InputError: The store cannot be used.
        """
        diaries: dict[int, Diary] = {}

        def objective(number: int, values: Values, report: Report) -> float:
            diary = diaries[number] = self.diary(number, values)
            told = _rungs(report)

            def observe(network: int, epoch: EpochRecord) -> None:
                diary.note(network, epoch)
                if network == 0:
                    told(epoch)

            return self.value(values, observe)

        def note(attempt: Attempt) -> None:
            diary = diaries.pop(attempt.number, None) or self.diary(attempt.number, attempt.values)
            diary.end(attempt, self.tuning.objective)
            ended(attempt)

        self.study.run(n_trials, objective, note)

    def value(self, values: Values, observe: Observe = lambda *_: None, seeds: int = 0) -> float:
        """Trains with some values and returns the objective.

        Args:
            values: The values by key.
            observe: Called after each epoch of a network with the number of the network.
            seeds: Which seeds of the training are used: those of the trials, or the first, second,
                … others.

        Raises:
            InputError: The values do not go together.
            RuntimeError: The loss is not a finite number.
        """
        target = OBJECTIVES[self.tuning.objective]
        configuration = resolved(overlaid(self.document, values), self.judge.events.header)
        first = seeds * target.n_trainings
        models = [
            self._trained(configuration, first + number, number, observe)
            for number in range(target.n_trainings)
        ]
        return target.value(self.judge, models)

    def _trained(
        self, configuration: Configuration, repetition: int, number: int, observe: Observe
    ) -> Model:
        """Returns all networks of one training, which is the first, second, … of a trial."""
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
            told = partial(observe, number * method.n_networks + member)
            samples = samples_of(learner, self.samples, member)
            models.append(fit(learner, *samples, member, told).model)
        return models[0] if len(models) == 1 else Ensemble(models)

    def diary(self, number: int, values: Values) -> Diary:
        """Begins the record of a trial.

        Args:
            number: Number of the trial.
            values: Its values by key.
        """
        prefix = f"{self.tuning.method}."
        params = {key.removeprefix(prefix): value for key, value in values.items()}
        tags = {**self.tags, "trial": number}
        record = Record(f"trial {number}", "trial", params, tags, dataset=self.dataset)
        return Diary(trial_folder(self.study.folder, number), record)


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
    dataset = Dataset.of(events.header.path)
    codes = [one.routine.code for one in configuration.methods if one.routine]
    inputs = {"document": seen_from(own, folder), "events": dataset.sha256}
    inputs |= {"code": codes} if codes else {}
    study = Study(folder, tuning, configuration.seed, inputs)
    some = development(configuration, events)
    samples = folder / "samples" / tuning.method
    with study.locked():
        if not samples.exists():
            methods = tuple(one for one in configuration.methods if one.name == tuning.method)
            sample(replace(configuration, methods=methods), some, folder)
    judge, tags = Judge.of(configuration, some), _tags(tuning, events)
    return Search(study, tuning, own, judge, samples, dataset, tags)


def best_document(search: Search) -> dict[str, Any] | None:
    """Returns an input file for the folder of a study; None if no trial has reached its end.

    Args:
        search: The search.
    """
    best = search.study.best
    if best is None:
        return None
    return overlaid(seen_from(search.document, search.study.folder), best.values)


def settings_of(search: Search, configuration: Configuration) -> Values:
    """Returns the values that a configuration has of what is tried.

    Args:
        search: The search.
        configuration: The configuration.

    Raises:
        InputError: It does not have the method.
    """
    method = search.tuning.method
    names = [one.name for one in configuration.methods]
    if method not in names:
        raise InputError(f"methods: {', '.join(names)}, expected {method} among them")
    document = complete(configuration, search.judge.events.header)
    return {one.key: reduce(getitem, one.key.split("."), document) for one in search.tuning.space}


def _tags(tuning: Tuning, events: Events) -> dict[str, object]:
    """Returns what tells a study from others."""
    code = software()
    preset = (events.header.process or {}).get("preset")
    words = {"method": tuning.method, "objective": tuning.objective, "preset": preset}
    return {**words, **{key: code[key] for key in ("version", "commit", "dirty") if key in code}}


def _rungs(report: Report) -> Callable[[EpochRecord], None]:
    """Returns what reports the validation loss after a quarter, a half, … of the epochs."""

    def progress(epoch: EpochRecord) -> None:
        rung, before = (_RUNGS * done // epoch.epochs for done in (epoch.epoch, epoch.epoch - 1))
        if before < rung < _RUNGS:
            report(epoch.validation_loss, rung)

    return progress
