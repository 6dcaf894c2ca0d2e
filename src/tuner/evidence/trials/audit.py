"""Measures what pruning cost a study: a few random pruned trials are trained to their end.

The sample was fixed before the search: each trial number has a random number of its own, from the
study's seed, and the pruned trials with the smallest ones are taken. The size of the sample depends
only on averages, never on which trials are in it. So it is a simple random sample of the pruned
trials, and represents all of them. The trials are reported, and take part in no choice.
"""

from __future__ import annotations

import json
import math
from statistics import fmean
from typing import TYPE_CHECKING

from optuna.trial import TrialState, create_trial

from tuner.case.figures import score_text
from tuner.engines.job import Failed, Finished, run_all
from tuner.errors import StudyError
from tuner.evidence.trials.repetition import first_difference
from tuner.search.jobs import search_job
from tuner.search.scoring import History
from tuner.seeds import Stream, derive
from tuner.study.durations import whole_work
from tuner.study.schema import AUDIT, CURVE, FAILURE, HYPERPARAMETERS, KEY, SECONDS, SEED, WORK
from tuner.study.store import open_evidence
from tuner.study.trials import scored_trials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine, Job
    from tuner.study.configuration import StudyConfig
    from tuner.study.schema import EvidenceTrial
    from tuner.training.fitting import ReportPoint

MOST, OF_TRIALS = 3, 50  # at most 3 trainings for every 50 trials
SHARE_OF_WORK = 0.1  # of the search's work: the most that they cost on average


def audit(
    study: optuna.Study, config: StudyConfig, engine: Engine, say: Callable[[str], None]
) -> None:
    """Train the sampled pruned trials to their end, and store their scores.

    Each score is stored at once, so an interrupted audit continues where it was. A trial is trained
    as in the search: its first points have to be the same again, bit for bit.

    Raises:
        StudyError: the machine made a training fail.
    """
    pruned = _pruned(scored_trials(study))
    chosen = {trial.number: trial for trial in drawn(scored_trials(study), config.seed)}
    evidence = open_evidence(study)
    keys = {number: _key(trial, config) for number, trial in chosen.items()}
    known = {one.user_attrs.get(KEY): one for one in evidence.get_trials(deepcopy=False)}

    def on_end(number: int, event: Finished | Failed, points: Sequence[ReportPoint]) -> None:
        if isinstance(event, Failed) and event.may_pass:
            raise StudyError(
                f"trial {number}, trained to its end: {event.reason}. {event.what_to_do}"
            )
        trial = chosen[number]
        record = _record(keys[number], config, trial, event, points)
        evidence.add_trial(record)
        known[keys[number]] = record
        say(_in_words(number, record, config))

    missing = {n: _job(config, trial) for n, trial in chosen.items() if keys[n] not in known}
    run_all(engine, missing, on_end)
    found = {
        "pruned": len(pruned),
        "trials": [
            {
                "trial": number,
                "score": record.values and record.values[0],
                "differs": record.user_attrs["differs"],
                "failure": record.user_attrs[FAILURE],
            }
            for number, record in ((n, known[keys[n]]) for n in sorted(chosen))
        ],
    }
    if study.user_attrs.get(AUDIT) != found:
        study.set_user_attr(AUDIT, found)


def drawn(trials: Sequence[FrozenTrial], seed: int) -> list[FrozenTrial]:
    """Return the sample of pruned trials that are trained to their end, in random order.

    It has at most three of every fifty trials, and few enough that they cost on average at most a
    tenth of the search's work; it is empty if a single one would cost more.

    Args:
        trials: complete and pruned ones.
        seed: of the study.
    """
    pruned = _pruned(trials)
    if not pruned:
        return []
    done = math.fsum(trial.user_attrs.get(WORK, 0.0) for trial in trials)
    whole = fmean(whole_work(trial) or 0.0 for trial in pruned)
    affordable = math.floor(SHARE_OF_WORK * done / whole) if whole > 0 else 0
    count = min(affordable, math.ceil(MOST * len(trials) / OF_TRIALS))
    lots = sorted(pruned, key=lambda trial: derive(seed, Stream.AUDIT, trial.number))
    return lots[:count]


def _pruned(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that tuner has trained and pruned."""
    needed = {HYPERPARAMETERS, SEED, WORK}
    return [
        trial
        for trial in trials
        if trial.state == TrialState.PRUNED
        and needed <= trial.user_attrs.keys()
        and trial.user_attrs.get(CURVE)
    ]


def _job(config: StudyConfig, trial: FrozenTrial) -> Job:
    return search_job(config, trial.user_attrs[HYPERPARAMETERS], trial.user_attrs[SEED])


def _key(trial: FrozenTrial, config: StudyConfig) -> str:
    facts = trial.user_attrs
    what = ["audit", trial.number, facts[HYPERPARAMETERS], facts[SEED], config.basis]
    return json.dumps(what, sort_keys=True)


def score_of(config: StudyConfig, trial: FrozenTrial, points: Sequence[ReportPoint]) -> float:
    """Return the score that the search would have given a trial trained to its end."""
    history = History(config.case, trial.user_attrs[HYPERPARAMETERS]["epochs"])
    for point in points:
        history.take(point)
    return float(history.best().mean)


def _record(
    key: str,
    config: StudyConfig,
    trial: FrozenTrial,
    event: Finished | Failed,
    points: Sequence[ReportPoint],
) -> FrozenTrial:
    """Make the record of a training; a failed one has no value."""
    facts, finished = trial.user_attrs, isinstance(event, Finished)
    kept: EvidenceTrial = {
        "key": key,
        "audited": trial.number,
        "hyperparameters": facts[HYPERPARAMETERS],
        "epochs": facts[HYPERPARAMETERS]["epochs"],
        "round": None,
        "split_seed": config.seed,
        "fold": None,
        "seed": facts[SEED],
        "seconds": event.seconds if isinstance(event, Finished) else None,
        "work": points[-1].work if points else 0.0,
        "differs": first_difference(config, trial, event, points),
        "failure": None if isinstance(event, Finished) else event.reason,
    }
    return create_trial(
        state=TrialState.COMPLETE if finished else TrialState.FAIL,
        value=score_of(config, trial, points) if finished else None,
        user_attrs=dict(kept),
    )


def _in_words(number: int, record: FrozenTrial, config: StudyConfig) -> str:
    where = f"Trial {number} was pruned; trained to its end"
    if record.values is None:
        return f"{where}: {record.user_attrs['failure']}"
    name, seconds = config.case.metric.name, record.user_attrs[SECONDS]
    return f"{where}: {name} {score_text(record.values[0])} ({seconds:.1f} s)"
