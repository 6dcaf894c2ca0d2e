"""Opens an existing study of a case: its config, from the store and its data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tuner.case.loading import load_named_case
from tuner.case.source import source_of
from tuner.data import cache
from tuner.data.shuffling import shuffled
from tuner.data.sources.folders import Folders
from tuner.data.splits import folds
from tuner.errors import DataError
from tuner.study.configuration import StudyConfig
from tuner.study.data_identity import facts_of_split, split_in_words
from tuner.study.design import Design
from tuner.study.identity import refuse_another_case
from tuner.study.limits import Limits
from tuner.study.store import facts_of, readable
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    import optuna

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.workplace import Workplace


def config_of(
    study: optuna.Study,
    workplace: Workplace,
    case_file: str | None,
    data_dir: Path | None,
    *,
    changed: bool = False,
) -> StudyConfig:
    """Return the config that a study was made with.

    Args:
        workplace: where its data is cached, or searched for.
        case_file: for a study of a user's own case, the path of that case's file.
        data_dir: folder with the raw data, if the study's cache is gone.
        changed: use the case even if its code has changed since; otherwise that is an error.

    Raises:
        CaseError: the case is gone or broken, or it is a user's own and its file is not named.
        DataError: the data is gone, or is not the data of the study.
        StoreError: the study was not made by tuner.
        StudyError: the case has changed since.
    """
    facts = facts_of(study)
    with readable(study.study_name):
        case = load_named_case(facts["case"], facts["reference"], case_file)
        reference = case_file or facts["reference"]
        source = source_of(reference)
        dataset, folder = _data(case, facts, workplace, data_dir)
        metric = facts.get("asked_metric")
        case = case.settled(dataset).scored_by(metric)
        if not changed:
            refuse_another_case(study.study_name, facts, case, source)
        return StudyConfig(
            case=case,
            reference=reference,
            source=source,
            dataset=dataset,
            data_folder=folder,
            seed=facts["seed"],
            fixed=facts["fixed"],
            plan=Plan(**facts["plan"]),
            order=facts.get("order", "work"),
            sampler=facts.get("sampler", ""),
            pruner=facts.get("pruner", ""),
            design=Design.of(facts),
            metric=metric,
            limits=Limits.of(facts),
            shuffled=facts.get("shuffled", False),
            identity=facts.get("identity", ""),
        )


def _data(
    case: Case, facts: dict[str, Any], workplace: Workplace, data_dir: Path | None
) -> tuple[Dataset, Path]:
    """Read the study's data from the cache, or load it anew and check that it is the same."""
    stored = facts["data"]
    # Older versions named the folder by the fingerprint alone, without splits and columns.
    for name in filter(None, (stored.get("identity"), stored["fingerprint"])):
        folder = cache.folder_of(workplace.cache, name)
        if cache.is_whole(folder):
            cached = cache.load(folder)
            if not differences_of_data(stored, cached, facts["seed"]):
                return cached, folder
    found = case.dataset(Folders(given=data_dir, own=workplace.data))
    if facts.get("shuffled"):
        found = shuffled(found, facts["seed"])
    if differences := differences_of_data(stored, found, facts["seed"]):
        raise DataError(
            f"the study was made on other data: {'; '.join(differences)}. Name "
            "the folder of the study's data with --data-dir"
        )
    folder = cache.store(found, workplace.cache)
    return cache.load(folder), folder


def differences_of_data(stored: Mapping[str, Any], found: Dataset, seed: int) -> list[str]:
    """Return how data differs from that of a study; older studies store less about it."""
    differences = []
    there, here = stored["fingerprint"], found.fingerprint
    if there != here:
        was, now = f"{stored['name']} with {there[:12]}", f"{found.name} with {here[:12]}"
        differences.append(f"it was made on {was}, and this is {now}")
    elif "identity" in stored:
        split = json.loads(json.dumps(facts_of_split(found)))
        if split["validation"] != stored["validation"]:
            was, now = (split_in_words(one["validation"]) for one in (stored, split))
            differences.append(f"its validation split is {was}, not {now}")
        elif split["identity"] != stored["identity"]:
            differences.append("its columns have other names")
    else:
        parts = folds(found.development, found.validation, seed)
        was, now = (
            f"{count} folds with {rows} validation rows"
            for count, rows in (
                (stored["sizes"]["folds"], stored["sizes"]["validation"]),
                (len(parts), len(parts[0].validation)),
            )
        )
        if was != now:
            differences.append(f"it has {was}, not {now}")
    return differences
