"""Which decisions an interrupted search had already made.

A trial that was running at an interrupt runs again from its start, and reaches each stage with the
same score as before. Decisions from before the interrupt must not be made again: the pruner would
now see trials that had not ended then. Nor do they need to be made again, because the trial ran on
after them. Only the last decision may be missing:

| stage reached                   | another trial has ended since   | is the pruner asked?         |
| ------------------------------- | ------------------------------- | ---------------------------- |
| for the first time              | any                             | yes: it is not decided yet   |
| again, others still to repeat   | any                             | no: the trial continued      |
| again, the last to repeat       | yes                             | no: the search continued     |
| again, the last to repeat       | no                              | yes: the interrupt may have  |
|                                 |                                 | come before the decision; if |
|                                 |                                 | it came after, the decision  |
|                                 |                                 | was to continue, and it will |
|                                 |                                 | be the same again            |

Stages are repeated in the order of virtual time, so the last to repeat is the last that was
reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState

from tuner.study.schema import ALONGSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial


class Replay:
    """The stages that a search has to repeat before it reaches a new one.

    Args:
        trials: all of the study; interrupted ones are WAITING.
    """

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        interrupted = [trial for trial in trials if trial.state == TrialState.WAITING]
        self._left = sum(len(trial.intermediate_values) for trial in interrupted)
        self._one_has_ended_since = any(
            _reported_at_end_of(trial, interrupted) == self._left
            for trial in trials
            if trial.state.is_finished()
        )

    def needs_decision(self, *, repeated: bool) -> bool:
        """Count a stage that a trial has reached; return whether to ask the pruner.

        Args:
            repeated: the trial had reached it before the search was interrupted.
        """
        if not repeated:
            return True
        self._left -= 1
        return self._left == 0 and not self._one_has_ended_since


def stages_alongside(others: Mapping[int, int]) -> dict[str, int]:
    """Return what a trial stores as `ALONGSIDE` when it ends: stages reached, by trial number."""
    return {str(number): stages for number, stages in others.items()}


def _reported_at_end_of(trial: FrozenTrial, others: Sequence[FrozenTrial]) -> int:
    """Return how many stages the other trials had reached in total when this trial ended."""
    reached: Mapping[str, int] = trial.user_attrs.get(ALONGSIDE, {})
    return sum(reached.get(str(other.number), 0) for other in others)
