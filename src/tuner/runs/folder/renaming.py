"""Renames a study, with everything that belongs to it."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.bundle.manifest import rename_study_in
from tuner.depot.contract import MANIFEST
from tuner.errors import StudyError
from tuner.naming import folder_name
from tuner.report.retelling import FACTS
from tuner.runs.folder.belongings import folders_of, placebo_of
from tuner.runs.holding import at_work
from tuner.runs.publishing import write_and_publish
from tuner.study.catalogue import Catalogue
from tuner.study.database.storage import open_storage
from tuner.study.store import placebo_name
from tuner.study.typed_command import TypedCommand

if TYPE_CHECKING:
    from tuner.depot.contract import Depot
    from tuner.workplace import Workplace

MOST_MANIFEST = 2**22  # bytes; larger files are not searched


def rename_study(workplace: Workplace, name: str, new: str) -> None:
    """Rename a study in the database, its folders, its report and its bundles.

    Its placebo is renamed first, then its files, the database and the report: if it is interrupted,
    the same command does the rest.

    Raises:
        UsageError: there is no study of that name, or the new name is invalid or taken.
        StudyError: another process works on it, or other files are in the way.
        DepotError: the place of its bundles cannot be reached.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    if _lacks_its_report(workplace, catalogue, name, new):
        with at_work(workplace, new):
            write_and_publish(catalogue.load(new), workplace, workplace.report(new))
        return
    catalogue.check(name)
    catalogue.refuse_taken(new)
    if (placebo := placebo_of(catalogue, name)) is not None:
        rename_study(workplace, placebo, placebo_name(new))
        catalogue = Catalogue(catalogue.storage)
    moves = list(zip(folders_of(workplace, name), folders_of(workplace, new), strict=True))
    with ExitStack() as held:
        for one in sorted((name, new)):
            held.enter_context(at_work(workplace, one))
        depots = workplace.depots
        taken = [str(place) for old_place, place in moves if old_place.exists() and place.exists()]
        taken += [place for depot in depots for place in _taken(depot, name, new)]
        if taken:
            raise StudyError(
                f"{taken[0]} exists, and no study has that name; move it away, or let tuner clean "
                "remove it, then run the same command again"
            )
        for old_place, place in moves:
            if old_place.exists():
                old_place.replace(place)
        for depot in depots:
            depot.rename(name, new, lambda manifest: rename_study_in(manifest, new))
        _retell_artifacts(workplace.depot, catalogue, name, new)
        catalogue.rename(name, new, lambda command: _renamed(command, new))
        report = workplace.report(new)
        if report.is_dir():
            study = Catalogue(catalogue.storage).load(new)
            write_and_publish(study, workplace, report)


def _lacks_its_report(workplace: Workplace, catalogue: Catalogue, name: str, new: str) -> bool:
    """Whether everything but the report has the new name: the renaming was interrupted there."""
    if name in catalogue.studies or new not in catalogue.studies:
        return False
    try:
        text = (workplace.report(folder_name(new)) / FACTS).read_text(encoding="utf-8")
        return bool(json.loads(text)["study"] == name)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _taken(depot: Depot, name: str, new: str) -> list[str]:
    """Return what is in the way of a study's bundles under its new name."""
    studies = {one.study: one.where for one in depot.studies()}
    if not {name, new} <= set(studies):
        return []
    if depot.folder is None:  # in S3, an interrupted renaming may have sent some already
        ours = {one.name for one in depot.bundles(name)}
        return [one.where for one in depot.bundles(new) if one.name not in ours]
    return [studies[new]]


def _retell_artifacts(depot: Depot, catalogue: Catalogue, name: str, new: str) -> None:
    """Write the new name of the study into the dashboard's copies of manifests."""
    ids = catalogue.artifacts(name)
    for one in depot.artifacts():
        if one.name not in ids or one.bytes > MOST_MANIFEST:
            continue
        with depot.open_artifact(one.name) as file:
            content = file.read()
        if not _is_manifest(content):
            continue
        with tempfile.TemporaryDirectory(prefix="tuner-rename-") as work:
            copy = Path(work) / MANIFEST
            copy.write_bytes(content)
            rename_study_in(copy, new)
            with copy.open("rb") as file:
                depot.put_artifact(one.name, file)


def _is_manifest(content: bytes) -> bool:
    try:
        return "manifest_sha256" in json.loads(content)
    except (ValueError, TypeError):  # pictures, weights and pages are not JSON
        return False


def _renamed(command: str, new: str) -> str:
    """Return a study command with another --name."""
    return str(TypedCommand.read(command).without("--name").with_("--name", new))
