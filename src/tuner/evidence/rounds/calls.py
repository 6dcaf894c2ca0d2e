"""Calls of a loop after the search, on fresh seeds, each stored as soon as it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from optuna.trial import TrialState, create_trial

from tuner.engines.job import Failed, Finished, LoopJob
from tuner.evidence.jobs import seed_of
from tuner.evidence.rounds.scored import Ended, Rounds
from tuner.evidence.rows.predictions import packed
from tuner.own.loops.events import Question, Reported, Told
from tuner.seeds import Stream
from tuner.study.schema import FAILURE, KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import LoopRunner
    from tuner.evidence.jobs import Configuration
    from tuner.own.loops.events import Outcome
    from tuner.study.loops import LoopConfig
    from tuner.study.schema import EvidenceTrial

TESTED = "test"  # attribute of a call: the result of its model on the loop's test rows


class Calls(Rounds[LoopJob, Question | Told]):
    """Scores of configurations of a loop on fresh seeds.

    Args:
        final: whether these calls decide the verdict. They have a stream of seeds of their own, and
            open the loop's test rows, if it has any.
    """

    def __init__(
        self,
        study: optuna.Study,
        config: LoopConfig,
        engine: LoopRunner,
        say: Callable[[str], None],
        *,
        final: bool = False,
    ) -> None:
        stream = Stream.TEST if final else Stream.RACE
        super().__init__(study, f"{config.basis} {stream}", config.metric, engine, say)
        self.config, self.stream, self.final = config, stream, final

    def trials_of(self, configuration: Configuration, rounds: Iterable[int]) -> list[FrozenTrial]:
        """Return the stored and ended calls of a configuration in these rounds."""
        wanted = {self._key(configuration, index) for index in rounds}
        found = [
            trial
            for trial in self.study.get_trials(deepcopy=False)
            if trial.user_attrs.get(KEY) in wanted
        ]
        return sorted(found, key=lambda trial: trial.user_attrs["round"])

    def without_score(self, configuration: Configuration) -> dict[int, str]:
        """Return the reason why a configuration's stored call has no score, by round."""
        return {
            trial.user_attrs["round"]: trial.user_attrs[FAILURE]
            for trial in self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
            if trial.user_attrs.get(KEY) == self._key(configuration, trial.user_attrs["round"])
        }

    def _is_result(self, event: Failed) -> bool:
        return event.diverged or event.crashed

    def _together(self, configuration: Configuration, index: int) -> range:
        del configuration
        return range(index, index + 1)

    def _job(self, configuration: Configuration, rounds: Sequence[int]) -> LoopJob:
        config = self.config
        return LoopJob(
            loop=config.reference,
            number=rounds[0],
            seed=seed_of(config.seed, rounds[0], self.stream),
            direction=config.direction,
            preset=configuration.hyperparameters,
            source=config.source.digest,
            test=self.final and config.has_test,
            plan=config.plan,
        )

    def _record(self, ended: Ended[LoopJob, Question | Told]) -> FrozenTrial:
        event = ended.event
        outcome = event.outcome if isinstance(event, Finished) else None
        reports = sum(isinstance(one, Reported) for one in ended.points)
        failure = event.reason if isinstance(event, Failed) else "the loop raised TrialPruned"
        kept: EvidenceTrial = {
            "key": ended.key,
            "hyperparameters": dict(ended.configuration.hyperparameters),
            "epochs": reports,
            "round": ended.index,
            "split_seed": None,
            "fold": None,
            "seed": ended.job.seed,
            "seconds": event.seconds if isinstance(event, Finished) else None,
            "work": float(reports),
            "failure": None if outcome else failure,
            "final": self.final,
            "test": _tested(outcome) if outcome else None,
        }
        return create_trial(
            state=TrialState.COMPLETE if outcome else TrialState.FAIL,
            value=outcome.value if outcome else None,
            user_attrs=dict(kept),
        )


def _tested(outcome: Outcome) -> dict[str, Any] | None:
    if outcome.test is None:
        return None
    rows = outcome.test.rows
    return {
        "score": outcome.test.score,
        "rows": None if rows is None else packed(np.array(rows)),
        "identity": outcome.test.identity,
    }
