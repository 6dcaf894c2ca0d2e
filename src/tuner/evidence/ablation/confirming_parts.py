"""Tests whether some of the changes are enough: the baseline with these changes is tested."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from tuner.evidence.final.odometer import is_open, looks_at
from tuner.evidence.final.opening import score_on_test, seeds_of
from tuner.evidence.final.trainings import FinalTrainings
from tuner.evidence.jobs import configuration_of, stream_of
from tuner.evidence.rows.predictions import kept_predictions, kept_targets
from tuner.evidence.statistics.crossed import FEWEST
from tuner.evidence.statistics.exact import fewest_models
from tuner.evidence.statistics.looks import Plan, alpha_for
from tuner.study.arms import arms_of
from tuner.study.schema import CONFIRMATION, PARTS
from tuner.study.store import open_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import optuna

    from tuner.engines.job import Engine
    from tuner.evidence.jobs import Configuration
    from tuner.study.configuration import StudyConfig


def name_of_part(configuration: Configuration) -> str:
    """Return the name under which a study stores the results of this configuration."""
    inputs = (dict(configuration.hyperparameters), configuration.epochs)
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return f"part-{digest[:16]}"


def why_not_confirmable(study: optuna.Study) -> str | None:
    """Return why a part cannot be compared with the baseline on the test; None if it can."""
    confirmation, arms = study.user_attrs.get(CONFIRMATION), arms_of(study)
    if not confirmation:
        return "the study has not been confirmed, so its test split is not used"
    if confirmation["fixed"].get("baseline") != arms["baseline"].number:
        return "the current baseline has not been tested"
    return None


def _planned(confirmation: Mapping[str, Any], looks: int, asked: int | None) -> Plan:
    """Plan one look at a part, compared with the baseline's existing models.

    Args:
        confirmation: of the study.
        looks: number of tests of the rows, including the coming one.
        asked: number of models; None for as many as the baseline has, or more if those are too few
            to prove anything on rows that were tested so often.
    """
    beside = len(confirmation["seeds"])
    if beside < FEWEST:  # against so few, nothing can be proven
        return Plan.of(looks, asked or beside)
    needed = fewest_models(alpha_for(looks), beside)
    count = asked or max(beside, needed)
    fewest = needed if count < needed else min(count, beside)
    return replace(Plan.of(looks, count), fewest=fewest)


def confirm_part(
    study: optuna.Study,
    config: StudyConfig,
    engine: Engine,
    configuration: Configuration,
    changes: Iterable[str],
    asked: int | None,
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train a part on fresh seeds and test it, unless it was tested; store the results.

    Its models are trained like those of the arms: on all development rows, with seeds of their own.
    This opens the test split once more and records it, so all intervals of this study become a
    little wider. If the study stored no single rows, its baseline is trained again too.

    Args:
        changes: names of the changes that it takes from the best.
        asked: number of seeds; None for as many as the study's confirmation, or more if those are
            too few to prove anything on rows that were tested so often.
        folder: for the weights.

    Returns:
        The results as the study stores them.

    Raises:
        StudyError: a training failed.
    """
    name, identity = name_of_part(configuration), config.dataset.test.identity()
    if known := _known(study, name, identity, asked):
        return known
    baseline = arms_of(study)["baseline"]
    evidence = open_evidence(study)
    wanted: dict[int | str, Configuration] = {name: configuration}
    targets = kept_targets(evidence.user_attrs)
    if targets is None or not kept_predictions(evidence.user_attrs, baseline.number, targets):
        wanted[baseline.number] = configuration_of(baseline)
    test = {"part": name, "asked": asked}
    looks = looks_at(study, identity) + 1 - is_open(study, test)
    plan = _planned(study.user_attrs[CONFIRMATION], looks, asked)
    (count,) = plan.models
    say(
        f"Training it with {count} fresh seeds, to compare it with the baseline on the test rows. "
        f"They are then used {looks} times, and every interval of this study allows for that."
        + (
            ""
            if count >= plan.fewest
            else f" To prove a gain there, use {plan.fewest} seeds or more."
        )
    )
    trainings = FinalTrainings(evidence, config, engine, wanted, folder, say)
    tested = score_on_test(study, trainings, count, test=test)
    again = tested.get(baseline.number)
    before = study.user_attrs[CONFIRMATION]["arms"]["baseline"]["scores"]
    found = {
        **_facts_of(study, configuration, changes),
        "seeds": seeds_of(evidence, config, name, count),
        "stream": stream_of(name),
        "plan": asdict(replace(plan, made=1)),
        "scores": tested[name].scores,
        **({"ensemble": joint} if (joint := tested[name].ensemble) else {}),
        "baseline_scores": again.scores if again else before,
        "rows": identity,
    }
    study.set_user_attr(PARTS, {**(study.user_attrs.get(PARTS) or {}), name: found})
    return found


def _known(study: optuna.Study, name: str, rows: str, asked: int | None) -> dict[str, Any] | None:
    """Return the stored results of a part; None if it has to be trained, or on more seeds.

    Args:
        rows: identity of the present test rows.
    """
    known = (study.user_attrs.get(PARTS) or {}).get(name)
    confirmed = len(study.user_attrs[CONFIRMATION]["seeds"])
    if known and known["rows"] == rows and len(known["seeds"]) >= (asked or confirmed):
        return dict(known)
    return None


def _facts_of(
    study: optuna.Study, configuration: Configuration, changes: Iterable[str]
) -> dict[str, Any]:
    """Return the definition of a part: the baseline with these changes of the best."""
    arms = arms_of(study)
    return {
        "changes": sorted(changes),
        "baseline": arms["baseline"].number,
        "best": arms["best"].number,
        "hyperparameters": dict(configuration.hyperparameters),
        "epochs": configuration.epochs,
    }
