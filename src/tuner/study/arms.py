"""The arms of a study: the trials that are compared in the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tuner.errors import StudyError
from tuner.study.design import Design
from tuner.study.limits import BREAKS, breaks_limits
from tuner.study.schema import (
    ARM,
    BEST_EPOCH,
    CONFIRMATION,
    CONSTRAINTS,
    FACTS,
    GUESS,
    HYPERPARAMETERS,
)
from tuner.study.trials import complete_trials, sign_of_study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

ARMS = ("baseline", "recipe", "best")


class Trained(Protocol):
    """The part of a complete trial that is needed to find the arms."""

    @property
    def number(self) -> int:
        """Its number."""

    @property
    def values(self) -> Any:
        """Its score, as a list of one."""

    @property
    def user_attrs(self) -> Any:
        """Its attributes, at least those in `TELLING`."""


T = TypeVar("T", bound=Trained)
TELLING = (ARM, GUESS, HYPERPARAMETERS, BEST_EPOCH, BREAKS, CONSTRAINTS)


def arms_of(study: optuna.Study) -> dict[str, FrozenTrial]:
    """Return the trial of each arm that has a complete one; the latest, if it was repeated.

    The best is the winner on fresh folds, provided that the candidates have not changed since.
    Before the race, it is the trial with the best score in the search. It may be the baseline or
    the recipe.
    """
    attributes = study.user_attrs  # each access reads and copies them
    confirmation = attributes.get(CONFIRMATION)
    design = Design.of(attributes.get(FACTS, {}))
    return arms_among(complete_trials(study), confirmation, sign_of_study(study), design)


def arms_among(
    complete: Iterable[T], confirmation: Mapping[str, Any] | None, sign: int, design: Design
) -> dict[str, T]:
    """Return the arms among the complete trials of a study, given by number.

    Args:
        confirmation: of the study, if there is one.
        sign: 1 if a higher score is better, -1 if a lower one is.
        design: decides which trials are candidates.
    """
    trained = _trained(complete)
    found = {trial.user_attrs[ARM]: trial for trial in trained if ARM in trial.user_attrs}
    if candidates := _candidates(trained, sign, design):
        told = confirmation or {}
        current = told.get("candidates") == [trial.number for trial in candidates]
        winners = [t for t in trained if current and t.number == told["winner"]]
        found["best"] = (winners or candidates)[0]
    return {name: found[name] for name in ARMS if name in found}


def why_no_changes(arms: Mapping[str, FrozenTrial]) -> str | None:
    """Return why the best has no changes compared with the baseline; None if it has some."""
    if "baseline" not in arms:
        return "its baseline is missing"
    if "best" not in arms:
        return "no model that was trained is within its limits"
    same = arms["baseline"].number == arms["best"].number
    return "its best is the baseline" if same else None


def candidates_of(study: optuna.Study) -> list[FrozenTrial]:
    """Return the complete trials that did best in the search, each configuration once.

    If the design says so, the first guess comes last unless it is among the best anyway. Left out
    are a baseline or recipe whose model is over a limit, and trials of a loop that break a
    constraint.
    """
    design = Design.of(study.user_attrs.get(FACTS, {}))
    return candidates_among(complete_trials(study), sign_of_study(study), design)


def candidates_among(complete: Iterable[T], sign: int, design: Design) -> list[T]:
    """Return the candidates among the complete trials of a study, given by number.

    Args:
        sign: 1 if a higher score is better, -1 if a lower one is.
    """
    return _candidates(_trained(complete), sign, design)


def entrants_of(study: optuna.Study) -> tuple[dict[str, FrozenTrial], list[FrozenTrial]]:
    """Return the arms of a study, and the candidates of its search.

    Raises:
        StudyError: there is no baseline to compare with.
    """
    arms = arms_of(study)
    if "baseline" not in arms:
        raise StudyError("the baseline has no complete trial, so there is nothing to compare with")
    return arms, candidates_of(study)


def _candidates(trained: Sequence[T], sign: int, design: Design) -> list[T]:
    able = [trial for trial in trained if not breaks_limits(trial)]
    best_first = sorted(able, key=lambda trial: float(trial.values[0]), reverse=sign > 0)
    distinct: dict[str, T] = {}
    for trial in best_first:
        distinct.setdefault(json.dumps(trial.user_attrs.get(HYPERPARAMETERS)), trial)
    found = list(distinct.values())
    best, others = found[: design.candidates], found[design.candidates :]
    guessed = [trial for trial in others if trial.user_attrs.get(GUESS) == 0]
    if guessed and design.race is not None and design.race.with_guess:
        best[-1] = guessed[0]
    return best


def _trained(complete: Iterable[T]) -> list[T]:
    """Return the trials that tuner trained to their end; others only inform the sampler."""
    own = {HYPERPARAMETERS, BEST_EPOCH}
    return [trial for trial in complete if own <= trial.user_attrs.keys()]
