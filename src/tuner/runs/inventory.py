"""The studies of a store and what each has come to, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.errors import StudyError
from tuner.report.facts.gathering import gather
from tuner.report.sections.verdict import verdict
from tuner.study.catalogue import Catalogue
from tuner.study.store import load_study, open_storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A study in a list.

    Attributes:
        trials: finished ones.
        state: how far it has come.
        best: score of its best on the `split`; None: there is none yet.
        split: "test" once that was confirmed, else "validation", which is optimistic.
        verdict: of the best against the baseline, in two words.
        when: its last run began, as ISO 8601; None: not known.
    """

    name: str
    case: str
    trials: int
    state: str
    metric: str
    best: float | None
    split: str
    verdict: str
    when: str | None


def studies_of(workplace: Workplace) -> list[Entry]:
    """Return all studies of tuner's in a store, by name.

    Raises:
        StoreError: the database cannot be opened.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    return [_entry(catalogue.load(name), workplace) for name in catalogue.studies]


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
    return {
        "study": facts["study"],
        "case": facts["case"],
        "trial": best["trial"],
        "epochs_trained": best["best_epoch"],
        "hyperparameters": now,
        "baseline": was,
        "changed": [key for key in now if was is not None and now[key] != was.get(key)],
        "metric": facts["metric"]["name"],
        "validation": best["validation"],
        "test": best["test"],
        "verdict": short_verdict(facts),
        "sentence": verdict(dict(facts)),
    }


def short_verdict(facts: Mapping[str, Any]) -> str:
    """Say in two words how the best compares with the baseline."""
    pair = facts["comparison"]["best_vs_baseline"]
    if pair is None:
        return "not confirmed"
    return "baseline is best" if pair["same_trial"] else str(pair["verdict"])


def _entry(study: optuna.Study, workplace: Workplace) -> Entry:
    facts = gather(study, workplace, further=False)
    metric, best = facts["metric"]["name"], facts["arms"].get("best")
    tested = best is not None and metric in best["test"]
    score = None
    if best is not None:
        score = (best["test"][metric] if tested else best["validation"])["mean"]
    sessions = facts["sessions"]
    return Entry(
        name=facts["study"],
        case=facts["case"],
        trials=facts["trials"]["total"],
        state=_state(study, facts),
        metric=metric,
        best=score,
        split="test" if tested else "validation",
        verdict=short_verdict(facts),
        when=sessions[-1].get("started") if sessions else None,
    )


def _state(study: optuna.Study, facts: Mapping[str, Any]) -> str:
    states = {trial.state for trial in study.get_trials(deepcopy=False)}
    if TrialState.RUNNING in states:
        return "running"
    if TrialState.WAITING in states:
        return "interrupted"
    return "confirmed" if facts["comparison"]["best_vs_baseline"] else "searched"
