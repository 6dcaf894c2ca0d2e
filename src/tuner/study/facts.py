"""What a study of a case keeps of what it is made of."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optuna.distributions import distribution_to_json

from tuner.case.space import check_arms, space
from tuner.case.trivial import trivial
from tuner.data.splits import folds
from tuner.revision import full_version
from tuner.study.data_identity import facts_of_split
from tuner.study.identity import facts_of_case
from tuner.study.rules import rules_of_fit

if TYPE_CHECKING:
    from tuner.data.dataset import Dataset
    from tuner.study.configuration import StudyConfig


def facts_of_config(config: StudyConfig) -> dict[str, Any]:
    """Return what a study of a case keeps of what it is made of, as plain values.

    Raises:
        CaseError: baseline or recipe is outside the case's search space.
    """
    check_arms(config.case)
    case = config.case
    metric, loss = trivial(case.task, config.dataset.development.targets, case.metric)
    facts = {
        "version": full_version(),
        "case": case.name,
        "reference": config.reference,
        "task": case.task,
        "metric": case.metric.name,
        "asked_metric": config.metric,
        "direction": case.direction,
        "seed": config.seed,
        "fixed": dict(config.fixed),
        "data": _facts_of_data(config.dataset, config.seed),
        "trivial": {"metric": metric, "loss": loss},
        "space": {
            parameter: json.loads(distribution_to_json(distribution))
            for parameter, distribution in space(case).items()
        },
        **facts_of_case(case, config.source),
        "rules": rules_of_fit(),
        "plan": asdict(config.plan),
        "order": config.order,
        "limits": config.limits.facts(),
        "sampler": config.sampler,
        "pruner": config.pruner,
        **config.design.facts(),
        **({"shuffled": True} if config.shuffled else {}),
    }
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def _facts_of_data(data: Dataset, seed: int) -> dict[str, Any]:
    """Return what a study keeps of its data: what it is, what was found in it, how it is split.

    Args:
        seed: of the study, which draws its folds.
    """
    splits = folds(data.development, data.validation, seed)
    return {
        "name": data.name,
        "source": data.source,
        "fingerprint": data.fingerprint,
        "stands_in_for": data.stands_in_for,
        "classes": data.classes,
        "columns": data.columns,
        **({"table": data.table.facts()} if data.table else {}),
        "pixels": data.pixels and asdict(data.pixels),
        "reading": data.reading,
        **({"inspection": data.inspection} if data.inspection else {}),
        "findings": data.findings and data.findings.facts(),
        "target": data.findings and data.findings.target and asdict(data.findings.target),
        **facts_of_split(data),
        "sizes": {
            "development": len(data.development),
            "training": len(splits[0].training),
            "validation": len(splits[0].validation),
            "folds": len(splits),
            "test": data.test.rows,
        },
    }
