"""Content of a study for optuna-dashboard, besides its trials: a note, and files as artifacts."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.artifacts import upload_artifact
from optuna.artifacts.exceptions import ArtifactNotFound

from tuner.depot.contract import ARTIFACTS, Kept
from tuner.depot.s3 import is_s3
from tuner.study.schema import NOTE
from tuner.unpromised.by_optuna import NOTE_VERSION, OFFERED_ARTIFACT, row_of_study, storage_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import BinaryIO

    import optuna
    from optuna.storages import BaseStorage

    from tuner.depot.contract import Depot


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The dashboard's files, with the interface of `optuna.artifacts.ArtifactStore`."""

    depot: Depot

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open a file.

        Raises:
            ArtifactNotFound: there is no file of that name.
        """
        try:
            return self.depot.open_artifact(_plain(artifact_id))
        except FileNotFoundError as error:
            raise ArtifactNotFound(f"there is no file {artifact_id!r}") from error

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Store a file, whole or not at all."""
        self.depot.put_artifact(_plain(artifact_id), content_body)

    def remove(self, artifact_id: str) -> None:
        """Remove a file."""
        self.depot.remove(Kept(f"{ARTIFACTS}/{_plain(artifact_id)}", artifact_id, 0, 0.0))


def _plain(artifact_id: str) -> str:
    """Return an artifact's id after a check that it cannot lead to another folder.

    Raises:
        ArtifactNotFound: no artifact can have such an id.
    """
    if not artifact_id or artifact_id.startswith(".") or set("/\\") & set(artifact_id):
        raise ArtifactNotFound(f"there is no file {artifact_id!r}")
    return artifact_id


def dashboard_command(url: str, artifacts: str, where: str) -> str:
    """Return the command that shows a database in the dashboard.

    Args:
        url: of the database, without its secrets.
        artifacts: folder or URL of the dashboard's files, which its own command cannot find in S3.
        where: the options that name the workplace.
    """
    if is_s3(artifacts):
        return f"tuner dashboard {where}".strip()
    return shlex.join(["optuna-dashboard", url, "--artifact-dir", artifacts])


def publish_report(study: optuna.Study, report: Path, note: str, depot: Depot) -> None:
    """Make the start of a report the study's note, and its page and plots its artifacts.

    A note that a person has written or changed stays.

    Args:
        report: path of report.md; the other files are beside it.
        note: the start of the report.
        depot: where the dashboard's files are kept.

    Raises:
        DepotError: it cannot be reached.
    """
    _write_note(study, note)
    store = Artifacts(depot)
    old = _publish(study, store, [report.with_suffix(".html"), *report.parent.glob("*.svg")])
    for name, artifact in old.items():
        if name.endswith(".svg"):  # of a plot that no longer exists
            with suppress(ArtifactNotFound):
                store.remove(artifact)
            forget(storage_of(study), row_of_study(study), artifact)


def _write_note(study: optuna.Study, text: str) -> None:
    """Write the study's note, unless a person has written the present one."""
    from optuna_dashboard import get_note, save_note  # imports a web server

    present = get_note(study)
    version = storage_of(study).get_study_system_attrs(row_of_study(study)).get(NOTE_VERSION, 0)
    written: int | None = study.user_attrs.get(NOTE)
    if written is None:  # by a person, or by a version of tuner that kept no record
        theirs = not present.startswith(f"# Study `{study.study_name}`\n\n**")
    else:
        theirs = version > written
    if present == text or (present and theirs):
        return
    study.set_user_attr(NOTE, version + 1)  # recorded first: a note that is cut short is still ours
    save_note(study, text)


def publish_bundle(study: optuna.Study, bundle: Path, depot: Depot) -> None:
    """Make the files of a bundle artifacts of the study, replacing those of an earlier one.

    Raises:
        DepotError: the depot cannot be reached.
    """
    _publish(study, Artifacts(depot), bundle.iterdir())


def _publish(study: optuna.Study, store: Artifacts, files: Iterable[Path]) -> dict[str, str]:
    """Publish files, each replacing an artifact of its name; return the other artifacts."""
    old = _published(storage_of(study).get_study_system_attrs(row_of_study(study)))
    for file in sorted(files):
        if file.name in old:
            with file.open("rb") as content:
                store.write(old.pop(file.name), content)
        else:
            upload_artifact(artifact_store=store, file_path=str(file), study_or_trial=study)
    return old


def on_record(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return Optuna's records of the artifacts of a study or trial.

    Args:
        attributes: its system attributes.
    """
    found = [
        json.loads(value) for name, value in attributes.items() if name.startswith(OFFERED_ARTIFACT)
    ]
    return [one for one in found if one]


def forget(storage: BaseStorage, owner: int, artifact: str, *, of_trial: bool = False) -> None:
    """Remove the record of an artifact as the dashboard does: attributes cannot be deleted.

    Args:
        owner: id of the study or trial.
    """
    tell = storage.set_trial_system_attr if of_trial else storage.set_study_system_attr
    tell(owner, OFFERED_ARTIFACT + artifact, json.dumps(None))


def _published(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids of artifacts by their file names."""
    return {one["filename"]: one["artifact_id"] for one in on_record(attributes)}
