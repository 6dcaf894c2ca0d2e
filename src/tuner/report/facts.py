"""From the store to the facts of a report: the dictionary that becomes report.json."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.evidence.health import check_health
from tuner.evidence.verdicts import verdicts
from tuner.report.ablation import ablation_facts
from tuner.report.arms import confirmation_of, facts_of_arm, race_facts
from tuner.report.diagnosis import diagnoses
from tuner.report.mistakes import mistakes_facts
from tuner.study.arms import arms_of
from tuner.study.schema import (
    ABLATION,
    CHANGES,
    CONFIRMATION,
    IMPORTANCE,
    MISTAKES,
    SESSIONS,
    STOPPED,
)
from tuner.study.store import facts_of, shown
from tuner.study.url import without_secrets
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

# What a session's machine entry holds besides versions.
MACHINE = ("platform", "processor", "cores", "memory_gib")


def gather(study: optuna.Study, workplace: Workplace) -> dict[str, Any]:
    """Read everything a report says from the study: plain JSON values, all of them finite.

    Raises:
        StoreError: the study was not made by tuner.
    """
    made = facts_of(study)
    attributes = study.user_attrs
    trials = study.get_trials(deepcopy=False)
    sessions: list[dict[str, Any]] = attributes.get(SESSIONS, [])
    arms = arms_of(study)
    confirmation = confirmation_of(attributes.get(CONFIRMATION), arms)
    facts = {
        "study": study.study_name,
        "storage": shown(workplace.url),
        "home": str(workplace.root),
        "artifacts": str(workplace.artifacts),
        "where": _where(workplace),
        "case": made["case"],
        "reference": made.get("reference", made["case"]),
        "task": made["task"],
        "data": made["data"],
        "metric": {"name": made["metric"], "direction": made["direction"]},
        "seed": made["seed"],
        "fixed": made.get("fixed", {}),
        "order": made.get("order", "work"),
        "sampler": made.get("sampler"),
        "pruner": made.get("pruner"),
        "trials": _counts(trials),
        "stopped": attributes.get(STOPPED),
        "work": _work(trials),
        "arms": {
            name: facts_of_arm(trial, name, confirmation, made["direction"])
            for name, trial in arms.items()
        },
        "diagnosis": diagnoses(arms, made),
        "confirmation": confirmation and race_facts(confirmation, trials, made["direction"]),
        "comparison": verdicts(study, arms, confirmation, made["metric"], made["direction"]),
        "ablation": ablation_facts(attributes.get(ABLATION), arms, made["direction"]),
        "mistakes": mistakes_facts(attributes.get(MISTAKES), arms),
        "importance": attributes.get(IMPORTANCE),
        "health": [asdict(check) for check in check_health(trials, made, arms.get("best"))],
        "test_openings": attributes.get("test_openings", []),
        "changes_accepted": attributes.get(CHANGES, []),
        "wall_seconds": _wall_seconds(sessions, trials),
        "manifest": _manifest(made, sessions),
        "sessions": sessions,
    }
    plain: dict[str, Any] = _plain(facts)
    return plain


def _where(workplace: Workplace) -> str:
    """Return the options that name the workplace on a command line."""
    if workplace.is_default:
        return ""
    words = ["--storage", shown(workplace.url)]
    if workplace != Workplace.at(url=workplace.url):
        words += ["--home", str(workplace.root)]
    return shlex.join(words)


def _counts(trials: Iterable[FrozenTrial]) -> dict[str, Any]:
    """How the trials ended, and why those failed that did."""
    states = [trial.state for trial in trials]
    counts: dict[str, Any] = {
        "complete": states.count(TrialState.COMPLETE),
        "pruned": states.count(TrialState.PRUNED),
        "failed": states.count(TrialState.FAIL),
    }
    reasons: dict[str, list[int]] = {}
    for trial in trials:
        if trial.state == TrialState.FAIL:
            reason = trial.user_attrs.get("failure", "no reason on record")
            reasons.setdefault(reason, []).append(trial.number)
    return {
        "total": sum(counts.values()),
        **counts,
        "unfinished": sum(not state.is_finished() for state in states),
        "failures": [
            {"reason": reason, "count": len(numbers), "trials": numbers}
            for reason, numbers in reasons.items()
        ],
    }


def _work(trials: Iterable[FrozenTrial]) -> dict[str, float | None]:
    """Floating-point operations of the search, and what they would have been without pruning.

    Without pruning a pruned trial would have gone on to its last epoch. Some would have stopped
    early by themselves, so the second figure is an upper bound.
    """
    done, whole = 0.0, 0.0
    for trial in trials:
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            continue
        facts = trial.user_attrs
        work = facts.get("work")
        if work is None:
            return {"done": None, "without_pruning_at_most": None}
        done += work
        reached = facts["curve"][-1][1] if facts.get("curve") else 0
        planned = facts.get("hyperparameters", {}).get("epochs", reached)
        cut_short = trial.state == TrialState.PRUNED and reached
        whole += work * max(planned / reached, 1) if cut_short else work
    return {"done": done, "without_pruning_at_most": whole}


def _wall_seconds(
    sessions: Sequence[Mapping[str, Any]], trials: Iterable[FrozenTrial]
) -> dict[str, Any]:
    """Seconds on the clock; a session that was interrupted has left none."""
    search = [session["search_seconds"] for session in sessions if "search_seconds" in session]
    confirmation = [s["confirmation_seconds"] for s in sessions if "confirmation_seconds" in s]
    return {
        "search": math.fsum(search) if search else None,
        "confirmation": math.fsum(confirmation) if confirmation else None,
        "all_trials": math.fsum(trial.user_attrs.get("seconds", 0.0) for trial in trials),
        "sessions": len(sessions),
        "sessions_without_time": sum("search_seconds" not in session for session in sessions),
    }


def _manifest(made: Mapping[str, Any], sessions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say what the results depend on besides the case, the data and the seed."""
    last: Mapping[str, Any] = sessions[-1] if sessions else {}
    machine = last.get("machine", {})
    return {
        "command": last.get("command"),
        "versions": {k: v for k, v in machine.items() if k not in MACHINE},
        **{name: machine.get(name) for name in MACHINE},
        **made.get("plan", {}),
        "workers": last.get("workers", made.get("workers")),
        "cluster": last.get("cluster"),
        "begun_with_version": made.get("version"),
        "same_machine_throughout": all(
            s.get("machine") == machine and s.get("cluster") == last.get("cluster")
            for s in sessions
        ),
    }


def _plain(value: Any) -> Any:
    """Make the value fit for JSON and for other eyes: no NaN or infinity, no secret in a URL."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return without_secrets(value) if isinstance(value, str) else value
