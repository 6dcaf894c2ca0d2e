"""What a time budget allows a trial to cost, decided before the search, and kept with the study.

A configuration may take hundreds of times as long as another of the same search space. One that
would leave no time for others, and for the proof, is not trained. The speed of the machine is
measured on the baseline, and what a configuration costs is counted from its shapes. So the clock
decides one number, `--max-cost`, and with it the study is a function of its inputs again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from optuna.trial import FixedTrial

from tuner.engines.job import Failed, Finished
from tuner.evidence.duration import duration_in_words
from tuner.search.bayesian import QUEUED
from tuner.search.jobs import search_job
from tuner.study.cost import Costs
from tuner.study.limits import limits_of
from tuner.study.schema import ALLOWED, GUESS
from tuner.study.trials import is_new_guess

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from tuner.engines.job import Engine
    from tuner.study.configuration import StudyConfig
    from tuner.study.schema import Allowed

SECONDS_TO_MEASURE = 1.0  # from one report of the baseline to another
SHARE_OF_WORK = 1 / 20  # of the time of all workers, that a trial may take
SHARE_OF_TIME = 1 / 5  # of the budget: some trials, the race and the test come one after the other
SHARE_TO_MEASURE = 1 / 10  # of the budget, at most


def allow(
    study: optuna.Study,
    config: StudyConfig,
    engine: Engine,
    seconds: float,
    say: Callable[[str], None],
) -> StudyConfig:
    """Decide what a trial may cost at most, and say it; return the config with that limit.

    An earlier run of the same budget has decided it for all. Nothing is limited where the baseline
    fails: its first trial tells why.

    Args:
        seconds: the time budget.
    """
    known: Allowed | None = study.user_attrs.get(ALLOWED)
    if known is None or known["seconds"] != seconds:
        taken = seconds_of_baseline(config, engine, SHARE_TO_MEASURE * seconds)
        if taken is None:
            return config
        most = seconds * min(SHARE_OF_WORK * engine.slots, SHARE_OF_TIME)
        cost = max(1.0, float(f"{most / taken:.2g}"))
        known = {"seconds": seconds, "cost": cost, "baseline_seconds": taken, "models": None}
        study.set_user_attr(ALLOWED, known)
        more = (
            f" than {cost:g} times as much ({duration_in_words(cost * taken)})" if cost > 1 else ""
        )
        say(
            f"A trial like the baseline takes about {duration_in_words(taken)} here. One that "
            f"computes more{more} would leave too little of {duration_in_words(seconds)} for "
            "others, so it is not trained. A guess may take twice as long as that."
        )
    return replace(config, limits=limits_of(study.user_attrs))


def seconds_of_baseline(config: StudyConfig, engine: Engine, most: float) -> float | None:
    """Return how long a trial of the baseline takes while all workers are busy with the same.

    It is trained for a second or so, on the folds of the search, and given up.

    Args:
        most: seconds to wait; what has told nothing by then takes so long at least for each report
            that it is to make.

    Returns:
        None where it fails.
    """
    baseline = config.case.baseline
    job = search_job(config, asdict(baseline), config.seed)
    keys = range(-engine.slots, 0)
    for key in keys:
        engine.start(key, job)
    try:
        reports = baseline.epochs * config.case.points_per_epoch
        return _measure(engine, keys[0], baseline.epochs, most, most / 2 * reports)
    finally:
        for key in keys:
            engine.stop(key)


def _measure(engine: Engine, key: int, epochs: int, most: float, at_least: float) -> float | None:
    """Return how long a training of so many epochs takes, from two of its reports."""
    until, first = time.monotonic() + most, None
    while (now := time.monotonic()) < until:
        event = engine.next(key, timeout=min(0.5, until - now))
        if isinstance(event, Failed):
            return None
        if isinstance(event, Finished):
            return event.seconds
        if event is None:
            continue
        now = time.monotonic()
        if first is None:
            first = now, event.epoch
        elif now - first[0] >= SECONDS_TO_MEASURE:
            return (now - first[0]) / (event.epoch - first[1]) * epochs
    return at_least


def seconds_of_guesses(study: optuna.Study, config: StudyConfig) -> dict[int, float]:
    """Return how long each guess that waits is going to take, by number, as far as that is known.

    One that costs more than is allowed is not among them: it is not going to be trained.
    """
    allowed: Allowed | None = study.user_attrs.get(ALLOWED)
    if allowed is None:
        return {}
    most = config.limits.of_trial({GUESS}).cost
    costs, found = Costs(config.case, config.dataset, config.plan), dict[int, float]()
    for trial in filter(is_new_guess, study.get_trials(deepcopy=False)):
        with suppress(Exception):  # what cannot be used is found out, and told, when it is tried
            values = {**trial.system_attrs.get(QUEUED, {}), **config.fixed}
            cost = costs.of(config.case.suggest(FixedTrial(values)))
            if most is None or cost <= most:
                found[trial.number] = cost * allowed["baseline_seconds"]
    return found
