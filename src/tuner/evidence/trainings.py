"""Trainings after the search, on fresh seeds and folds, each stored as soon as it has ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState, create_trial

from tuner.data.splits import KFold
from tuner.errors import StudyError
from tuner.fits import Failed, Finished, Job, run_all
from tuner.objective import fold_scores
from tuner.seeds import derive
from tuner.study.store import EVIDENCE, evidence_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from optuna.trial import FrozenTrial

    from tuner.fits import Engine
    from tuner.study.opening import Brief
    from tuner.training import ReportPoint


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is trained: hyperparameters, for how many epochs, and what it is called."""

    hyperparameters: Mapping[str, Any]
    epochs: int
    label: str = field(compare=False)


def seed_of(study_seed: int, index: int) -> int:
    """Return the seed of training number `index` after the search, where no trial has it."""
    return derive(study_seed, "confirmation", index)


class Trainings:
    """Scores of configurations on fresh folds, in rounds: the same seed and fold for all.

    Round r holds out fold r mod k of a split that the search has not seen, with another split every
    k rounds: k rounds validate on every development row once, at the cost of one training each.
    The scores are kept as trials of a study of their own, so nothing is trained twice.
    """

    def __init__(
        self, study: optuna.Study, brief: Brief, engine: Engine, say: Callable[[str], None]
    ) -> None:
        self.brief, self.engine, self.say = brief, engine, say
        self.study = optuna.create_study(
            study_name=evidence_name(study.study_name),
            storage=study._storage,
            direction=study.direction,
            load_if_exists=True,
        )
        if EVIDENCE not in self.study.user_attrs:
            self.study.set_user_attr(EVIDENCE, study.study_name)
        states = (TrialState.COMPLETE, TrialState.FAIL)
        self.known: dict[str, float | None] = {
            trial.user_attrs["key"]: trial.values and trial.values[0]
            for trial in self.study.get_trials(deepcopy=False, states=states)
        }

    def scores(self, wanted: Sequence[Configuration], index: int) -> list[float | None]:
        """Return what each configuration comes to in round `index`; None where it diverged.

        Raises:
            StudyError: a training failed for another reason than its numbers.
        """
        self.train((configuration, index) for configuration in wanted)
        return [self.known[_key(configuration, index)] for configuration in wanted]

    def train(self, wanted: Iterable[tuple[Configuration, int]]) -> None:
        """Train what has not been trained before, on every slot of the engine.

        Raises:
            StudyError: a training failed for another reason than its numbers.
        """
        keyed = {
            _key(configuration, index): (configuration, index) for configuration, index in wanted
        }
        missing = [(key, *what) for key, what in keyed.items() if key not in self.known]
        jobs = {n: self._job(what, index) for n, (_, what, index) in enumerate(missing)}

        def on_end(n: int, event: Finished | Failed, points: Sequence[ReportPoint]) -> None:
            key, configuration, index = missing[n]
            if isinstance(event, Failed) and not event.diverged:
                raise StudyError(
                    f"training on fresh fold {index} failed: {event.reason}; "
                    "the same command tries again"
                )
            trial = _trial(key, configuration, index, jobs[n], event, points)
            self.study.add_trial(trial)
            self.known[key] = trial.values and trial.values[0]
            self.say(_in_words(trial, configuration.label, self.brief.case.metric))

        run_all(self.engine, jobs, on_end)

    def _job(self, configuration: Configuration, index: int) -> Job:
        brief = self.brief
        scheme = brief.dataset.validation
        k = scheme.k if isinstance(scheme, KFold) else 1
        return Job(
            case=brief.reference,
            hyperparameters=configuration.hyperparameters,
            data=brief.data_folder,
            split_seed=derive(brief.seed, "confirmation folds", index // k),
            fold=index % k,
            seed=seed_of(brief.seed, index),
            plan=brief.plan,
            stop_after=configuration.epochs,
        )


def _key(configuration: Configuration, index: int) -> str:
    return json.dumps(
        [dict(configuration.hyperparameters), configuration.epochs, index], sort_keys=True
    )


def _trial(
    key: str,
    configuration: Configuration,
    index: int,
    job: Job,
    event: Finished | Failed,
    points: Sequence[ReportPoint],
) -> FrozenTrial:
    """Make the record of a training; one that diverged is a failed trial without a value."""
    finished = isinstance(event, Finished)
    planned = configuration.hyperparameters["epochs"]
    return create_trial(
        state=TrialState.COMPLETE if finished else TrialState.FAIL,
        value=fmean(fold_scores(points, planned)) if finished else None,
        user_attrs={
            "key": key,
            "hyperparameters": dict(configuration.hyperparameters),
            "epochs": configuration.epochs,
            "round": index,
            "split_seed": job.split_seed,
            "fold": job.fold,
            "seed": job.seed,
            "seconds": event.seconds if isinstance(event, Finished) else None,
            "work": points[-1].work if points else 0.0,
            "failure": None if isinstance(event, Finished) else event.reason,
        },
    )


def _in_words(trial: FrozenTrial, label: str, metric: str) -> str:
    attributes = trial.user_attrs
    where = f"Round {attributes['round'] + 1}, {label}"
    if trial.values is None:
        return f"{where}: {attributes['failure']}"
    return f"{where}: {metric} {trial.values[0]:.4f} ({attributes['seconds']:.1f} s)"
