"""When a trial is given up. Chosen by measurement in studies/."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from optuna.pruners import BasePruner
from optuna.trial import TrialState

from tuner.errors import StudyError
from tuner.search.scoring import STAGES
from tuner.study.design import CUBE, SQUARE
from tuner.study.limits import was_passed_over
from tuner.study.trials import SCORED, sign_of_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna import Study
    from optuna.trial import FrozenTrial

PRUNER = CUBE  # of studies that begin now
RULES = {CUBE: (3.0, 0.1), SQUARE: (2.0, 0.15)}  # power, and least
STARTUP_TRIALS = 5  # that are not pruned
FIRST_STAGE = STAGES // 10


class TaperingPruner(BasePruner):
    """Give up the worst early, and the doubtful late.

    When a share s of a training is done, it goes on if it is among the best (1 - s)^power of all
    trials before it, or among the `least` that always go on; those pruned earlier count as worse.
    That is the rule of asynchronous successive halving (Li et al. 2020, "A System for Massively
    Parallel Hyperparameter Tuning", algorithm 2) with a rung at each stage. Optuna's median and
    percentile pruners compare with complete trials alone: the more are pruned, the better these
    are, and soon every new configuration that starts slowly is given up, as all do under a
    one-cycle schedule.

    Args:
        power: the higher, the earlier.
        least: share of the trials that goes on to the end.
    """

    def __init__(self, power: float = 3, least: float = 0.1) -> None:
        self.power, self.least = power, least
        self._rungs: WeakKeyDictionary[Study, _Rungs] = WeakKeyDictionary()

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Decide on the trial's last report."""
        stage = trial.last_step
        if stage is None or stage < FIRST_STAGE:
            return False
        rungs = self._rungs.setdefault(study, _Rungs(sign_of_study(study)))
        rungs.add(study.get_trials(deepcopy=False))
        if len(rungs) < STARTUP_TRIALS:
            return False
        better = rungs.better(stage, trial.intermediate_values[stage])
        share: float = max((1 - stage / STAGES) ** self.power, self.least)
        return better >= share * len(rungs)


def pruner_named(description: str) -> TaperingPruner:
    """Make the pruner that a study describes; one that describes none was begun with the square.

    Raises:
        StudyError: this version has no such pruner.
    """
    try:
        power, least = RULES[description or SQUARE]
    except KeyError:
        raise StudyError(
            f"this version of tuner has no pruner {description!r}; continue the study with the "
            "version that made it"
        ) from None
    return TaperingPruner(power, least)


class _Rungs:
    """What the trials of a study that have ended were worth at each stage that they reached."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._known: set[int] = set()
        self._settled = 0  # all trials before this one are finished, and are not looked at again
        self._scores: list[list[float]] = [[] for _ in range(STAGES + 1)]  # rising

    def __len__(self) -> int:
        return len(self._known)

    def add(self, trials: Sequence[FrozenTrial]) -> None:
        """Take up those that have ended since; `trials` are all, by number."""
        for trial in trials[self._settled :]:
            if (
                trial.state in SCORED
                and trial.number not in self._known
                and not was_passed_over(trial)
            ):
                self._take(trial)
        while self._settled < len(trials) and trials[self._settled].state.is_finished():
            self._settled += 1

    def _take(self, trial: FrozenTrial) -> None:
        """Take up a trial; a stage without a report counts as the one before."""
        self._known.add(trial.number)
        last = (trial.last_step or 0) if trial.state == TrialState.PRUNED else STAGES
        score = math.nan
        for stage in range(last + 1):
            score = trial.intermediate_values.get(stage, score)
            if not math.isnan(score):
                insort(self._scores[stage], self._sign * score)

    def better(self, stage: int, score: float) -> int:
        """How many were better at this stage."""
        scores = self._scores[stage]
        return len(scores) - bisect_right(scores, self._sign * score)
