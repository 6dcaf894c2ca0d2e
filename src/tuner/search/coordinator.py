"""The search over a case: a trial is a fit on all folds, and its points are reported by stage."""

from __future__ import annotations

import warnings
from dataclasses import asdict, replace
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.case.reference import door_of
from tuner.engines.job import Failed, Finished, Job, Replica
from tuner.errors import CaseError
from tuner.search.bayesian import QUEUED
from tuner.search.running import RunningTrial
from tuner.search.sampler import Samplers
from tuner.search.scoring import History
from tuner.search.tpe import STARTUP
from tuner.search.virtual_time import VirtualTimeSearch
from tuner.seeds import Stream, derive
from tuner.study.cost import Costs
from tuner.study.limits import BREAKS, COST, LATENCY, PARAMETERS, was_passed_over
from tuner.study.opening import enqueue_arm
from tuner.study.schema import ALLOWED, ARM, BUDGET, GUESS, OVER_LIMITS, STOPPED
from tuner.study.trials import finished, guesses_before, scored_guesses
from tuner.training.cost import latency_of, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine
    from tuner.search.mirror import Mirror
    from tuner.search.virtual_time import Observer
    from tuner.study.configuration import StudyConfig
    from tuner.study.limits import Limits
    from tuner.training.fitting import ReportPoint


FIXED_ELSEWHERE = "Fixed parameter .* is out of range"  # how Optuna says so, of one in the queue


MOST_IN_A_ROW = 100  # configurations over a limit, before the search gives up


def search_job(
    config: StudyConfig, hyperparameters: Mapping[str, Any], seed: int, *, arm: bool = False
) -> Job:
    """Train on the folds that the search uses of its split, in lockstep.

    Args:
        arm: baseline or recipe, which are trained on all folds: their curves are what the diagnosis
            reads.
    """
    folds = None if arm else config.design.folds_in_search
    return Job(
        case=config.reference,
        hyperparameters=hyperparameters,
        data=config.data_folder,
        source=config.source.digest,
        replicas=(Replica(seed=seed, split_seed=config.seed, folds=folds),),
        plan=config.plan,
        metric=config.metric,
    )


def on_search_folds(config: StudyConfig, point: ReportPoint) -> ReportPoint:
    """Return a point with the scores on those folds alone that every trial of the search has.

    Trials are pruned, ranked and chosen by these: the same folds for all. `validation` stays the
    mean over all folds that were trained.
    """
    trained = slice(config.design.folds_in_search)
    return replace(
        point,
        fold_scores=point.fold_scores[trained],
        fold_surrogates=point.fold_surrogates[trained],
    )


