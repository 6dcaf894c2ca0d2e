"""Decides, before a search with a time budget, how much a trial may cost; stores it.

A configuration may take hundreds of times as long as another of the same search space. One that
would leave no time for others, and for the proof, is not trained. The speed of the machine is
measured on the baseline, and the cost of a configuration is computed from its shapes. So the clock
decides a single number, `--max-cost`, and given that number the study is again a function of its
inputs.
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

SECONDS_TO_MEASURE = 1.0  # between two reports of the baseline
SHARE_OF_WORK = 1 / 20  # of the time of all workers, for a trial at most
SHARE_OF_TIME = 1 / 5  # of the budget: some trials, the race and the test follow each other
SHARE_TO_MEASURE = 1 / 10  # of the budget, at most


def allow(
    study: optuna.Study,
    config: StudyConfig,
    engine: Engine,
    seconds: float,
    say: Callable[[str], None],
) -> StudyConfig:
    """Decide and report how much a trial may cost; return the config with that limit.

    An earlier run of the same budget has decided it for all. Nothing is limited if the baseline
    fails: its first trial gives the reason.

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
    """Return how long a trial of the baseline takes while all workers are equally busy.

    It is trained for a second or so, on the folds of the search, and then stopped.

    Args:
        most: seconds to wait; if no report has come by then, each report is taken to need at least
            that long.

    Returns:
        None if it fails.
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
    """Return how long a training of this many epochs takes, from two of its reports."""
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
    """Return how long each waiting guess will take, by number, as far as that is known.

    Guesses over the allowed cost are left out, because they will not be trained.
    """
    allowed: Allowed | None = study.user_attrs.get(ALLOWED)
    if allowed is None:
        return {}
    most = config.limits.of_trial({GUESS}).cost
    costs, found = Costs(config.case, config.dataset, config.plan), dict[int, float]()
    for trial in filter(is_new_guess, study.get_trials(deepcopy=False)):
        with suppress(Exception):  # unusable guesses are reported when they are tried
            values = {**trial.system_attrs.get(QUEUED, {}), **config.fixed}
            cost = costs.of(config.case.suggest(FixedTrial(values)))
            if most is None or cost <= most:
                found[trial.number] = cost * allowed["baseline_seconds"]
    return found
