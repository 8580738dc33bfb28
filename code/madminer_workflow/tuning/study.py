"""A study: trials in SQLite, which several processes take and any later one goes on with.

Processes on several machines share the folder of the study. Who takes or ends a trial holds the
lock of the study, so that there are never more trials than asked for; who runs one holds the lock
of the trial, which the kernel gives back when the process ends, however it does. So a trial that
runs without a lock was killed: it is recorded as failed without a reason and does not count.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from madminer_workflow.configuration.tuning import Tuning
from madminer_workflow.errors import InputError
from madminer_workflow.seeds import seed
from madminer_workflow.tuning.locks import locked
from madminer_workflow.tuning.proposals import combinations, sampler, suggested, values_of

if TYPE_CHECKING:
    from optuna import Study as Stored
    from optuna.trial import FrozenTrial, Trial

__all__ = ["ENDED", "STORE", "Attempt", "Pruned", "Study", "Values", "trial_folder", "trial_lock"]

Values = dict[str, Any]
State = Literal["complete", "pruned", "failed", "killed", "running"]

STORE = "study.db"
"""The name of the file of all trials in the folder of a study."""

ENDED = ("complete", "pruned", "failed")
"""The states of trials that count."""

_LOCK = "study.lock"
_SETTINGS, _REASON, _PLACE = "settings", "reason", "place in the grid"
_PATIENCE_SECONDS = 60  # that SQLite waits for another process
_FREE_TRIALS = 5  # that are never pruned, because there is nothing to compare them with
_LEAST_TRIALS = 6  # that tell what matters


class Pruned(Exception):  # noqa: N818 - an outcome, not an error
    """A trial was ended early, because others were better after the same share of training."""


@dataclass(frozen=True)
class Attempt:
    """What has become of one trial.

    Attributes:
        number: Its number, from zero.
        state: How it ended, if it has.
        values: What it tried, by key.
        objective: What it has reached; less is better.
        reason: Why it failed.
        seconds: How long it took.
    """

    number: int
    state: State
    values: Values = field(default_factory=dict)
    objective: float | None = None
    reason: str | None = None
    seconds: float | None = None


Report = Callable[[float, int], None]
"""Takes a validation loss and the rung, from one; raises `Pruned` if others were better."""

Objective = Callable[[int, Values, Report], float]
"""Returns what is to be small, given number and values of a trial."""


class Study:
    """All trials of one search."""

    def __init__(self, folder: Path, tuning: Tuning, seed: int, inputs: Mapping[str, Any]) -> None:
        """Starts a study or goes on with one.

        Args:
            folder: Its folder; it is made if it is missing.
            tuning: What is searched.
            seed: The seed of the run, from which those of the trials follow.
            inputs: What else its values depend on, such as checksums, as JSON holds it.

        Raises:
            InputError: The folder has a study of something else, or cannot be used.
        """
        self.folder, self.tuning, self._seed = folder, tuning, seed
        with self.locked():
            self._stored = _opened(folder / STORE, tuning)
            self._check(_settings(tuning, seed, inputs))

    def run(self, n_trials: int, objective: Objective, ended: Callable[[Attempt], None]) -> None:
        """Takes trials until as many as wanted have ended, together with other processes.

        Args:
            n_trials: How many are wanted in all.
            objective: Trains and judges.
            ended: Called after each trial of this process.

        Raises:
            InputError: The store cannot be used.
        """
        while True:
            with contextlib.ExitStack() as running:
                if trial := self._begin(n_trials, running):
                    self._try(trial, objective)
                    ended(self.attempts()[trial.number])
                elif not self._wait(n_trials):
                    return

    def attempts(self) -> list[Attempt]:
        """Returns all trials in the order in which they were begun."""
        from optuna.trial import TrialState

        states = tuple(one for one in TrialState if one != TrialState.WAITING)
        return [
            self._attempt(one) for one in self._stored.get_trials(deepcopy=False, states=states)
        ]

    @property
    def best(self) -> Attempt | None:
        """The trial that has reached the smallest value."""
        complete = [one for one in self.attempts() if one.state == "complete"]
        return min(complete, key=lambda one: one.objective or 0.0, default=None)

    def importances(self) -> dict[str, float] | None:
        """Returns the share of each key in how much the objective varies, the largest first.

        By functional analysis of variance (Hutter, Hoos, Leyton-Brown, ICML 2014). Keys that were
        not tried in all trials that reached their end are left out.

        Returns:
            The shares by key; None if too few trials have reached their end, or all are alike.
        """
        from optuna import importance

        complete = [one.objective for one in self.attempts() if one.state == "complete"]
        if len(complete) < _LEAST_TRIALS or len(set(complete)) == 1:
            return None
        evaluator = importance.FanovaImportanceEvaluator(seed=self._seed % 2**32)
        shares = importance.get_param_importances(self._stored, evaluator=evaluator)
        return {key: float(share) for key, share in shares.items()} or None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lets no other process take or end a trial meanwhile."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / _LOCK).touch()
        except OSError as error:
            raise InputError(f"output_dir: {self.folder}: {error.strerror}") from error
        with locked(self.folder / _LOCK):
            yield

    def _check(self, settings: str) -> None:
        """Raises InputError unless the study is the one that is wanted; a new one is filled."""
        known = self._stored.user_attrs.get(_SETTINGS)
        if known is None:
            self._stored.set_user_attr(_SETTINGS, settings)
        elif known != settings:
            raise InputError(
                f"output_dir: {self.folder} has a study of other settings or events, "
                "choose another folder or remove it"
            )

    def _queue(self) -> bool:
        """Lets the next combination of the grid wait that nobody tries; False if there is none."""
        from optuna.trial import TrialState

        trials = self._stored.get_trials(deepcopy=False)
        if any(one.state == TrialState.WAITING for one in trials):
            return True  # for a process that was killed here
        taken = {one.user_attrs[_PLACE] for one in trials if self._attempt(one).state != "killed"}
        for place, parameters in enumerate(combinations(self.tuning.space)):
            if place not in taken:
                self._stored.enqueue_trial(parameters, user_attrs={_PLACE: place})
                return True
        return False

    def _begin(self, n_trials: int, running: contextlib.ExitStack) -> Trial | None:
        """Takes a trial and its lock; None if there are enough."""
        with self.locked():
            self._bury()
            attempts = self.attempts()
            if sum(one.state != "killed" for one in attempts) >= n_trials:
                return None
            if self.tuning.sampler == "grid" and not self._queue():
                return None
            number = len(attempts)  # the first one that waits, or a new one
            self._stored.sampler = sampler(self.tuning.sampler, seed(self._seed, "tuning", number))
            running.enter_context(locked(trial_lock(self.folder, number)))
            return self._stored.ask()

    def _wait(self, n_trials: int) -> bool:
        """Waits for a trial of another process; returns whether there was one to wait for."""
        attempts = self.attempts()
        running = [one.number for one in attempts if one.state == "running"]
        n_ended = sum(one.state in ENDED for one in attempts)
        if not running or n_ended >= n_trials:
            return False
        with locked(trial_lock(self.folder, running[0])):
            return True

    def _bury(self) -> None:
        """Records trials as failed whose processes have ended without a word."""
        from optuna.trial import TrialState

        for one in self._stored.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            lock = locked(trial_lock(self.folder, one.number), wait=False)
            with contextlib.suppress(BlockingIOError), lock:
                self._stored.tell(one.number, state=TrialState.FAIL)

    def _try(self, trial: Trial, objective: Objective) -> None:
        """Runs a trial; whatever goes wrong in it is recorded."""
        from optuna.trial import TrialState

        def report(loss: float, rung: int) -> None:
            trial.report(loss, rung)
            if self.tuning.pruning and trial.should_prune():
                raise Pruned

        try:
            value = objective(trial.number, suggested(trial, self.tuning.space), report)
            if not math.isfinite(value):
                raise RuntimeError(f"the objective is {value}")
            state = TrialState.COMPLETE
        except Pruned:
            value, state = None, TrialState.PRUNED
        except Exception as error:  # whatever training raises; the others go on
            trial.set_user_attr(_REASON, " ".join(f"{type(error).__name__}: {error}".split()))
            value, state = None, TrialState.FAIL
        with self.locked():
            self._stored.tell(trial, value if state == TrialState.COMPLETE else None, state)

    def _attempt(self, one: FrozenTrial) -> Attempt:
        """Returns what has become of a stored trial."""
        state: Any = one.state.name.lower()
        if state == "fail":
            state = "failed" if _REASON in one.user_attrs else "killed"
        return Attempt(
            number=one.number,
            state=state,
            values=values_of(one.params, self.tuning.space),
            objective=one.value if state == "complete" else None,
            reason=one.user_attrs.get(_REASON),
            seconds=one.duration.total_seconds() if one.duration else None,
        )


def trial_folder(folder: Path, number: int) -> Path:
    """Returns the folder of a trial.

    Args:
        folder: The folder of the study.
        number: The number of the trial.
    """
    return folder / "trials" / f"{number:04d}"


def trial_lock(folder: Path, number: int) -> Path:
    """Returns the file that is locked as long as a trial is run.

    Args:
        folder: The folder of the study.
        number: The number of the trial.
    """
    return trial_folder(folder, number) / "lock"


def _opened(path: Path, tuning: Tuning) -> Stored:
    """Returns the stored study; it is made if it is missing."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    connect = {"connect_args": {"timeout": _PATIENCE_SECONDS}}
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}", engine_kwargs=connect)
        return optuna.create_study(
            study_name=tuning.method,
            storage=storage,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_FREE_TRIALS),
            direction="minimize",
            load_if_exists=True,
        )
    except (SQLAlchemyError, RuntimeError) as error:  # the latter of another version of Optuna
        line = str(error).partition("\n")[0]
        raise InputError(f"output_dir: {path} cannot be used ({line})") from error


def _settings(tuning: Tuning, seed: int, inputs: Mapping[str, Any]) -> str:
    """Returns what values of a study depend on, as a text."""
    space = [vars(one) for one in tuning.space]
    return json.dumps([space, tuning.objective, tuning.sampler, tuning.pruning, seed, inputs])
