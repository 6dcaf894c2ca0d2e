"""A finished study taken up again: its config, from the store and the data it was made on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.case.loading import load_named_case
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.errors import DataError, StoreError
from tuner.study.configuration import StudyConfig
from tuner.study.store import facts_of
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import optuna

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.workplace import Workplace


def config_of(
    study: optuna.Study, workplace: Workplace, case_file: str | None, data_dir: Path | None
) -> StudyConfig:
    """Return what a study was made of.

    Args:
        workplace: where its data is cached, or is looked for.
        case_file: for a study of a user's own case, the path of that case's file.
        data_dir: folder with the raw data, where the study's cache is gone.

    Raises:
        CaseError: the case is gone, broken, or a user's own and its file is not named.
        DataError: the data is gone, or is not the data of the study.
        StoreError: the study was made by something else.
    """
    facts = facts_of(study)
    try:
        case = load_named_case(facts["case"], facts["reference"], case_file)
        dataset, folder = _data(case, facts, workplace, data_dir)
        return StudyConfig(
            case=case,
            reference=case_file or facts["reference"],
            dataset=dataset,
            data_folder=folder,
            seed=facts["seed"],
            fixed=facts["fixed"],
            plan=Plan(**facts["plan"]),
            order=facts.get("order", "work"),
            sampler=facts.get("sampler", ""),
            pruner=facts.get("pruner", ""),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StoreError(
            f"what study {study.study_name!r} says of itself was not written by tuner, or altered "
            f"since: {error!r}"
        ) from error


def _data(
    case: Case, facts: dict[str, Any], workplace: Workplace, data_dir: Path | None
) -> tuple[Dataset, Path]:
    """Take the study's data from the cache, or find it again and check that it is the same."""
    expected = facts["data"]["fingerprint"]
    folder = cache.folder_of(workplace.cache, expected)
    if not cache.is_whole(folder):
        found = case.dataset(Folders(given=data_dir, own=workplace.data))
        if found.fingerprint != expected:
            raise DataError(
                f"the study was made on {facts['data']['name']} with fingerprint "
                f"{expected[:12]}, and what was found is {found.name} with "
                f"{found.fingerprint[:12]}; name the folder of the study's data with --data-dir"
            )
        cache.store(found, workplace.cache)
    return cache.load(folder), folder
