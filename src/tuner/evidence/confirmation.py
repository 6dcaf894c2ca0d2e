"""Is it really better? Candidates race on fresh folds, then the test split is opened once."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuner.errors import StudyError
from tuner.evidence.final import score_on_test
from tuner.evidence.finalists import most_seeds
from tuner.evidence.jobs import Configuration, seed_of
from tuner.evidence.mistakes import one_class_in_words
from tuner.evidence.odometer import looks_at
from tuner.evidence.price import Price, plan_test
from tuner.evidence.racing import race_on_fresh_folds
from tuner.evidence.rivals import train_rivals
from tuner.evidence.trainings import Trainings
from tuner.seeds import Stream
from tuner.study.arms import arms_of, candidates_of
from tuner.study.limits import breaks_limits
from tuner.study.schema import CONFIRMATION, MISTAKES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine
    from tuner.evidence.final import Tested
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
    what wins there is the best from then on. Then new models of baseline, recipe and best, on seeds
    that the race did not use, meet the test, which is opened once for all of them.

    Args:
        fewest: seeds; up to four times as many models are tested where that is worth it. A
            confirmation of these candidates on as many or more stays as it is.
        folder: keeps the weights of each model that meets the test as soon as it is trained, so an
            interrupted confirmation continues where it was.

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
    trainings = Trainings(study, config, engine, say)
    if not candidates:
        raise StudyError("no trained configuration keeps within the study's limits")
    barred = [trial.number for trial in arms.values() if breaks_limits(trial)]
    found = race_on_fresh_folds(trainings, configurations, candidates, fixed, fewest, barred)
    identity = config.dataset.test.identity()
    looks = looks_at(study, identity)
    count, price = plan_test(config, found, fixed["baseline"], fewest, looks + 1)
    chosen = {**fixed, "best": found.winner}
    known = _scores_known(before, count)
    opened = not set(chosen.values()) <= set(known)
    if opened:
        say(price.words)
        seeds = [seed_of(config.seed, index, Stream.TEST) for index in range(count)]
        trained = train_rivals(config, seeds, say)
        meeting = {number: configurations[number] for number in chosen.values()}
        tested = score_on_test(
            study, trainings.study, config, engine, meeting, count, folder, say, trained
        )
        known = {number: tested[number].scores for number in meeting}
        rivals = {
            name: {**one.facts(), "scores": tested[name].scores} for name, one in trained.items()
        }
        _keep_mistakes(study, chosen, tested, say)
    else:
        count, price = len(before["seeds"]), Price(**before["price"])
        rivals = before.get("rivals", {})
    facts = {
        **asked,
        "fewest": fewest,
        "most": most_seeds(fewest),
        "winner": found.winner,
        "validation": {str(number): scores for number, scores in found.scores.items()},
        "stream": Stream.TEST,
        "seeds": [seed_of(config.seed, index, Stream.TEST) for index in range(count)],
        "arms": {
            name: {"trial": trial, "epochs": configurations[trial].epochs, "scores": known[trial]}
            for name, trial in chosen.items()
        },
        "trained_on": len(config.dataset.development),
        "rows": identity,
        "price": asdict(price),
        **({"rivals": rivals} if rivals else {}),
    }
    study.set_user_attr(CONFIRMATION, facts)
    return opened


def _keep_mistakes(
    study: optuna.Study,
    chosen: Mapping[str, int],
    tested: Mapping[int | str, Tested],
    say: Callable[[str], None],
) -> None:
    """Keep what the best gets wrong, and say so where an arm gives one answer to everything.

    Args:
        chosen: the trial of each arm.
        tested: by trial.
    """
    always = {name: tested[trial].details.get("one_class") for name, trial in chosen.items()}
    best = chosen["best"]
    study.set_user_attr(MISTAKES, {"trial": best, **tested[best].details, "always": always})
    for name, answer in always.items():
        if answer is not None:
            say(one_class_in_words(name, answer))


def _scores_known(before: Mapping[str, Any], count: int) -> dict[int, list[dict[str, float]]]:
    """Return test scores by trial that an earlier confirmation has, on as many seeds or more."""
    if before.get("stream") != Stream.TEST or len(before["seeds"]) < count:
        return {}
    return {arm["trial"]: arm["scores"] for arm in before["arms"].values()}
