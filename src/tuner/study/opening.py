"""Make a study, or take one up again where it is the same study."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.trial import TrialState

from tuner import __version__
from tuner.case.metric import trivial
from tuner.case.space import check_arms, space
from tuner.data.splits import folds
from tuner.errors import StudyError
from tuner.study.schema import FACTS
from tuner.study.store import facts_of, open_storage, settle
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.pruners import BasePruner

    from tuner.case.contract import Case
    from tuner.study.configuration import StudyConfig
    from tuner.training.plan import Precision

ARMS = ("baseline", "recipe")


def open_study(
    url: str,
    name: str,
    config: StudyConfig,
    pruner: BasePruner,
    choose: Callable[[], Plan] | None = None,
    precision: Precision | None = None,
) -> tuple[optuna.Study, StudyConfig]:
    """Create the study, or check that it is the same one and take it up.

    Args:
        pruner: of the study.
        choose: finds the plan of a new study; None: it is the config's.
        precision: the one asked for; a study that goes on must have been begun in it.

    Returns:
        The study, with interrupted trials queued again, and the config with the plan that the study
        was begun with. A study of which nothing is left but a failed baseline is begun anew.

    Raises:
        CaseError: baseline or recipe is outside the case's search space.
        StoreError: the database cannot be used, or the study was made by something else.
        StudyError: a study of that name differs in case, data, seed, --fix, --order, space or
            precision.
        TunerError: whatever `choose` raises; there is no new study then.
    """
    check_arms(config.case)
    storage = open_storage(url, create=True)
    facts = _facts(config)
    study = None
    if name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage, pruner=pruner)
        if FACTS in study.user_attrs and only_failures(study):
            optuna.delete_study(study_name=name, storage=storage)  # begun anew, with a fixed case
            study = None
    if study is not None and not _untold(study):
        stored = facts_of(study)
        _check_same(name, stored, facts, precision)
        settle(study)
    else:
        plan = choose() if choose else config.plan
        study = study or optuna.create_study(
            study_name=name,
            storage=storage,
            direction=config.case.direction,
            pruner=pruner,
        )
        stored = {**facts, "plan": asdict(plan)}
        study.set_user_attr(FACTS, stored)
    for arm in ARMS:
        enqueue_arm(study, config.case, arm, unless_present=True)
    plan = Plan(**stored["plan"])
    return study, replace(config, plan=plan)


def enqueue_arm(study: optuna.Study, case: Case, arm: str, *, unless_present: bool = False) -> None:
    """Queue baseline or recipe as a trial."""
    present = {trial.user_attrs.get("arm") for trial in study.get_trials(deepcopy=False)}
    if not (unless_present and arm in present):
        study.enqueue_trial(asdict(getattr(case, arm)), user_attrs={"arm": arm})


def _untold(study: optuna.Study) -> bool:
    """Whether whoever made the study was killed before it was told what it is made with."""
    return FACTS not in study.user_attrs and not study.get_trials(deepcopy=False)


def _facts(config: StudyConfig) -> dict[str, Any]:
    case, data = config.case, config.dataset
    splits = folds(data.development, data.validation, config.seed)
    metric, loss = trivial(case.task, data.development.targets)
    facts = {
        "version": __version__,
        "case": case.name,
        "reference": config.reference,
        "task": case.task,
        "metric": case.metric.name,
        "direction": case.direction,
        "seed": config.seed,
        "fixed": dict(config.fixed),
        "data": {
            "name": data.name,
            "source": data.source,
            "fingerprint": data.fingerprint,
            "stands_in_for": data.stands_in_for,
            "classes": data.classes,
            "columns": data.columns,
            "pixels": data.pixels and asdict(data.pixels),
            "reading": data.reading,
            "findings": data.findings and data.findings.facts(),
            "target": data.findings and data.findings.target and asdict(data.findings.target),
            "sizes": {
                "development": len(data.development),
                "training": len(splits[0].training),
                "validation": len(splits[0].validation),
                "folds": len(splits),
                "test": data.test.rows,
            },
        },
        "trivial": {"metric": metric, "loss": loss},
        "space": {
            parameter: json.loads(distribution_to_json(distribution))
            for parameter, distribution in space(case).items()
        },
        "plan": asdict(config.plan),
        "order": config.order,
        "sampler": config.sampler,
        "pruner": config.pruner,
    }
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def _check_same(
    name: str, stored: dict[str, Any], wanted: dict[str, Any], precision: Precision | None
) -> None:
    begun_in = stored["plan"]["precision"]
    pairs = {
        "case": (stored["case"], wanted["case"]),
        "data": (_data_in_words(stored), _data_in_words(wanted)),
        "seed": (stored["seed"], wanted["seed"]),
        "--fix": (_fixed_in_words(stored), _fixed_in_words(wanted)),
        "--order": (stored.get("order", "work"), wanted["order"]),
        "precision": (begun_in, precision or begun_in),
        "search space": (stored["space"], wanted["space"]),
    }
    differences = []
    for what, (was, now) in pairs.items():
        if was != now:
            if what == "search space":
                changed = sorted(k for k in was.keys() | now if was.get(k) != now.get(k))
                differences.append(f"the search space has changed in {', '.join(changed)}")
            else:
                differences.append(f"its {what} is {was}, not {now}")
    if differences:
        raise StudyError(
            f"study {name!r} exists and is another: {'; '.join(differences)}. "
            "Start a new study with --name, or give the command it was made with"
        )


def _fixed_in_words(facts: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in facts["fixed"].items()) or "nothing"


def _data_in_words(facts: dict[str, Any]) -> str:
    data = facts["data"]
    return f"{data['name']} with fingerprint {data['fingerprint'][:12]}"


def only_failures(study: optuna.Study) -> bool:
    """Whether a study has a failed baseline, none that may still train, and no other result."""
    trials = study.get_trials(deepcopy=False)
    baselines = [trial for trial in trials if trial.user_attrs.get("arm") == "baseline"]
    failed = bool(baselines) and all(trial.state == TrialState.FAIL for trial in baselines)
    results = (TrialState.COMPLETE, TrialState.PRUNED)
    return failed and not any(trial.state in results for trial in trials)
