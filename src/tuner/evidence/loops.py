"""Tests whether the best of a loop is really better: on fresh seeds, then on untouched ones.

This has two steps, as for a case: the candidates of the search race on fresh seeds, and the winner
becomes the best. Then baseline, recipe and best are called on new seeds, whose scores took part in
no choice. If the loop's file has a function `test`, these calls open its test rows, once. A loop is
tested in one look: what it keeps between its calls is unknown, so no second look is planned. Its 6
to 24 calls are judged like the models of a case. Older studies were judged by Student's
distribution alone, which told two equal arms apart in 7 of 100 studies if calls end in one of two
ways; a study from that time keeps that rule. Without test rows, a verdict covers only the luck of
training: the scores are still those on the validation rows that the search has used.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any

from scipy.stats import norm
from scipy.stats import t as student

from tuner.evidence.final.finalists import BELIEVED, SURE, most_seeds
from tuner.evidence.final.loops import final_calls, keep_rows
from tuner.evidence.final.odometer import looks_at
from tuner.evidence.jobs import Configuration, configuration_of, seed_of
from tuner.evidence.rounds.calls import Calls
from tuner.evidence.rounds.race import race
from tuner.evidence.rounds.racing import training_ahead
from tuner.evidence.statistics.comparison import CONFIDENCE, FEWEST_TO_PROVE, paired_gains
from tuner.evidence.statistics.looks import Plan
from tuner.seeds import Stream
from tuner.study.arms import entrants_of
from tuner.study.design import RaceRules
from tuner.study.limits import breaks_limits
from tuner.study.schema import CONFIRMATION, SEED_MATTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import optuna

    from tuner.engines.job import LoopRunner
    from tuner.evidence.rounds.race import Race
    from tuner.study.loops import LoopConfig


def confirm_loop(
    study: optuna.Study,
    config: LoopConfig,
    engine: LoopRunner,
    fewest: int,
    say: Callable[[str], None],
) -> None:
    """Find the best candidate, and how good it is, unless that is already known.

    Args:
        fewest: seeds; up to four times as many calls are made if that is worthwhile.

    Raises:
        StudyError: there is no baseline to compare with, or a call failed.
    """
    arms, entered = entrants_of(study)
    candidates = [trial.number for trial in entered]
    fixed = {name: trial.number for name, trial in arms.items() if name != "best"}
    asked = {"candidates": candidates, "fixed": fixed}
    before: dict[str, Any] = study.user_attrs.get(CONFIRMATION) or {}
    if before and {name: before[name] for name in asked} == asked and before["fewest"] >= fewest:
        return
    configurations = {trial.number: configuration_of(trial) for trial in (*entered, *arms.values())}
    calls = Calls(study, config, engine, say)
    barred = [trial.number for trial in arms.values() if breaks_limits(trial)]
    found = _race(calls, configurations, candidates, fixed, fewest, say, barred)
    matters = _notice_seed(study, found, say)
    count = _seeds(found, fixed["baseline"], config, fewest) if matters else fewest
    chosen = {**fixed, "best": found.winner}
    final = Calls(study, config, engine, say, final=True)
    needed = (fixed["baseline"], found.winner)
    compared = {number: configurations[number] for number in chosen.values()}
    rounds, scores, opposed = final_calls(study, final, compared, needed, count)
    rows = keep_rows(final, configurations, scores, rounds)
    facts = {
        **asked,
        "fewest": fewest,
        "most": most_seeds(fewest),
        "plan": asdict(_one_look(study, rows, count)),
        **_facts_of(found),
        "seeds": [seed_of(config.seed, index, Stream.TEST) for index in rounds],
        "arms": {
            name: _arm(number, configurations[number], scores[number], config.metric)
            for name, number in chosen.items()
            if number in scores
        },
        "trained_on": None,
        "untested": {
            name: len(final.without_score(configurations[number]))
            for name, number in chosen.items()
            if number not in scores
        },
        "left_out": rounds[-1] + 1 - count,
        "opposed": opposed,
        "rows": rows,
        "price": None,
    }
    study.set_user_attr(CONFIRMATION, facts)


def _one_look(study: optuna.Study, rows: str | None, count: int) -> Plan:
    """Return the look that was made, the latest; six calls at least can prove something.

    Args:
        rows: name of the test rows; None if there are none.
        count: number of calls of each configuration.
    """
    plan = Plan.of(1 if rows is None else looks_at(study, rows), count)
    return replace(plan, fewest=max(plan.fewest, FEWEST_TO_PROVE), made=1, settled=True)


def _facts_of(race: Race) -> dict[str, Any]:
    """Return the facts of a race that are stored, and the stream of the seeds after it."""
    return {
        "winner": race.winner,
        "validation": {str(number): scores for number, scores in race.scores.items()},
        "stream": Stream.TEST,
    }


def _arm(
    trial: int, configuration: Configuration, scores: Sequence[float], metric: str
) -> dict[str, Any]:
    """Return the facts of an arm that are stored: a score for each seed."""
    scored = [{metric: score} for score in scores]
    return {"trial": trial, "epochs": configuration.epochs, "scores": scored}


def _race(
    calls: Calls,
    configurations: Mapping[int, Configuration],
    candidates: Sequence[int],
    fixed: Mapping[str, int],
    rounds: int,
    say: Callable[[str], None],
    barred: Collection[int],
) -> Race:
    def score(numbers: Sequence[int], index: int) -> list[float | None]:
        return calls.scores([configurations[number] for number in numbers], index)

    others = [number for name, number in fixed.items() if name != "baseline"]
    direction = calls.config.direction
    rules = RaceRules.before(len(candidates), rounds)
    ahead = training_ahead(calls, configurations)
    found = race(
        candidates,
        fixed["baseline"],
        others,
        rules,
        direction,
        score,
        ahead=ahead,
        barred=barred,
    )
    say(
        f"On fresh seeds trial {found.winner} is best ({rounds} round{'' if rounds == 1 else 's'})."
    )
    return found


def _notice_seed(study: optuna.Study, found: Race, say: Callable[[str], None]) -> bool:
    """Report and store whether fresh seeds change anything."""
    repeated = [own for own in found.scores.values() if len(own) > 1]
    if not repeated or any(len(set(own)) > 1 for own in repeated):
        study.set_user_attr(SEED_MATTERS, "weights")
        return True
    study.set_user_attr(SEED_MATTERS, "nothing")
    say(
        "Fresh seeds change nothing: every call of a configuration gave the same score. The loop "
        "sets its own seed, or uses no random numbers. So more calls prove nothing; use "
        "tuner.seed() in the loop if its result depends on a seed."
    )
    return False


def _seeds(found: Race, baseline: int, config: LoopConfig, fewest: int) -> int:
    """Return the number of seeds for the arms: enough to detect half of the race's gain."""
    gains = paired_gains(found.scores[baseline], found.scores[found.winner], config.direction)
    spreads = [
        variance(known)
        for own in found.scores.values()
        if len(known := [one for one in own if one is not None]) > 1
    ]
    spread = math.sqrt(fmean(spreads)) if spreads else 0
    return calls_to_show(BELIEVED * fmean(gains), spread, fewest)


def calls_to_show(gain: float, spread: float, fewest: int) -> int:
    """Return the calls per arm to detect a gain in 95 % of studies; at most four times `fewest`.

    Args:
        gain: difference of means; positive is better.
        spread: standard deviation over seeds of an arm's score.
    """
    most = most_seeds(fewest)
    if gain <= 0:
        return fewest
    for count in range(max(fewest, 2), most):
        quantile = student.isf((1 - CONFIDENCE) / 2, 2 * count - 2) + norm.ppf(SURE)
        if spread * math.sqrt(2 / count) * float(quantile) <= gain:
            return count
    return most
