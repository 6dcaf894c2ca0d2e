"""A study in a given time: when its search stops asking for trials, so that all else still fits.

The clock decides nothing but that, what a trial may cost (`tuner.runs.allowance`), and whether
there is time for two looks at the test. What runs then is let end, so the study is the one that
`--trials N --max-cost X --seeds M` makes, bit for bit.
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

ROOM = 1.2  # of what is kept for the confirmation: its last models train on more rows
MOST_FOR_PROOF = 0.5  # of the budget, that two looks at the test may take to be planned for


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedConfirmation:
    """How large the confirmation after a search is going to be.

    Attributes:
        rounds: of the race at most; there are no more of them than models an arm.
        models: an arm that the test takes, second look included; 0: nothing is confirmed.
        fewest: models an arm that it takes where there is no time for more.
        most: models an arm that it may take, where the gain is hard to tell.
    """

    rounds: int
    models: int
    fewest: int
    most: int


@dataclass(slots=True, kw_only=True)
class Budget:
    """The time that a study may take, its confirmation and audit included.

    Attributes:
        study: as the search sees it.
        facts: of the study.
        seconds: of all runs of the study together.
        spent: by earlier runs.
        planned: confirmation after the search.
        folds: trained in a trial that is neither baseline nor recipe.
        slots: fits that run at once.
        audits: whether pruned trials are trained to their end afterwards.
        say: is told how far the time goes, first when the baseline has ended.
        guesses: seconds that each of those takes that waited when the run began, by number, where
            that is known.
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
    told_at: int = 0  # trials at which it was said last
    seen: dict[int, float] = field(default_factory=dict)  # guesses in training, since when

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
        """Return the budget of a run that has begun; None where none was given."""
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
        """Seconds that are left."""
        return self.seconds - self.used

    @property
    def used(self) -> float:
        """Seconds that are gone."""
        return self.spent + time.monotonic() - self.began

    def reason_to_stop(self, study: optuna.Study) -> str | None:
        """Say why no more trials are asked for; None: one more fits, or nothing has ended yet.

        What it decides is kept with the study.
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
        """Return the seconds that are kept for what follows the search.

        Args:
            guess: seconds that one takes which is not in training yet; as guesses often win, it is
                counted among those that are raced, like those that are in training.
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
        """Return the seconds by which the confirmation may take longer than what is kept for it."""
        counts = self.planned.most, self.planned.models
        most, planned = self._confirmations(study, counts, more=self.slots)
        return most - planned

    def models_that_fit(self, study: optuna.Study) -> int | None:
        """Return how many models an arm are to meet the test in one look, once the search is over.

        Returns:
            None where there is time for the two looks that were planned, and where nothing is known
            of the baseline. An earlier run of the same budget has decided it for all.
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
        """Say why there is one look, and how many models an arm it has."""
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
        """Return the seconds to keep for a confirmation with each of these numbers of models."""
        complete, sign = complete_trials(study), sign_of_study(study)
        lengths = lengths_of(complete, self.facts, sign, coming=coming, more=more)
        if lengths is None:
            return [0.0 for _ in counts]
        expected = (
            lengths.confirmation(min(self.planned.rounds, models), models) for models in counts
        )
        return [ROOM * one.seconds / self.slots for one in expected]

    def _as_the_others(self, trial: optuna.trial.FrozenTrial) -> float:
        """Return what a trial took, or would have taken on as many folds as the others."""
        return seconds_on(self.folds, trial, self.facts)

    def seconds_of_a_trial(self, study: optuna.Study) -> float | None:
        """Return the seconds that a trial takes; None while none has ended."""
        known = [self._as_the_others(trial) for trial in scored_trials(study)]
        return fmean([*known, *self._waiting(study).values()]) if known else None

    def _waiting(self, study: optuna.Study) -> dict[int, float]:
        """Return what the guesses take that wait."""
        waiting = filter(is_new_guess, study.get_trials(deepcopy=False))
        return {t.number: self.guesses[t.number] for t in waiting if t.number in self.guesses}

    def _in_training(self, study: optuna.Study) -> dict[int, float]:
        """Return what the guesses take that are being trained, and note since when they are."""
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        found = {t.number: self.guesses[t.number] for t in running if t.number in self.guesses}
        self.seen = {number: self.seen.get(number, time.monotonic()) for number in found}
        return found

    def _until_the_guesses_end(self, study: optuna.Study) -> float:
        """Return the seconds that those still take that are being trained; 0: there are none."""
        found, now = self._in_training(study), time.monotonic()
        return max((took - (now - self.seen[number]) for number, took in found.items()), default=0)

    def tell(self) -> None:
        """Say what fits: when the first trial has ended, then after 5, 10, 20 and so on."""
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
        """Say by how much the time may be over."""
        over = self.seconds_over(self.study)
        if not over:
            return ""
        more = duration_in_words(over)
        return f" If the gain is unclear, the confirmation takes up to {more} more."


def _seconds(trials: Sequence[optuna.trial.FrozenTrial]) -> list[float]:
    return [float(trial.user_attrs[SECONDS]) for trial in trials if SECONDS in trial.user_attrs]
