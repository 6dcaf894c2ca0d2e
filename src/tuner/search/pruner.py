"""Decides when a trial is pruned. The rule was chosen by measurement in studies/."""

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

PRUNER = CUBE  # of new studies
RULES = {CUBE: (3.0, 0.1), SQUARE: (2.0, 0.15)}  # power and least share
STARTUP_TRIALS = 5  # that are not pruned
FIRST_STAGE = STAGES // 10


class TaperingPruner(BasePruner):
    """Prunes clearly bad trials early, and doubtful ones late.

    When a share s of a training is done, it continues if it is among the best (1 - s)^power of all
    trials before it, or among the `least` that always continue. Trials that were pruned earlier
    count as worse. This is the rule of asynchronous successive halving (Li et al. 2020, "A System
    for Massively Parallel Hyperparameter Tuning", algorithm 2) with a rung at each stage. Optuna's
    median and percentile pruners compare only with complete trials. The more trials are pruned, the
    better the complete ones are, and soon every new configuration that starts slowly is pruned;
    under a one-cycle schedule, all start slowly.

    Args:
        power: the higher, the earlier trials are pruned.
        least: share of the trials that is never pruned.
    """

    def __init__(self, power: float = 3, least: float = 0.1) -> None:
        self.power, self.least = power, least
        self._rungs: WeakKeyDictionary[Study, _Rungs] = WeakKeyDictionary()

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Decide whether to prune a trial, from its last report."""
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
    """Make the pruner that a study describes; a study that describes none gets `SQUARE`.

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
    """The scores of a study's ended trials at each stage that they reached."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._known: set[int] = set()
        self._settled = 0  # all trials before this number have ended and are not read again
        self._scores: list[list[float]] = [[] for _ in range(STAGES + 1)]  # ascending

    def __len__(self) -> int:
        return len(self._known)

    def add(self, trials: Sequence[FrozenTrial]) -> None:
        """Add the trials that have ended since the last call; `trials` are all, by number."""
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
        """Add a trial; a stage without a report takes the score of the one before."""
        self._known.add(trial.number)
        last = (trial.last_step or 0) if trial.state == TrialState.PRUNED else STAGES
        score = math.nan
        for stage in range(last + 1):
            score = trial.intermediate_values.get(stage, score)
            if not math.isnan(score):
                insort(self._scores[stage], self._sign * score)

    def better(self, stage: int, score: float) -> int:
        """Return how many trials were better at this stage."""
        scores = self._scores[stage]
        return len(scores) - bisect_right(scores, self._sign * score)
