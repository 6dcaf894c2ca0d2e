"""Is it really better? Candidates race on fresh folds, then the test split is opened once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tuner.errors import StudyError
from tuner.evidence.final import score_on_test
from tuner.evidence.finalists import most_seeds
from tuner.evidence.jobs import Configuration, seed_of
from tuner.evidence.mistakes import one_class_in_words
from tuner.evidence.odometer import looks_at
from tuner.evidence.price import Price, plan_test
from tuner.evidence.race import Race, race
from tuner.evidence.rivals import train_rivals
from tuner.evidence.trainings import Trainings
from tuner.seeds import Stream
from tuner.study.arms import arms_of, candidates_of
from tuner.study.limits import breaks_limits
from tuner.study.schema import CONFIRMATION, FOLD_SCORES, MISTAKES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine
    from tuner.evidence.final import Tested
    from tuner.study import design
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
    rules = config.design.race_of(len(numbers), fewest)
    searched = {trial.number: trial.user_attrs[FOLD_SCORES] for trial in candidates}
    entries = _Entries(numbers, fixed, barred, searched if rules.with_search else None)
    found = _race(trainings, configurations, entries, rules, say)
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


@dataclass(frozen=True, slots=True)
class _Entries:
    """Who is in the race: `searched` as `race` takes it, `fixed` are baseline and recipe."""

    candidates: list[int]
    fixed: dict[str, int]
    barred: Sequence[int]
    searched: Mapping[int, Sequence[float]] | None


def _race(
    trainings: Trainings,
    configurations: dict[int, Configuration],
    entries: _Entries,
    rules: design.Race,
    say: Callable[[str], None],
) -> Race:
    fixed, rounds = entries.fixed, len(rules.entered)

    def score(numbers: Sequence[int], index: int) -> list[float | None]:
        later = [
            (configurations[number], round_)
            for round_ in range(index + 1, rules.arms)
            for number in fixed.values()
        ]
        return trainings.scores([configurations[number] for number in numbers], index, later)

    others = [number for name, number in fixed.items() if name != "baseline"]
    direction = trainings.config.case.direction
    found = race(
        entries.candidates,
        fixed["baseline"],
        others,
        rules,
        direction,
        score,
        barred=entries.barred,
        searched=entries.searched,
    )
    names = [str(number) for number in entries.candidates if number != found.winner]
    listed = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    against = f", compared with {listed}" if names else ""
    say(
        f"On fresh seeds and folds trial {found.winner} did best{against} "
        f"({rounds} round{'' if rounds == 1 else 's'})."
    )
    return found
