"""The search of a case: a trial is a fit on its folds, and reports a point at each stage."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.case.reference import door_of
from tuner.engines.job import Failed, Finished
from tuner.errors import CaseError
from tuner.search.bayesian import QUEUED
from tuner.search.jobs import on_search_folds, search_job
from tuner.search.limits import LimitedModels
from tuner.search.running import RunningTrial
from tuner.search.sampler import Samplers
from tuner.search.scoring import History
from tuner.search.tpe import STARTUP
from tuner.search.virtual_time import VirtualTimeSearch
from tuner.seeds import Stream, derive
from tuner.study.opening import enqueue_arm
from tuner.study.schema import (
    ARM,
    BEST_EPOCH,
    CURVE,
    DIVERGED,
    ENDED,
    FAILURE,
    FOLD_SCORES,
    GUESS,
    HYPERPARAMETERS,
    SECONDS,
    SEED,
    WORK,
)
from tuner.study.trials import guesses_before, scored_guesses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna
    from optuna.samplers import BaseSampler

    from tuner.engines.job import Engine
    from tuner.search.mirror import Mirror
    from tuner.search.virtual_time import Observer
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint

FIXED_ELSEWHERE = "Fixed parameter .* is out of range"  # Optuna's warning about a queued trial


class Coordinator(VirtualTimeSearch[RunningTrial]):
    """Runs the search of one study of a case. The only writer of the database.

    Args:
        observer: gets every point, and the end of every trial.
        sampler: makes the sampler of a trial from the study's seed, the trial's number without
            guesses, and the fixed values; by default tuner's own.
    """

    def __init__(
        self,
        mirror: Mirror,
        config: StudyConfig,
        engine: Engine,
        observer: Observer | None = None,
        sampler: Callable[[int, int, Mapping[str, Any]], BaseSampler] | None = None,
    ) -> None:
        super().__init__(mirror, engine, config.order, observer)
        if door_of(config.reference):  # a user of tables or pictures has no case file to fix
            self.what = "the data or the options"
        self.config, self.engine = config, engine
        self._samplers, self._given = Samplers(config.sampler), sampler
        self._models = LimitedModels(self.study, config)

    def _ask(self) -> optuna.Trial:
        waiting = self._waiting()
        number = waiting.number if waiting else len(self.study.get_trials(deepcopy=False))
        self.study.sampler = self._sampler(number)
        return self.study.ask()

    def _sampler(self, number: int) -> BaseSampler:
        """Return the sampler of a trial. Its first draws do not depend on guesses."""
        place = number - guesses_before(self.study, number)
        if self._given is not None:
            return self._given(self.config.seed, place, self.config.fixed)
        startup = STARTUP + scored_guesses(self.study)
        return self._samplers(self.config.seed, place, self.config.fixed, startup)

    def _start(self) -> RunningTrial | None:
        config, found = self.config, self._one_within_limits()
        if found is None:
            return None
        trial, hyperparameters = found
        seed = derive(config.seed, Stream.TRIAL, trial.number)
        trial.set_user_attr(HYPERPARAMETERS, hyperparameters)
        trial.set_user_attr(SEED, seed)
        self.mirror.write_new()
        arm = ARM in trial.user_attrs
        self.engine.start(trial.number, search_job(config, hyperparameters, seed, arm=arm))
        return RunningTrial(
            trial=trial,
            history=History(config.case, hyperparameters["epochs"]),
            prunable=not {ARM, GUESS} & trial.user_attrs.keys(),
        )

    def _one_within_limits(self) -> tuple[optuna.Trial, dict[str, Any]] | None:
        """Ask until a model is within the study's limits; baseline and recipe are trained anyway.

        Returns:
            None if an enqueued trial had values that cannot be used, so it has failed; or if the
            search ends because a hundred configurations in a row are over the limits.

        Raises:
            CaseError: `suggest` or `build` fails.
        """
        config = self.config
        # Queued trials come first: an interrupted arm may be the first of them.
        while self._waiting() or not self._models.are_hopeless:
            trial = self._ask()
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("error", FIXED_ELSEWHERE)
                    chosen = config.case.suggest(trial)
            except Exception as error:
                given = self.study.get_trials(deepcopy=False)[trial.number].system_attrs.get(QUEUED)
                if given and ARM not in trial.user_attrs:
                    self._refuse(trial, given, error)
                    return None
                raise CaseError(
                    f"case {config.case.name!r}: suggest fails: {config.case.blame(error)}"
                ) from error
            hyperparameters = asdict(chosen)
            if not config.limits or self._models.allow(trial, chosen):
                return trial, hyperparameters
            trial.set_user_attr(HYPERPARAMETERS, hyperparameters)
            self.mirror.write_new()
            self.study.tell(trial, state=TrialState.PRUNED)
        self._models.give_up(len(self.lineup))
        return None

    def _refuse(self, trial: optuna.Trial, given: Mapping[str, Any], why: Exception) -> None:
        """End a trial that was enqueued with values that `suggest` cannot use.

        If a value is out of range, Optuna only warns and would train the trial; nothing in the
        database would show it.
        """
        values = ", ".join(f"{name}={value!r}" for name, value in given.items())
        blame = self.config.case.blame(why)
        reason = f"it was enqueued with {values}, which the search space does not have ({blame})"
        noted = {FAILURE: reason, DIVERGED: False, CURVE: [], SECONDS: 0.0, WORK: 0.0}
        for name, value in {**noted, ENDED: self.now}.items():
            trial.set_user_attr(name, value)
        self._tell_observer(self.study.tell(trial, state=TrialState.FAIL))

    def _take(self, running: RunningTrial, timeout: float) -> bool:
        event = self.engine.next(running.number, timeout)
        if event is None:
            return False
        if isinstance(event, Finished):
            best = running.history.best()
            running.trial.set_user_attr(BEST_EPOCH, best.epoch)
            running.trial.set_user_attr(FOLD_SCORES, best.folds)
            self._end(running, TrialState.COMPLETE, best.mean)
        elif isinstance(event, Failed):
            self._fail(running, event)
        elif self._gives_up(running, event):
            self.engine.stop(running.number)
            self._end(running, TrialState.PRUNED)
        else:
            self._tell_observer()
        return True

    def _gives_up(self, running: RunningTrial, point: ReportPoint) -> bool:
        """Report a point; ask the pruner about it, unless that is decided already."""
        return (
            running.report(on_search_folds(self.config, point))
            and self.replay.needs_decision(repeated=running.replaying)
            and running.should_prune()
        )

    def _enqueue_baseline(self) -> None:
        enqueue_arm(self.study, "baseline", asdict(self.config.case.baseline))
