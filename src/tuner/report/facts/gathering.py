"""Gathers the facts of a report from the store: the dictionary that becomes report.json."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuner.case.metric import metric_of
from tuner.depot.contract import ARTIFACTS, BUNDLES
from tuner.evidence.ablation.parts import judge_part, parts_of
from tuner.evidence.final.verdicts import against_rivals, verdicts
from tuner.evidence.rows.rowwise import Kept
from tuner.evidence.trials.health import check_health
from tuner.report.facts.arms import confirmation_of, facts_of_arm, race_facts, rival_facts
from tuner.report.facts.audited import audit_facts
from tuner.report.facts.counting import (
    counts,
    guesses_of,
    tries_of,
    work_of,
)
from tuner.report.facts.importances import importance_facts
from tuner.report.facts.labels import diagnoses
from tuner.report.facts.limits import limits_facts
from tuner.report.facts.mistaken import mistakes_facts
from tuner.report.facts.origin import manifest, where
from tuner.report.facts.outlook import outlook
from tuner.report.facts.sessions import (
    wall_seconds,
    was_continued_after_its_end,
    workers_of_search,
)
from tuner.report.facts.shuffled import placebo_facts
from tuner.report.facts.steps import ablation_facts
from tuner.report.facts.told_by_loop import broken_by, files_of_several
from tuner.study.arms import arms_of, candidates_of
from tuner.study.database.url import shown, without_secrets
from tuner.study.design import folds_trained
from tuner.study.schema import (
    ABLATION,
    AUDIT,
    BUDGET,
    CHANGES,
    CONFIRMATION,
    IMPORTANCE,
    MISTAKES,
    OPENINGS,
    PARENT,
    PLACEBO,
    REMARKS,
    SESSIONS,
    STOPPED,
)
from tuner.study.store import facts_of
from tuner.study.trials import sign_of_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.workplace import Workplace


def gather(study: optuna.Study, workplace: Workplace, *, further: bool = True) -> dict[str, Any]:
    """Return all facts of a report from the study: plain JSON values without infinities.

    Args:
        further: whether to compare arms by the task's further metric, which takes seconds.

    Raises:
        StoreError: the study was not made by tuner.
        DepotError: the storage folder's record of the place of bundles cannot be used.
    """
    made = facts_of(study)
    attributes = study.user_attrs
    trials = study.get_trials(deepcopy=False)
    sessions: list[dict[str, Any]] = attributes.get(SESSIONS, [])
    arms = arms_of(study)
    workers = workers_of_search(sessions, trials)
    facts = {
        **_place(study, workplace),
        **_made_of(made, attributes, arms),
        **_search(attributes, trials),
        "broken_constraints": broken_by(arms),
        "shared_files": files_of_several(trials),
        **_evidence(study, made, attributes, trials, arms, further=further),
        "health": [asdict(check) for check in check_health(trials, made, arms.get("best"))],
        "outlook": outlook(trials, made, attributes.get(STOPPED)),
        "test_openings": attributes.get(OPENINGS, []),
        "wall_seconds": wall_seconds(sessions, trials),
        "manifest": manifest(made, sessions),
        "search_workers": workers,
        "continued_after_its_end": len(workers) == 1
        and was_continued_after_its_end(trials, workers[0]),
        "sessions": sessions,
    }
    plain: dict[str, Any] = _plain(facts)
    return plain


def _place(study: optuna.Study, workplace: Workplace) -> dict[str, Any]:
    """Return the study's name, and where it is stored."""
    return {
        "study": study.study_name,
        "storage": shown(workplace.url),
        "home": str(workplace.root),
        "bundles": f"{workplace.depot.url}/{BUNDLES}",
        "artifacts": f"{workplace.depot.url}/{ARTIFACTS}",
        "where": where(workplace),
    }


def _made_of(
    made: Mapping[str, Any], attributes: Mapping[str, Any], arms: Mapping[str, FrozenTrial]
) -> dict[str, Any]:
    """Return the study's settings: its case, data, metric, limits and search."""
    return {
        "case": made["case"],
        "reference": made.get("reference", made["case"]),
        "task": made["task"],
        "has_recipe": bool(made.get("recipe", True)),
        "made_up": made.get("made_up", False),
        "data": made["data"],
        "shuffled": made.get("shuffled", False),
        "remarks": attributes.get(REMARKS, []),
        "changes_accepted": attributes.get(CHANGES, []),
        "metric": {"name": made["metric"], "direction": made["direction"]},
        "limits": limits_facts(attributes, arms),
        "seed": made["seed"],
        "fixed": made.get("fixed", {}),
        "order": made.get("order", "work"),
        "sampler": made.get("sampler"),
        "pruner": made.get("pruner"),
        "folds_in_search": folds_trained(made, arm=False),
    }


def _search(attributes: Mapping[str, Any], trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    """Return the facts about the search."""
    return {
        "trials": counts(trials),
        "parent": attributes.get(PARENT),
        "tries": tries_of(trials),
        "guesses": guesses_of(trials),
        "stopped": attributes.get(STOPPED),
        "budget": attributes.get(BUDGET),
        "work": work_of(trials),
    }


def _evidence(
    study: optuna.Study,
    made: Mapping[str, Any],
    attributes: Mapping[str, Any],
    trials: Sequence[FrozenTrial],
    arms: Mapping[str, FrozenTrial],
    *,
    further: bool,
) -> dict[str, Any]:
    """Return the results of the arms, and everything measured about them since."""
    confirmation = confirmation_of(attributes.get(CONFIRMATION), arms)
    metric, kept = metric_of(made), Kept.of(study) if confirmation else None
    return {
        "constant": kept and kept.constant_error(),
        "arms": {
            name: facts_of_arm(trial, name, confirmation, made) for name, trial in arms.items()
        },
        "diagnosis": diagnoses(arms, made),
        "confirmation": confirmation and race_facts(confirmation, trials, made),
        "comparison": verdicts(study, arms, confirmation, metric, further=further),
        "rivals": rival_facts(confirmation, against_rivals(study, arms, confirmation, metric)),
        "untrained_rivals": (confirmation or {}).get("untrained_rivals", {}),
        "ablation": ablation_facts(attributes.get(ABLATION), arms, metric, made["data"]["sizes"]),
        "audit": audit_facts(
            attributes.get(AUDIT), trials, candidates_of(study), sign_of_study(study)
        ),
        "placebo": placebo_facts(attributes.get(PLACEBO), arms, sign_of_study(study)),
        "parts": [
            {
                "changes": part["changes"],
                "hyperparameters": part["hyperparameters"],
                "scores": part["scores"],
                **judge_part(study, name, part),
            }
            for name, part in parts_of(study).items()
        ],
        "mistakes": mistakes_facts(attributes.get(MISTAKES), arms),
        "importance": importance_facts(attributes.get(IMPORTANCE)),
    }


def _plain(value: Any) -> Any:
    """Return a value that is safe for JSON and for other readers.

    NaN and infinity become None, and URLs lose their secrets.
    """
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return without_secrets(value) if isinstance(value, str) else value
