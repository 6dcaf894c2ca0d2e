"""What optuna-dashboard shows of a study besides its trials: a note, and files as artifacts."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.artifacts.exceptions import ArtifactNotFound

from tuner.study.schema import NOTE
from tuner.unpromised.by_optuna import NOTE_VERSION, OFFERED_ARTIFACT, row_of_study, storage_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import optuna
    from optuna.storages import BaseStorage


def publish_report(study: optuna.Study, report: Path, note: str, artifacts: Path) -> None:
    """Make the first screen of a report the study's note, and its page and plots its artifacts.

    A note that a person has written, or changed, stays as it is.

    Args:
        report: path of report.md; the other files are beside it.
        note: the first screen.
        artifacts: folder of the dashboard's files.
    """
    _write_note(study, note)
    store = _store(artifacts)
    old = _publish(study, store, [report.with_suffix(".html"), *report.parent.glob("*.svg")])
    for name, artifact in old.items():
        if name.endswith(".svg"):  # of a plot that there is no more
            with suppress(ArtifactNotFound):
                store.remove(artifact)
            forget(storage_of(study), row_of_study(study), artifact)


def _write_note(study: optuna.Study, text: str) -> None:
    """Write the study's note, unless a person has written the one that is there."""
    from optuna_dashboard import get_note, save_note  # imports a web server

    present = get_note(study)
    version = storage_of(study).get_study_system_attrs(row_of_study(study)).get(NOTE_VERSION, 0)
    written: int | None = study.user_attrs.get(NOTE)
    if written is None:  # by a version of tuner that kept no record of it, or by a person
        theirs = not present.startswith(f"# Study `{study.study_name}`\n\n**")
    else:
        theirs = version > written
    if present == text or (present and theirs):
        return
    study.set_user_attr(NOTE, version + 1)  # before: a note that is cut short is ours as well
    save_note(study, text)


def publish_bundle(study: optuna.Study, bundle: Path, artifacts: Path) -> None:
    """Make the files of a bundle artifacts of the study, in place of those of an earlier one."""
    _publish(study, _store(artifacts), bundle.iterdir())


def _publish(
    study: optuna.Study, store: FileSystemArtifactStore, files: Iterable[Path]
) -> dict[str, str]:
    """Make files artifacts, each in place of the one of its name; return what else there is."""
    old = _published(storage_of(study).get_study_system_attrs(row_of_study(study)))
    for file in sorted(files):
        if file.name in old:
            with file.open("rb") as content:
                store.write(old.pop(file.name), content)
        else:
            upload_artifact(artifact_store=store, file_path=str(file), study_or_trial=study)
    return old


def on_record(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what Optuna keeps of the artifacts of a study or a trial.

    Args:
        attributes: system attributes of it.
    """
    found = [
        json.loads(value) for name, value in attributes.items() if name.startswith(OFFERED_ARTIFACT)
    ]
    return [one for one in found if one]


def forget(storage: BaseStorage, owner: int, artifact: str, *, of_trial: bool = False) -> None:
    """Take an artifact off the record as the dashboard does: attributes cannot be deleted.

    Args:
        owner: id of the study, or of the trial.
    """
    tell = storage.set_trial_system_attr if of_trial else storage.set_study_system_attr
    tell(owner, OFFERED_ARTIFACT + artifact, json.dumps(None))


def _published(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids of artifacts by their file names."""
    return {one["filename"]: one["artifact_id"] for one in on_record(attributes)}


def _store(artifacts: Path) -> FileSystemArtifactStore:
    artifacts.mkdir(parents=True, exist_ok=True)
    return FileSystemArtifactStore(str(artifacts))
