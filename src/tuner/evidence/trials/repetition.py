"""Finds where a repeated training first differs from the stored one."""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from optuna.distributions import distribution_to_json
from optuna.trial import FixedTrial, TrialState

from tuner.data.sources.folders import Folders
from tuner.engines.cards import other_cards
from tuner.engines.job import Failed
from tuner.errors import CaseError, TunerError
from tuner.machine import machine, processors
from tuner.revision import full_version
from tuner.search.jobs import on_search_folds
from tuner.search.scoring import History
from tuner.seeds import Stream, derive
from tuner.study.identity import changes_of_case, changes_of_rules
from tuner.study.reopening import differences_of_data
from tuner.study.rules import rules_of_fit
from tuner.study.schema import (
    BEST_EPOCH,
    CURVE,
    DIVERGED,
    FAILURE,
    FOLD_SCORES,
    HYPERPARAMETERS,
    SEED,
    TAKEN,
)
from tuner.study.store import facts_of
from tuner.training.blame import without_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Finished
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint

ALTERED = (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError, CaseError)
PARTS_OF_A_POINT = ("step", "epoch", "training loss", "training metric", "validation")
# Results may depend on these, but not on the number of cores or the amount of memory.
DECISIVE = ("processor", "platform", "python", "torch", "torchvision", "numpy", "scikit-learn")


def first_difference(
    config: StudyConfig, trial: FrozenTrial, event: Finished | Failed, points: Sequence[ReportPoint]
) -> str | None:
    """Return where a repeated training differs from the stored trial; None if it is bit-identical.

    Args:
        event: how the repeated training ended; ignored for a pruned trial.
        points: its points; those beyond the last of a pruned trial are ignored.
    """
    return _first(chain(_untrained(config, trial), _pairs(config, trial, event, points)))


def difference_before_training(config: StudyConfig, trial: FrozenTrial) -> str | None:
    """Return what of a trial this study would draw differently; None if it has to be trained."""
    return _first(_untrained(config, trial))


def missing_trials(study: optuna.Study) -> list[str]:
    """Return which trials a finished study lacks; queued ones have not begun."""
    trials = study.get_trials(deepcopy=False)
    there = {trial.number for trial in trials}
    gone = sorted(set(range(max(there) + 1)) - there)
    begun = [trial for trial in trials if trial.datetime_start is not None]
    unfinished = [trial.number for trial in begun if not trial.state.is_finished()]
    return [
        f"{what}: {', '.join(map(str, numbers))}."
        for what, numbers in (("Not in the database", gone), ("Not finished", unfinished))
        if numbers
    ]


def unreadable(error: Exception) -> str:
    """Return the message that the stored attributes of a trial cannot be read."""
    return f"its stored attributes, which are damaged: {error!r}"


def _first(pairs: Iterable[tuple[str, Any, Any]]) -> str | None:
    try:
        for name, there, here in pairs:
            # As stored JSON, which is exact for floats, and has no tuples.
            now = json.loads(json.dumps(here))
            if there != now:
                was, now = _where_they_differ(there, now)
                return f"{name}: {was} stored, {now} now"
    except ALTERED as error:
        return unreadable(error)
    return None


def _where_they_differ(there: Any, here: Any) -> tuple[Any, Any]:
    """Return both values; of two mappings only the entries that differ."""
    if not (isinstance(there, dict) and isinstance(here, dict)):
        return there, here
    alike = {name for name in there.keys() & here.keys() if there[name] == here[name]}
    was, now = ({n: v for n, v in one.items() if n not in alike} for one in (there, here))
    return was, now


def _untrained(config: StudyConfig, trial: FrozenTrial) -> Iterator[tuple[str, Any, Any]]:
    """Yield what can be compared before a training; `_pairs` yields the rest."""
    stored = trial.user_attrs
    number = stored.get(TAKEN, {}).get("seed_of", trial.number)  # where it was trained
    yield "seed", stored[SEED], derive(config.seed, Stream.TRIAL, number)
    yield "parameters", *_drawn(config, trial)
    yield "hyperparameters", stored[HYPERPARAMETERS], _suggested(config, trial)


