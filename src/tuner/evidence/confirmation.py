"""Is it really better? Candidates race on fresh folds, then new models are scored on the test."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuner.errors import StudyError
from tuner.evidence.final.odometer import is_open, looks_at
from tuner.evidence.final.proof import Proof
from tuner.evidence.final.trainings import Diverged
from tuner.evidence.jobs import configuration_of
from tuner.evidence.price import price_of_test
from tuner.evidence.rounds.race import ROUNDS
from tuner.evidence.rounds.racing import race_on_fresh_folds
from tuner.evidence.rounds.trainings import Trainings
from tuner.evidence.statistics.comparison import FEWEST_TO_PROVE
from tuner.evidence.statistics.looks import Plan
from tuner.seeds import Stream
from tuner.study.arms import entrants_of
from tuner.study.limits import breaks_limits
from tuner.study.schema import CONFIRMATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import optuna

    from tuner.engines.job import Engine
    from tuner.evidence.price import Price
    from tuner.evidence.rounds.race import Race
    from tuner.study.configuration import StudyConfig


# Kept from an earlier confirmation: when it continues between its looks; and of its whole test.
OF_PLAN = ("price", "rivals", "untrained_rivals")
OF_TEST = (*OF_PLAN, "seeds", "stream", "most", "plan", "untested")


def confirm(
    study: optuna.Study,
    config: StudyConfig,
    engine: Engine,
    asked: int | None,
    folder: Path,
    say: Callable[[str], None],
) -> bool:
    """Find out which candidate is best, and how good it is, unless that is known already.

    The candidates of the search, baseline and recipe are trained again on fresh seeds and folds;
    the winner is the best from then on. Then new models of baseline, recipe and best are scored on
    the test, each arm on its own seeds, which the race did not use.

    Args:
        asked: models per arm, tested in one look; None: two looks, the second only if the
            first has proven nothing (`looks.Plan`). An existing confirmation of these candidates
            that has as many models is kept; one that was interrupted between its looks continues.
        folder: keeps the weights of each tested model as soon as it is trained, so an
            interrupted confirmation continues where it was.

    Returns:
        Whether the test split was opened.

    Raises:
        StudyError: there is no baseline to compare with, a training failed, or most new trainings
            of the baseline or the best diverged.
    """
    arms, candidates = entrants_of(study)
    before: dict[str, Any] = study.user_attrs.get(CONFIRMATION, {})
    fixed = {name: trial.number for name, trial in arms.items() if name != "best"}
    entered = {"candidates": [trial.number for trial in candidates], "fixed": fixed}
    enough = _is_enough(before, asked)
    if enough and {name: before[name] for name in entered} == entered:
        if asked is not None and len(before["seeds"]) > asked:
            say(f"The confirmation on {len(before['seeds'])} seeds is kept.")
        return False
    if not candidates:
        raise StudyError("no trained configuration keeps within the study's limits")
    configurations = {
        trial.number: configuration_of(trial) for trial in (*candidates, *arms.values())
    }
    trainings = Trainings(study, config, engine, say)
    fewest = ROUNDS if asked is None else asked
    barred = [trial.number for trial in arms.values() if breaks_limits(trial)]
    found = race_on_fresh_folds(trainings, configurations, candidates, fixed, fewest, barred)
    chosen = {
        name: number
        for name, number in {**fixed, "best": found.winner}.items()
        if number in (fixed["baseline"], found.winner)
        or not Diverged.of(trainings.study, config, number).given_up
    }
    facts = {**entered, "fewest": fewest, **_facts_of(found, config)}
    if enough and (kept := _test_before(before, chosen)):
        study.set_user_attr(CONFIRMATION, {**facts, **kept})
        return False
    proof = Proof(
        study=study,
        evidence=trainings.study,
        config=config,
        engine=engine,
        configurations=configurations,
        chosen=chosen,
        asked=asked,
        folder=folder,
        say=say,
    )
    _prove(proof, found, facts, before, asked)
    return True


def _prove(
    proof: Proof, race: Race, facts: dict[str, Any], before: Mapping[str, Any], asked: int | None
) -> None:
    """Test the arms: by the plan of a test that was interrupted, or by a new one.

    Args:
        facts: of the race, for the confirmation.
        before: the existing confirmation; empty: there is none.
    """
    if (begun := _begun(before, proof.chosen, asked)) is not None:
        proof.make(begun, {**facts, **{name: before[name] for name in OF_PLAN if name in before}})
        return
    # A test that was interrupted before its scores were stored is this test, and is counted once.
    tests = looks_at(proof.study, facts["rows"]) - is_open(proof.study, proof.test)
    plan, price = _planned(proof.config, race, proof.chosen["baseline"], asked, tests)
    proof.say(price.words)
    proof.make(plan, {**facts, "price": asdict(price)})


def _facts_of(race: Race, config: StudyConfig) -> dict[str, Any]:
    """Return what is stored of a race, and of the rows that its winner will be tested on."""
    return {
        "winner": race.winner,
        "validation": {str(number): scores for number, scores in race.scores.items()},
        "ranked_by": race.ranked_by
        and {str(number): ranks for number, ranks in race.ranked_by.items()},
        "stream": Stream.TEST,
        "trained_on": len(config.dataset.development),
        "rows": config.dataset.test.identity(),
    }


def _is_enough(before: Mapping[str, Any], asked: int | None) -> bool:
    """Whether an existing confirmation has as many models as are asked for."""
    if not before:
        return False
    plan, models = Plan.read(before.get("plan")), len(before["seeds"])
    if asked is not None:
        return models >= asked
    if plan is None:  # from a version without plans
        return models >= FEWEST_TO_PROVE
    return plan.is_over and models >= plan.fewest


def _test_before(before: Mapping[str, Any], chosen: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the stored test if all chosen trials were in it; None: not all were."""
    known = {arm["trial"]: arm for arm in before["arms"].values()}
    if before.get("stream") != Stream.TEST or not set(chosen.values()) <= set(known):
        return None
    arms = {name: known[trial] for name, trial in chosen.items()}
    return {**{name: before[name] for name in OF_TEST if name in before}, "arms": arms}


def _begun(before: Mapping[str, Any], chosen: Mapping[str, int], asked: int | None) -> Plan | None:
    """Return the plan of an interrupted test, if it is the one asked for; None: it is not."""
    plan = Plan.read(before.get("plan"))
    if plan is None or plan.is_over or asked is not None:
        return None
    tested = {name: arm["trial"] for name, arm in before["arms"].items()}
    return plan if chosen.items() <= tested.items() else None


def _planned(
    config: StudyConfig, found: Race, baseline: int, asked: int | None, tests: int
) -> tuple[Plan, Price]:
    """Return the looks of the coming test, and what they can show.

    Args:
        tests: how often the rows have been tested so far.
    """
    plan = Plan.of(tests + 1, asked)
    return plan, price_of_test(config, found, baseline, plan, tests + 1)
