"""Is it really better? Candidates race on fresh folds, then the test split is opened once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.errors import StudyError
from tuner.evidence.final import score_on_test
from tuner.evidence.jobs import Configuration, rows_for_test, seed_of
from tuner.evidence.race import Race, most_rounds, race
from tuner.evidence.trainings import Trainings
from tuner.study.arms import arms_of, candidates_of
from tuner.study.schema import CONFIRMATION, MISTAKES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine
    from tuner.study.configuration import StudyConfig


def configuration_of(trial: FrozenTrial) -> Configuration:
    """Return what a complete trial has trained, for its own best number of epochs."""
    facts = trial.user_attrs
    label = f"trial {trial.number}" + (f" ({facts['arm']})" if "arm" in facts else "")
    return Configuration(facts["hyperparameters"], facts["best_epoch"], label)


def confirm(
    study: optuna.Study,
    config: StudyConfig,
    engine: Engine,
    fewest: int,
    folder: Path,
    say: Callable[[str], None],
) -> bool:
    """Find out which candidate is best, and what it is worth, unless that is known already.

    The candidates of the search, baseline and recipe are trained again on fresh seeds and folds;
    what wins there is the best from then on. Then the test split is opened for models of baseline,
    recipe and best, on the same seeds, as many as there were rounds.

    Args:
        fewest: seeds; there are up to four times as many while the gain is not plain. A
            confirmation of these candidates on as many or more stays as it is.
        folder: keeps the weights of each model as soon as it is trained, so an interrupted
            confirmation goes on where it was.

    Returns:
        Whether the test split was opened.

    Raises:
        StudyError: there is no baseline to compare with, or a training failed.
    """
    arms = arms_of(study)
    if "baseline" not in arms:
        raise StudyError("the baseline has no complete trial, so there is nothing to compare with")
    candidates = candidates_of(study)
    before: dict[str, Any] = study.user_attrs.get(CONFIRMATION, {})
    numbers = [trial.number for trial in candidates]
    fixed = {name: trial.number for name, trial in arms.items() if name != "best"}
    asked = {"candidates": numbers, "fixed": fixed}
    if before and {name: before[name] for name in asked} == asked and before["fewest"] >= fewest:
        if before["fewest"] > fewest:
            say(f"The confirmation on {len(before['seeds'])} seeds is kept.")
        return False
    configurations = {
        trial.number: configuration_of(trial) for trial in (*candidates, *arms.values())
    }
    trainings = Trainings(study, config, engine, say, folder)
    found = _race(trainings, configurations, numbers, fixed, fewest, say)
    chosen = {**fixed, "best": found.winner}
    seeds = [seed_of(config.seed, index) for index in range(found.rounds)]
    known: dict[int, list[dict[str, float]]] = {}
    if before.get("seeds") == seeds:
        known = {arm["trial"]: arm["scores"] for arm in before["arms"].values()}
    opened = not set(chosen.values()) <= set(known)
    if opened:
        arms_tested = {number: configurations[number] for number in chosen.values()}
        tested = score_on_test(study, config, engine, arms_tested, found.rounds, folder, say)
        known = {trial: one.scores for trial, one in tested.items()}
        shown = {"trial": found.winner, **tested[found.winner].details}
        study.set_user_attr(MISTAKES, shown)
    ended = {
        name: {"trial": number, "epochs": configurations[number].epochs, "scores": known[number]}
        for name, number in chosen.items()
    }
    facts = {**asked, **_facts(found, fewest), "seeds": seeds, "arms": ended}
    facts["trained_on"] = rows_for_test(config)
    study.set_user_attr(CONFIRMATION, facts)
    return opened


def _facts(found: Race, fewest: int) -> dict[str, Any]:
    """Return how a race went, as plain values."""
    return {
        "fewest": fewest,
        "winner": found.winner,
        "most": most_rounds(fewest),
        "validation": {str(number): scores for number, scores in found.scores.items()},
    }


def _race(
    trainings: Trainings,
    configurations: dict[int, Configuration],
    candidates: list[int],
    fixed: dict[str, int],
    fewest: int,
    say: Callable[[str], None],
) -> Race:
    def score(numbers: Sequence[int], index: int) -> list[float | None]:
        later = [
            (configurations[number], round_)
            for round_ in range(index + 1, fewest)
            for number in fixed.values()
        ]
        return trainings.scores([configurations[number] for number in numbers], index, later)

    others = [number for name, number in fixed.items() if name != "baseline"]
    direction = trainings.config.case.direction
    found = race(candidates, fixed["baseline"], others, fewest, direction, score)
    names = " and ".join(str(number) for number in candidates if number != found.winner)
    against = f", not behind {names}" if names else ""
    rounds = f"{found.rounds} round{'' if found.rounds == 1 else 's'}"
    say(f"On fresh seeds and folds trial {found.winner} is best{against} ({rounds}).")
    return found
