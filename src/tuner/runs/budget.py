"""A study with a time budget: decides when its search stops, so that everything else fits.

The clock decides only three things: when to stop asking for trials, how much a trial may cost
(`tuner.runs.allowance`), and whether there is time for two looks at the test. Running trials are
completed. So the study is the one that `--trials N --max-cost X --seeds M` makes, bit for bit.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.evidence.duration import duration_in_words, lengths_of
from tuner.evidence.trials.audit import MOST, SHARE_OF_WORK
from tuner.runs.observer import telling
from tuner.runs.record import seconds_spent
from tuner.study.design import folds_trained
from tuner.study.durations import seconds_on
from tuner.study.schema import ALLOWED, BUDGET, SECONDS, SESSIONS
from tuner.study.store import facts_of
from tuner.study.trials import (
    complete_trials,
    finished,
    is_new_guess,
    scored_trials,
    sign_of_study,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import optuna

    from tuner.runs.observer import Observer
    from tuner.runs.settings import StudySettings

ROOM = 1.2  # factor on the time for the confirmation: its last models train on more rows
MOST_FOR_PROOF = 0.5  # of the budget: two looks at the test are planned if they take no more


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedConfirmation:
    """The planned size of the confirmation after a search.

    Attributes:
        rounds: the most rounds of the race; there are no more of them than models per arm.
        models: models per arm for the test, second look included; 0 if nothing is confirmed.
        fewest: models per arm if there is no time for more.
        most: models per arm that it may need if the gain is small.
    """

    rounds: int
    models: int
    fewest: int
    most: int


@dataclass(slots=True, kw_only=True)
class Budget:
    """The time for a study, its confirmation and audit included.

    Attributes:
        study: as the search sees it.
        facts: of the study.
        seconds: of all runs of the study together.
        spent: by earlier runs.
        planned: confirmation after the search.
        folds: number trained in a trial that is neither baseline nor recipe.
        slots: fits that run at once.
        audits: whether pruned trials are trained to their end afterwards.
        say: is called with messages about the time, first when the baseline has ended.
        guesses: durations in seconds of the guesses that were waiting when the run began, by
            number, as far as they are known.
    """

    study: optuna.Study
    facts: Mapping[str, Any]
    seconds: float
    spent: float
    planned: PlannedConfirmation
    folds: int
    slots: int
    audits: bool
    say: Callable[[str], None]
    guesses: Mapping[int, float] = field(default_factory=dict)
    began: float = field(default_factory=lambda: time.monotonic())
    told_at: int = 0  # number of trials at the last message
    seen: dict[int, float] = field(default_factory=dict)  # guesses in training, with their start

    @classmethod
    def of(
        cls,
        study: optuna.Study,
        settings: StudySettings,
        slots: int,
        observer: Observer,
        planned: PlannedConfirmation,
        *,
        audits: bool = True,
    ) -> Budget | None:
        """Return the budget of a run that has begun; None if it has none."""
        if settings.budget is None:
            return None
        if not settings.confirms:
            planned = replace(planned, models=0, fewest=0, most=0)
        made = facts_of(study)
        *before, own = study.user_attrs[SESSIONS]
        return cls(
            study=study,
            facts=made,
            seconds=settings.budget,
            spent=seconds_spent(study, before, own),
            planned=planned,
            folds=folds_trained(made, arm=False),
            slots=slots,
            audits=audits,
            say=telling(observer),
        )

    @property
    def left(self) -> float:
        """Remaining seconds."""
        return self.seconds - self.used

    @property
    def used(self) -> float:
        """Seconds used."""
        return self.spent + time.monotonic() - self.began

    def reason_to_stop(self, study: optuna.Study) -> str | None:
        """Return why no more trials are asked for; None if one more fits, or nothing has ended yet.

        Its decisions are stored with the study.
        """
        a_trial = self.seconds_of_a_trial(study)
        if a_trial is None:
            return None
        guess = next(iter(self._waiting(study).values()), None)
        more = max(a_trial if guess is None else guess, self._until_the_guesses_end(study))
        if self.used + more + self.seconds_to_keep(study, guess) <= self.seconds:
            return None
        study.set_user_attr(BUDGET, {"seconds": self.seconds})
        return f"so that the rest fits into {duration_in_words(self.seconds)}"

    def seconds_to_keep(self, study: optuna.Study, guess: float | None = None) -> float:
        """Return the seconds that are reserved for everything after the search.

        Args:
            guess: duration of a guess that is not in training yet. Guesses often win, so it is
                counted among the candidates of the race, like guesses in training.
        """
        complete = [self._as_the_others(trial) for trial in complete_trials(study)]
        coming = [*self._in_training(study).values(), *([] if guess is None else [guess])]
        more = self.slots if guess is None else 0
        planned, least = self._confirmations(
            study, (self.planned.models, self.planned.fewest), coming, more
        )
        confirmation = planned if planned <= MOST_FOR_PROOF * self.seconds else least
        if not (self.audits and complete):
            return confirmation
        search = math.fsum(_seconds(scored_trials(study))) / self.slots
        audit = min(math.ceil(MOST / self.slots) * fmean(complete), SHARE_OF_WORK * search)
        return confirmation + audit

    def seconds_over(self, study: optuna.Study) -> float:
        """Return by how many seconds the confirmation may exceed the reserved time."""
        counts = self.planned.most, self.planned.models
        most, planned = self._confirmations(study, counts, more=self.slots)
        return most - planned

    def models_that_fit(self, study: optuna.Study) -> int | None:
        """Return the number of models per arm for a single look, once the search is over.

        Returns:
            None if there is time for the two planned looks, or if nothing is known of the baseline.
            An earlier run of the same budget has decided it for all.
        """
        allowed = study.user_attrs.get(ALLOWED)
        if allowed is None:
            return None
        if allowed["seconds"] == self.seconds and allowed["models"] is not None:
            return int(allowed["models"]) or None
        counts = range(self.planned.models, self.planned.fewest - 1, -1)
        left = self.left
        taken = zip(counts, self._confirmations(study, counts), strict=True)
        models = next((n for n, seconds in taken if seconds <= left), self.planned.fewest)
        as_planned = models == self.planned.models
        study.set_user_attr(ALLOWED, {**allowed, "models": 0 if as_planned else models})
        if as_planned:
            return None
        self.say(self._one_look(models, left))
        return models

    def _one_look(self, models: int, left: float) -> str:
        """Return the message that there is one look, with its number of models per arm and why."""
        looks = f"one look at {models} models per arm"
        planned = f"where two looks at up to {self.planned.models} were planned."
        whole = duration_in_words(self.seconds)
        if left <= 0:
            return f"The time budget of {whole} is used up, so {looks} is taken, {planned}"
        return f"The rest of {whole}, {duration_in_words(left)}, is enough for {looks}, {planned}"

    def _confirmations(
        self,
        study: optuna.Study,
        counts: Sequence[int],
        coming: Sequence[float] = (),
        more: int = 0,
    ) -> list[float]:
        """Return the seconds to reserve for a confirmation with each of these numbers of models."""
        complete, sign = complete_trials(study), sign_of_study(study)
        lengths = lengths_of(complete, self.facts, sign, coming=coming, more=more)
        if lengths is None:
            return [0.0 for _ in counts]
        expected = (
            lengths.confirmation(min(self.planned.rounds, models), models) for models in counts
        )
        return [ROOM * one.seconds / self.slots for one in expected]

    def _as_the_others(self, trial: optuna.trial.FrozenTrial) -> float:
        """Return the duration of a trial, scaled to the number of folds of the other trials."""
        return seconds_on(self.folds, trial, self.facts)

    def seconds_of_a_trial(self, study: optuna.Study) -> float | None:
        """Return the duration of a trial in seconds; None if none has ended."""
        known = [self._as_the_others(trial) for trial in scored_trials(study)]
        return fmean([*known, *self._waiting(study).values()]) if known else None

    def _waiting(self, study: optuna.Study) -> dict[int, float]:
        """Return the durations of the waiting guesses."""
        waiting = filter(is_new_guess, study.get_trials(deepcopy=False))
        return {t.number: self.guesses[t.number] for t in waiting if t.number in self.guesses}

    def _in_training(self, study: optuna.Study) -> dict[int, float]:
        """Return the durations of the guesses in training, and record when they began."""
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        found = {t.number: self.guesses[t.number] for t in running if t.number in self.guesses}
        self.seen = {number: self.seen.get(number, time.monotonic()) for number in found}
        return found

    def _until_the_guesses_end(self, study: optuna.Study) -> float:
        """Return the remaining seconds of the guesses in training; 0 if there are none."""
        found, now = self._in_training(study), time.monotonic()
        return max((took - (now - self.seen[number]) for number, took in found.items()), default=0)

    def tell(self) -> None:
        """Report how many trials fit: after the first trial, then after 5, 10, 20 and so on."""
        study, a_trial = self.study, self.seconds_of_a_trial(self.study)
        done = finished(study)
        if a_trial is None or (self.told_at and done < max(5, 2 * self.told_at)):
            return
        self.told_at = done
        kept, used, whole = self.seconds_to_keep(study), self.used, duration_in_words(self.seconds)
        if self.spent + 2 * a_trial + kept > self.seconds:
            self.say(
                f"The time budget of {whole} may be too short: judging by {done} "
                f"{'trial' if done == 1 else 'trials'}, the baseline, the recipe and the steps "
                f"after the search alone take about {duration_in_words(kept + 2 * a_trial)}."
            )
            return
        more = max(0, math.floor((self.seconds - used - kept) / a_trial * self.slots))
        after = (
            f", and the steps after the search take about {duration_in_words(kept)}" if kept else ""
        )
        self.say(
            f"Time budget: {duration_in_words(used)} of {whole} are used. A trial takes about "
            f"{duration_in_words(a_trial)}{after}. So there is time for about {more} more trials."
            + self._warning()
        )

    def _warning(self) -> str:
        """Return by how much the time may be exceeded, in words."""
        over = self.seconds_over(self.study)
        if not over:
            return ""
        more = duration_in_words(over)
        return f" If the gain is unclear, the confirmation takes up to {more} more."


def _seconds(trials: Sequence[optuna.trial.FrozenTrial]) -> list[float]:
    return [float(trial.user_attrs[SECONDS]) for trial in trials if SECONDS in trial.user_attrs]
