"""Trainings after the search, on fresh seeds and folds, each stored as soon as it has ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from optuna.trial import TrialState, create_trial

from tuner.engines.job import Finished, Job
from tuner.evidence.jobs import fresh_replica, is_stacked, job_of, together_with
from tuner.evidence.rounds.scored import Ended, Rounds
from tuner.search.scoring import fold_scores, fold_surrogates
from tuner.study.schema import KEY, SURROGATE
from tuner.training.fitting import ReportPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine
    from tuner.evidence.jobs import Configuration
    from tuner.study.configuration import StudyConfig
    from tuner.study.schema import EvidenceTrial


class Trainings(Rounds[Job, ReportPoint]):
    """Scores of configurations of a case on fresh folds: the same seed and fold for all.

    Round r holds out fold r mod k of a split that the search has not used, and every k rounds
    another split begins. So k rounds validate on every development row once, and each costs one
    training.
    k rounds: k rounds validate on every development row once, at the cost of one training each.
    """

    def __init__(
        self,
        study: optuna.Study,
        config: StudyConfig,
        engine: Engine,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(study, config.basis, config.case.metric.name, engine, say)
        self.config = config
        self._stacked: dict[str, bool] = {}  # by hyperparameters; cached, because it needs a model

    def surrogates(self, wanted: Sequence[Configuration], index: int) -> list[float | None]:
        """Return the surrogate scores of configurations that were scored in round `index`.

        None if a training diverged.
        """
        kept = {
            trial.user_attrs[KEY]: trial.user_attrs.get(SURROGATE)
            for trial in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        }
        return [kept.get(self._key(configuration, index)) for configuration in wanted]

    def _together(self, configuration: Configuration, index: int) -> range:
        key = json.dumps(dict(configuration.hyperparameters), sort_keys=True)
        if key not in self._stacked:
            self._stacked[key] = is_stacked(self.config, configuration)
        return together_with(index, stacked=self._stacked[key])

    def _job(self, configuration: Configuration, rounds: Sequence[int]) -> Job:
        runs = [fresh_replica(self.config, index) for index in rounds]
        return job_of(self.config, configuration, runs)

    def _record(self, ended: Ended[Job, ReportPoint]) -> FrozenTrial:
        event, points, place = ended.event, ended.points, ended.place
        finished = isinstance(event, Finished)
        hyperparameters = ended.configuration.hyperparameters
        planned = hyperparameters["epochs"]
        run, share = ended.job.replicas[place], len(ended.job.replicas)
        kept: EvidenceTrial = {
            "key": ended.key,
            "hyperparameters": dict(hyperparameters),
            "epochs": ended.configuration.epochs,
            "round": ended.index,
            "split_seed": run.split_seed,
            "fold": run.fold,
            "seed": run.seed,
            "seconds": event.seconds / share if isinstance(event, Finished) else None,
            "work": points[-1].work / share if points else 0.0,
            "failure": None if isinstance(event, Finished) else event.reason,
        }
        if finished and (surrogates := fold_surrogates(points, planned)):
            kept["surrogate"] = surrogates[place]
        return create_trial(
            state=TrialState.COMPLETE if finished else TrialState.FAIL,
            value=fold_scores(points, planned)[place] if finished else None,
            user_attrs=dict(kept),
        )