class Coordinator(VirtualTimeSearch[RunningTrial]):
    """Runs the search of one study of a case. The only writer of the database.

    Args:
        observer: is told of every point, and of every trial's end.
        sampler: makes the sampler of a trial, of the study's seed, its number without guesses, and
            what is fixed; by default tuner's own.
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
        if door_of(config.reference):  # who gave a table or pictures has no file to fix
            self.what = "the data or the options"
        self.config, self.engine = config, engine
        self._samplers, self._given = Samplers(config.sampler), sampler

    def _ask(self) -> optuna.Trial:
        waiting = self._waiting()
        number = waiting.number if waiting else len(self.study.get_trials(deepcopy=False))
        self.study.sampler = self._sampler(number)
        return self.study.ask()

    def _sampler(self, number: int) -> BaseSampler:
        """Return the sampler of a trial. What it draws does not depend on guesses at first."""
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
        trial.set_user_attr("hyperparameters", hyperparameters)
        trial.set_user_attr("seed", seed)
        self.mirror.write_new()
        arm = "arm" in trial.user_attrs
        self.engine.start(trial.number, search_job(config, hyperparameters, seed, arm=arm))
        return RunningTrial(
            trial=trial,
            history=History(config.case, hyperparameters["epochs"]),
            prunable=not {ARM, GUESS} & trial.user_attrs.keys(),
        )

    def _one_within_limits(self) -> tuple[optuna.Trial, dict[str, Any]] | None:
        """Ask until a model is within the study's limits; baseline and recipe are trained anyway.

        Returns:
            None where a trial that somebody has enqueued has ended as one that cannot be used, and
            where the search ends because a hundred in a row are over the limits.

        Raises:
            CaseError: `suggest` or `build` fails.
        """
        config = self.config
        # What is queued comes first: an arm that was interrupted may stand before all of these.
        while self._waiting() or self._over_in_a_row() < MOST_IN_A_ROW:
            trial = self._ask()
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("error", FIXED_ELSEWHERE)
                    chosen = config.case.suggest(trial)
            except Exception as error:
                given = self.study.get_trials(deepcopy=False)[trial.number].system_attrs.get(QUEUED)
                if given and "arm" not in trial.user_attrs:
                    self._refuse(trial, given, error)
                    return None
                raise CaseError(
                    f"case {config.case.name!r}: suggest fails: {config.case.blame(error)}"
                ) from error
            hyperparameters = asdict(chosen)
            if not config.limits or self._is_within_limits(trial, chosen):
                return trial, hyperparameters
            trial.set_user_attr("hyperparameters", hyperparameters)
            self.mirror.write_new()
            self.study.tell(trial, state=TrialState.PRUNED)
        self._give_up()
        return None

    def _over_in_a_row(self) -> int:
        """Count the last configurations that are over the limits, also those of earlier runs."""
        trials = reversed(self.study.get_trials(deepcopy=False))
        return sum(1 for _ in takewhile(self._is_still_over, trials))

    def _is_still_over(self, trial: FrozenTrial) -> bool:
        """Whether a trial was passed over, and the present limits would pass it over again."""
        if not was_passed_over(trial):
            return False
        try:
            excess = self.config.limits.of_trial(trial.user_attrs).excess(trial.user_attrs)
        except KeyError:  # what is limited now was not measured then
            return False
        return any(share > 0 for share in excess.values())

    def _give_up(self) -> None:
        """End the search, as nothing that is drawn is within the limits; what runs is let end."""
        limits, allowed = self.config.limits, self.study.user_attrs.get(ALLOWED)
        trials = finished(self.study) + len(self.lineup)
        over = f"{MOST_IN_A_ROW} configurations in a row need more than {limits.in_words()}"
        stopped = {"reason": f"after {trials} trials: {over}", "trials": trials}
        if allowed and allowed["cost"] == limits.cost:
            self.study.set_user_attr(BUDGET, {"seconds": allowed["seconds"]})
        else:
            stopped[OVER_LIMITS] = MOST_IN_A_ROW
        self.study.set_user_attr(STOPPED, stopped)

    def _is_within_limits(self, trial: optuna.Trial, chosen: Any) -> bool:
        """Measure a model, unless an interrupted run has, and keep what was found.

        One that cannot be built is within them: its training fails, and tells why.
        """
        limits = self.config.limits.of_trial(trial.user_attrs)
        try:
            known = {**self._measured(limits, trial.user_attrs, chosen), **trial.user_attrs}
        except CaseError:
            return True
        excess = limits.excess(known)
        told = self.study.get_trials(deepcopy=False)[trial.number].constraints
        for name, share in excess.items():
            trial.set_user_attr(name, known[name])
            if name not in told:
                trial.set_constraint(name, share)  # TPE takes what is over a limit as the worst
        trial.set_user_attr(BREAKS, list(excess.values()))
        return ARM in known or all(share <= 0 for share in excess.values())

    def _measured(self, limits: Limits, known: Mapping[str, Any], chosen: Any) -> dict[str, float]:
        """Return what a model costs of what is limited and not known yet."""
        config, found = self.config, dict[str, float]()
        if PARAMETERS not in known and limits.parameters is not None:
            found[PARAMETERS] = parameters_of(config.case, chosen, config.dataset)
        if LATENCY not in known and limits.latency_ms is not None:
            found[LATENCY] = latency_of(config.case, chosen, config.dataset, config.plan)
        if COST not in known and limits.cost is not None:
            found[COST] = self._costs.of(chosen)
        return found

    @cached_property
    def _costs(self) -> Costs:
        return Costs(self.config.case, self.config.dataset, self.config.plan)

    def _refuse(self, trial: optuna.Trial, given: Mapping[str, Any], why: Exception) -> None:
        """End a trial that somebody has enqueued with values that `suggest` cannot use.

        Of one that is out of range Optuna warns, and has it trained; nothing that is stored would
        say so.
        """
        values = ", ".join(f"{name}={value!r}" for name, value in given.items())
        blame = self.config.case.blame(why)
        reason = f"it was enqueued with {values}, which the search space does not have ({blame})"
        noted: dict[str, Any] = {"failure": reason, "diverged": False, "curve": []}
        for name, value in {**noted, "seconds": 0.0, "work": 0.0, "ended": self.now}.items():
            trial.set_user_attr(name, value)
        self._tell_observer(self.study.tell(trial, state=TrialState.FAIL))

    def _take(self, running: RunningTrial, timeout: float) -> bool:
        event = self.engine.next(running.number, timeout)
        if event is None:
            return False
        if isinstance(event, Finished):
            best = running.history.best()
            running.trial.set_user_attr("best_epoch", best.epoch)
            running.trial.set_user_attr("fold_scores", best.folds)
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
        """Report a point; ask the pruner about it, where nobody has decided on it yet."""
        return (
            running.report(on_search_folds(self.config, point))
            and self.replay.needs_decision(repeated=running.replaying)
            and running.should_prune()
        )

    def _enqueue_baseline(self) -> None:
        enqueue_arm(self.study, "baseline", asdict(self.config.case.baseline))
