"""Lists the studies of a store with their results, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.case.metric import LOOP, metric_of
from tuner.errors import StudyError
from tuner.evidence.final.odometer import Looks
from tuner.evidence.final.verdicts import OnTest
from tuner.evidence.rows.rowwise import Kept
from tuner.evidence.statistics.looks import Plan
from tuner.language import ENGLISH, speaking
from tuner.report.facts.arms import confirmation_of
from tuner.report.facts.gathering import gather
from tuner.report.sections.guesses import best_is_guess
from tuner.report.sections.verdict import verdict
from tuner.study.arms import arms_among
from tuner.study.catalogue import Catalogue
from tuner.study.database.lock import is_held
from tuner.study.database.storage import open_storage
from tuner.study.design import Design
from tuner.study.schema import CONFIRMATION, FACTS, OPENINGS, SEED_MATTERS, SESSIONS
from tuner.study.store import evidence_name, load_study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.metric import Metric
    from tuner.study.catalogue import Ended, Overview
    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A study in a list.

    Attributes:
        trials: number of finished trials.
        state: its progress.
        best: score of its best on the `split`; None if there is none yet. `baseline` likewise.
        split: "test" once it was confirmed, else "validation", which is optimistic.
        verdict: of the best against the baseline, in two words.
        when: time at which its last run began, as ISO 8601; None if unknown.
    """

    name: str
    case: str
    trials: int
    state: str
    metric: str
    best: float | None
    baseline: float | None
    split: str
    verdict: str
    when: str | None


def studies_of(workplace: Workplace) -> list[Entry]:
    """Return all of tuner's studies in a store, by name.

    Raises:
        StoreError: the database cannot be opened.
    """
    return entries_of(Catalogue(open_storage(workplace.url, create=False)))


def entries_of(catalogue: Catalogue) -> list[Entry]:
    """Return all of tuner's studies in a catalogue, by name."""
    looks = Looks(catalogue.attributes)
    return [_entry(catalogue, name, one, looks) for name, one in catalogue.overview().items()]


def best_of(workplace: Workplace, name: str) -> dict[str, Any]:
    """Return the best configuration of a study, its scores and the verdict, as plain values.

    Raises:
        UsageError: there is no study of that name.
        StudyError: none of its trials is complete.
    """
    return best_in(gather(load_study(workplace.url, name), workplace, further=False))


def best_in(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the best configuration of a study, its scores and the verdict.

    Args:
        facts: of its report.

    Raises:
        StudyError: no trial is complete.
    """
    arms = facts["arms"]
    if "best" not in arms:
        raise StudyError(
            f"study {facts['study']!r} has no complete trial yet; continue it with tuner study"
        )
    best, baseline = arms["best"], arms.get("baseline")
    now = best["hyperparameters"]
    was = baseline["hyperparameters"] if baseline else None
    with speaking(ENGLISH):  # it is stored, and read by programs
        sentence = verdict(dict(facts))
    return {
        "study": facts["study"],
        "case": facts["case"],
        "trial": best["trial"],
        "is_guess": best_is_guess(facts),
        "epochs_trained": best["best_epoch"],
        "hyperparameters": now,
        "baseline": was,
        "changed": [key for key in now if was is not None and now[key] != was.get(key)],
        "metric": facts["metric"]["name"],
        "validation": best["validation"],
        "test": best["test"],
        "ensemble": best["ensemble"],
        "verdict": short_verdict(facts),
        "sentence": sentence,
    }


def short_verdict(facts: Mapping[str, Any]) -> str:
    """Return how the best compares with the baseline, in two words."""
    return _in_two_words(facts["comparison"]["best_vs_baseline"])


def _in_two_words(pair: Mapping[str, Any] | None) -> str:
    if pair is None:
        return "not confirmed"
    return "baseline is best" if pair["same_trial"] else str(pair["verdict"])


def _entry(catalogue: Catalogue, name: str, trials: Overview, looks: Looks) -> Entry:
    """Return a row of the list; fast, because it reads no report points and makes no report."""
    attributes = catalogue.studies[name]
    made = attributes[FACTS]
    metric = metric_of(made)
    arms = arms_among(trials.complete, attributes.get(CONFIRMATION), metric.sign, Design.of(made))
    confirmation = confirmation_of(attributes.get(CONFIRMATION), arms)
    pair = _best_and_baseline(catalogue, name, metric, arms, confirmation, looks)
    tested = (confirmation or {"scores": {}})["scores"]
    scores = {
        arm: fmean(o[metric.name] for o in tested[arm]) if tested.get(arm) else one.values[0]
        for arm, one in arms.items()
        if tested.get(arm) or not tested.get("best")  # both on the same split
    }
    sessions = attributes.get(SESSIONS, [])
    return Entry(
        name=name,
        case=made["case"],
        trials=trials.finished,
        state=_state(catalogue, name, trials, confirmed=pair is not None),
        metric=metric.name,
        best=_finite(scores.get("best")),
        baseline=_finite(scores.get("baseline")),
        split=_split(made, attributes, scores=bool(tested.get("best"))),
        verdict=_in_two_words(pair),
        when=sessions[-1].get("started") if sessions else None,
    )


def _finite(score: float | None) -> float | None:
    return score if score is not None and math.isfinite(score) else None


def _split(made: Mapping[str, Any], attributes: Mapping[str, Any], *, scores: bool) -> str:
    """Return on which rows the best score was measured; a loop may have no test rows."""
    if scores and made.get("task") == LOOP and not attributes.get(OPENINGS):
        return "final"
    return "test" if scores else "validation"


def _best_and_baseline(
    catalogue: Catalogue,
    name: str,
    metric: Metric,
    arms: Mapping[str, Ended],
    confirmation: Mapping[str, Any] | None,
    looks: Looks,
) -> dict[str, Any] | None:
    """Compare the best with the baseline on the test rows; None if they were not tested."""
    if confirmation is None:
        return None
    every = catalogue.attributes
    own = catalogue.studies[name]
    test = OnTest(
        scored=confirmation["scores"],
        trials={arm: one.number for arm, one in arms.items()},
        metric=metric,
        looks=max(1, looks.at(name, confirmation.get("rows"))),
        matters=own.get(SEED_MATTERS, "weights"),
        kept=Kept.among(every.get(evidence_name(name), {})),
        losses=every.get(evidence_name(name), {}),
        of_loop=own.get(FACTS, {}).get("task") == LOOP,
        plan=Plan.read(confirmation.get("plan")),
    )
    return test.compare("best", "baseline", further=False, outlook=False)


def _state(catalogue: Catalogue, name: str, trials: Overview, *, confirmed: bool) -> str:
    begun = trials.states[TrialState.RUNNING]
    if begun and is_held(catalogue.storage, name):
        return "running"
    waits = trials.states[TrialState.WAITING] or not trials.finished
    if begun or waits:  # begun by a process that was killed
        return "interrupted"
    return "confirmed" if confirmed else "searched"
