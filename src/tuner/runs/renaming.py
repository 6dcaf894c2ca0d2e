"""A study renamed, with all that belongs to it."""

from __future__ import annotations

import json
import shlex
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tuner.bundle.bundle import MANIFEST, rename_study_in
from tuner.errors import StudyError
from tuner.runs.belongings import folders_of
from tuner.runs.publishing import write_and_publish
from tuner.study.catalogue import Catalogue
from tuner.study.lock import only_writer
from tuner.study.store import open_storage

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.workplace import Workplace


def rename_study(workplace: Workplace, name: str, new: str) -> None:
    """Give a study another name: in the database, of its folders, in its report and its bundles.

    The database comes last: where it is interrupted before, the same command does the rest.

    Raises:
        UsageError: there is no study of that name, or the new one cannot be taken.
        StudyError: another process works on it, or files lie where its own would go.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    catalogue.check(name)
    catalogue.refuse_taken(new)
    moves = list(zip(folders_of(workplace, name), folders_of(workplace, new), strict=True))
    with ExitStack() as held:
        for one in sorted((name, new)):
            held.enter_context(only_writer(workplace.url, one))
        for old_place, place in moves:
            if old_place.exists() and place.exists():
                raise StudyError(
                    f"{place} exists, and no study has that name; move it away, or let tuner clean "
                    "remove it, then run the same command again"
                )
        for old_place, place in moves:
            if old_place.exists():
                old_place.replace(place)
        _retell_bundles(workplace, catalogue, name, new)
        catalogue.rename(name, new, lambda command: _renamed(command, new))
        report = workplace.report(new)
        if report.is_dir():
            study = Catalogue(catalogue.storage).load(new)
            write_and_publish(study, workplace, report)


def _retell_bundles(workplace: Workplace, catalogue: Catalogue, name: str, new: str) -> None:
    """Have the manifests of bundles, and the dashboard's copies of them, name the study anew."""
    for manifest in workplace.bundles(new).glob(f"*/{MANIFEST}"):
        rename_study_in(manifest, new)
    for artifact in catalogue.artifacts(name):
        path = workplace.artifacts / artifact
        if path.is_file() and _is_manifest(path):
            rename_study_in(path, new)


def _is_manifest(path: Path) -> bool:
    try:
        return "manifest_sha256" in json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, TypeError):  # a picture, weights, a page
        return False


def _renamed(command: str, new: str) -> str:
    """Return a study command with another --name."""
    words, kept = iter(shlex.split(command)), list[str]()
    for word in words:
        if word == "--name":
            next(words, None)
        elif not word.startswith("--name="):
            kept.append(word)
    return shlex.join([*kept, "--name", new])