def _drawn(config: StudyConfig, trial: FrozenTrial) -> tuple[Any, Any]:
    """Return the stored parameters, and those that suggest draws, each with its distribution."""
    fixed = FixedTrial(trial.params)
    with suppress(CaseError, ValueError, TypeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's, about a value that was out of range then too
        config.case.suggest(fixed)
    written = (
        {name: [one[name], distribution_to_json(d)] for name, d in distributions.items()}
        for one, distributions in (
            (trial.params, trial.distributions),
            (fixed.params, fixed.distributions),
        )
    )
    there, here = written
    return there, here


def _pairs(
    config: StudyConfig, trial: FrozenTrial, event: Finished | Failed, points: Sequence[ReportPoint]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield everything to be compared, as (name, stored, now), in the order of its origin."""
    stored = trial.user_attrs
    history = History(config.case, stored[HYPERPARAMETERS]["epochs"])
    for point, there in zip(points, stored[CURVE], strict=False):
        history.take(on_search_folds(config, point))
        for name, was, now in zip(PARTS_OF_A_POINT, there, history.curve()[-1], strict=True):
            yield f"{name} at point {point.step} (epoch {point.epoch:g})", was, now
    yield "number of points", len(stored[CURVE]), len(points[: _compared(trial, points)])
    for reached, score in history.stages.items():
        yield f"report {reached}", trial.intermediate_values.get(reached), score
    yield "number of reports", len(trial.intermediate_values), len(history.stages)
    if trial.state == TrialState.PRUNED:
        yield "best epoch", stored.get(BEST_EPOCH), None  # only complete trials have one
        yield "fold scores", stored.get(FOLD_SCORES), None
        last = max(history.stages)
        yield "value", trial.values and trial.values[0], trial.intermediate_values[last]
        return
    failed = isinstance(event, Failed)
    yield "state", trial.state.name, "FAIL" if failed else "COMPLETE"
    before = stored.get(FAILURE)
    reason = without_line(event.reason) if isinstance(event, Failed) else None
    yield "failure", before and without_line(before), reason
    yield "diverged", stored.get(DIVERGED, False), isinstance(event, Failed) and event.diverged
    if trial.state == TrialState.COMPLETE:
        best = history.best()
        yield "best epoch", stored[BEST_EPOCH], best.epoch
        yield "fold scores", stored[FOLD_SCORES], best.folds
        yield "value", trial.value, best.mean


def _compared(trial: FrozenTrial, points: Sequence[ReportPoint]) -> int:
    """Return how many points count: for a pruned trial those it had, else all."""
    pruned = trial.state == TrialState.PRUNED
    return len(trial.user_attrs[CURVE]) if pruned else len(points)


def _suggested(config: StudyConfig, trial: FrozenTrial) -> Any:
    """Return what the case's `suggest` returns for the trial's parameters now, or its refusal."""
    try:
        return asdict(config.case.suggest(FixedTrial(trial.params)))
    except (CaseError, ValueError, TypeError) as error:
        return f"refused by the case ({error})"


def changed_since(
    study: optuna.Study, config: StudyConfig, data_dir: Path | None, own_data: Path
) -> list[str]:
    """Return which of the case, its data and tuner's training code have changed since the study.

    The trials are trained on the study's own data, from the cache, whatever the case loads now.

    Args:
        config: of the study, with the present case.
        data_dir: folder with the raw data, if one was given; `own_data` is tuner's own.
    """
    facts = facts_of(study)
    changed = [
        *changes_of_case(facts, config.case, config.source),
        *changes_of_rules(facts, rules_of_fit()),
    ]
    said = [change.said for change in changed]
    if any(change.of_case for change in changed):
        try:
            found = config.case.dataset(Folders(given=data_dir, own=own_data))
        except TunerError as error:
            said.append(f"its case does not find its data any more ({error})")
        else:
            said += differences_of_data(facts["data"], found, facts["seed"])
    return said


def other_machine(sessions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how this machine differs from those of all the study's sessions."""
    here = machine()
    differences = []
    versions = {session["version"] for session in sessions if "version" in session}
    if versions and full_version() not in versions:
        differences.append(f"tuner {' and '.join(sorted(versions))} there, {full_version()} here")
    for name in DECISIVE:
        there = sorted({value for session in sessions for value in _values(session, name)})
        if there and here[name] not in there:
            differences.append(f"{name} {' and '.join(there)} there, {here[name]} here")
    return [*differences, *other_cards(sessions)]


def _values(session: Mapping[str, Any], name: str) -> list[str]:
    """Return the values that a session had of this; a cluster may have several."""
    if name == "processor":
        return processors(session)
    return [session["machine"].get(name, "unknown")]
