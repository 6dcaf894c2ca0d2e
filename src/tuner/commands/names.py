"""Refuses mistyped names in a fraction of a second, before torch and Optuna are imported."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case.assignments import parse_assignments, split_pairs
from tuner.case.loading import check_reference, refuse_without_case
from tuner.case.metric_names import check_metric
from tuner.case.outline import outline_of
from tuner.case.reference import door_of, is_file, is_loop, options_of
from tuner.case.source import file_of
from tuner.commands.options import compute_of, workplace_of
from tuner.data.sources.folders import Folders
from tuner.depot.contract import MANIFEST
from tuner.depot.s3 import is_s3
from tuner.errors import BundleError, DataError, all_refused, unknown_name
from tuner.naming import folder_name
from tuner.own.loops.file import read_loop
from tuner.study.glance import check_study, check_url, hyperparameters_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from tuner.runs.settings import StudySettings


def check_new_study(arguments: argparse.Namespace, settings: StudySettings) -> None:
    """Check the study command's options, as far as possible without slow imports.

    Args:
        settings: the options as the run gets them.

    Raises:
        UsageError: a name, a value or an option is invalid.
        CaseError: there is no such case file.
        DataError: there is no such data folder.
        StoreError: the storage's URL is invalid.
    """
    check_file(arguments.case)
    refuse_without_case(arguments.case)
    if arguments.name is not None:
        folder_name(arguments.name)
    check_url(workplace_of(arguments).url)
    folders = Folders(given=arguments.data_dir)
    if door := door_of(arguments.case):
        module = importlib.import_module(f"tuner.own.{door}.door")
        module.check(options_of(arguments.case), folders)
    if arguments.metric is not None and not (is_loop(arguments.case) or is_file(arguments.case)):
        check_metric(arguments.metric)
    if arguments.parent is not None:
        check_study(workplace_of(arguments).url, arguments.parent)
    settings.check()
    unknown = door_of(arguments.case) or is_loop(arguments.case)
    outline = None if unknown else outline_of(file_of(arguments.case))
    if outline is not None:
        parse_assignments(outline, arguments.fix)
        for tried in arguments.tries:
            parse_assignments(outline, split_pairs(tried), "--try")


def check_inputs(paths: Sequence[Path]) -> None:
    """Refuse missing files, all of them at once, without slow imports.

    Raises:
        DataError: a file does not exist.
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise all_refused(
            [DataError(f"{path} cannot be read: there is no such file") for path in missing]
        )


def check_bundle(named: str) -> None:
    """Refuse a folder that cannot be a bundle, without slow imports; others are checked later.

    Raises:
        BundleError: it has no manifest.
    """
    folder = Path(named)
    if is_s3(named) or folder.is_file():
        return
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise BundleError(
            f"{folder} is not a bundle: there is no {manifest}; name a folder that tuner retrain "
            "has written"
        )


def check_changes(arguments: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse a name for --only that is not a hyperparameter of the study, without slow imports.

    Raises:
        UsageError: there is no such hyperparameter.
    """
    known = hyperparameters_of(workplace_of(arguments).url, arguments.study)
    for name in names:
        if known is not None and name not in known:
            raise unknown_name("hyperparameter", "hyperparameters", name, known)


def check_file(named: str) -> None:
    """Check that a case, or a loop, which --case may also name, exists.

    Raises:
        UsageError: no case or function of that name.
        CaseError: there is no such file.
    """
    if is_loop(named):
        read_loop(named)
    else:
        check_reference(named)


def check_stored_study(arguments: argparse.Namespace) -> None:
    """Check the options of a command on an existing study, without slow imports.

    Raises:
        UsageError: there is no such study, or an option is invalid.
        CaseError: there is no such case file.
        StoreError: there is no such database.
    """
    check_study(workplace_of(arguments).url, arguments.study)
    if getattr(arguments, "case", None) is not None:
        check_file(arguments.case)
    Folders(given=getattr(arguments, "data_dir", None))
    if hasattr(arguments, "workers"):
        compute_of(arguments).check()
