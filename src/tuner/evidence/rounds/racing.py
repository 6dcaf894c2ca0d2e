"""The race of a study's best on fresh folds, by the study's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.rounds.race import Race, Ranking, race
from tuner.study.schema import FOLD_SCORES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from optuna.trial import FrozenTrial

    from tuner.evidence.jobs import Configuration
    from tuner.evidence.rounds.race import Coming
    from tuner.evidence.rounds.scored import Rounds
    from tuner.evidence.rounds.trainings import Trainings


def race_on_fresh_folds(
    trainings: Trainings,
    configurations: Mapping[int, Configuration],
    candidates: Sequence[FrozenTrial],
    fixed: Mapping[str, int],
    rounds: int,
    barred: Collection[int] = (),
) -> Race:
    """Train candidates, baseline and recipe on fresh seeds and folds; report the winner.

    Stored trainings are reused, so the race is the same however often it was interrupted.

    Args:
        configurations: by number of the trial.
        candidates: the best of the search, the best first.
        fixed: numbers of the trials of baseline and recipe, by name.
        rounds: the most; a study's own rules may have fewer.
        barred: those of baseline and recipe that may not win.

    Raises:
        StudyError: a training failed, every candidate diverged, or the baseline did in each round.
    """
    config = trainings.config
    rules = config.design.race_of(len(candidates), rounds)
    searched = {trial.number: trial.user_attrs[FOLD_SCORES] for trial in candidates}

    def score(numbers: Sequence[int], index: int) -> list[float | None]:
        return trainings.scores([configurations[number] for number in numbers], index)

    def surrogates(numbers: Sequence[int], index: int) -> list[float | None]:
        return trainings.surrogates([configurations[number] for number in numbers], index)

    surrogate = config.case.metric.surrogate if rules.by_surrogate else None
    found = race(
        [trial.number for trial in candidates],
        fixed["baseline"],
        [number for name, number in fixed.items() if name != "baseline"],
        rules,
        config.case.direction,
        score,
        ahead=training_ahead(trainings, configurations),
        barred=barred,
        searched=searched if rules.with_search else None,
        ranking=Ranking(surrogate.direction, surrogates) if surrogate else None,
    )
    others = [trial.number for trial in candidates if trial.number != found.winner]
    trainings.say(_in_words(found.winner, others, len(rules.entered)))
    return found


def training_ahead(
    trainings: Rounds[Any, Any], configurations: Mapping[int, Configuration]
) -> Callable[[Coming], None]:
    """Return a function that trains rounds of a race together if they need not wait."""

    def configured(pairs: Iterable[tuple[int, int]]) -> list[tuple[Configuration, int]]:
        return [(configurations[number], index) for number, index in pairs]

    def ahead(coming: Coming) -> None:
        trainings.train_ahead(configured(coming.now), configured(coming.later))

    return ahead


def _in_words(winner: int, others: Sequence[int], rounds: int) -> str:
    """Return which trial won, against which others, and in how many rounds."""
    texts = [str(number) for number in others]
    named = " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))
    against = f", compared with {named}" if named else ""
    return (
        f"On fresh seeds and folds trial {winner} did best{against} "
        f"({rounds} round{'' if rounds == 1 else 's'})."
    )
