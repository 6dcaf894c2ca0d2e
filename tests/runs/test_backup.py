"""A backup of a store in use is complete, and a stranger's archive cannot write elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import threading
import time
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, upload_artifact

from tests.making import HERE, history
from tuner.commands.report import main as report
from tuner.depot.contract import MANIFEST
from tuner.errors import StoreError, UsageError
from tuner.files import replacing_folder
from tuner.runs.folder import archive
from tuner.runs.folder.backup import back_up
from tuner.runs.folder.restore import restore
from tuner.study.database.storage import open_storage
from tuner.study.store import load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ARTIFACT = 300_000  # bytes: more than one write of a copy


def content_of(folder: Path) -> dict[str, bytes]:
    """Return all files of a storage folder except the database, locks and caches."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in archive.PARTS
        for path in (folder / part).rglob("*")
        if path.is_file()
    }


def test_a_backup_brings_everything_back(own_workplace: Path) -> None:
    (own_workplace / "storage" / "bundles" / "tiny").mkdir(parents=True)
    (own_workplace / "storage" / "bundles" / "tiny" / "weights").write_bytes(b"\0" * 9)
    (own_workplace / "storage" / "reports" / "tiny" / ".half").touch()
    made = back_up(HERE, own_workplace / "made" / "backup.zip")
    assert (made.trials, made.left_out) == ({"tiny": 5}, [])
    assert [path.name for path in made.path.parent.iterdir()] == ["backup.zip"]
    there = Workplace.at(own_workplace / "other")
    assert restore(there, made.path) == {"tiny": 5}
    (own_workplace / "storage" / "reports" / "tiny" / ".half").unlink()
    assert content_of(there.root) == content_of(HERE.root)
    assert made.files == len(content_of(HERE.root))
    assert sorted(path.name for path in there.root.iterdir()) == [
        *sorted({name.split("/")[0] for name in content_of(HERE.root)}),
        "studies.db",
    ]
    assert history(load_study(there.url, "tiny")) == history(load_study(HERE.url, "tiny"))
    assert report(["tiny", "--home", str(there.root)]) == 0


def test_a_backup_takes_the_place_of_an_earlier_one_alone(own_workplace: Path) -> None:
    path = own_workplace / "backup.zip"
    back_up(HERE, path)
    before = path.stat().st_ino
    back_up(HERE, path)
    assert path.stat().st_ino != before
    kept = own_workplace / "notes.txt"
    kept.write_text("mine")
    for wrong, message in (
        (kept, "exists and is not a backup"),
        (own_workplace / "storage" / "studies.db", "exists and is not a backup"),
        (own_workplace / "storage" / "reports" / "x.zip", "would be a part of itself"),
        (own_workplace, "is a folder; name a file in it"),
    ):
        with pytest.raises(UsageError, match=message):
            back_up(HERE, wrong)
    assert kept.read_text() == "mine"


def test_what_is_there_is_never_overwritten(own_workplace: Path) -> None:
    path = own_workplace / "backup.zip"
    back_up(HERE, path)
    before = {**content_of(HERE.root), "db": (HERE.root / "studies.db").read_bytes()}
    with pytest.raises(UsageError, match=r"studies\.db already exists, and restore"):
        restore(HERE, path)
    assert before == {**content_of(HERE.root), "db": (HERE.root / "studies.db").read_bytes()}
    for name in ("studies.db-wal", "reports/one/report.md"):
        there = Workplace.at(own_workplace / name.partition("/")[0])
        (there.root / name).parent.mkdir(parents=True)
        (there.root / name).write_text("mine")
        with pytest.raises(UsageError, match="--home DIR, or move the old files away"):
            restore(there, path)
        assert not (there.root / "studies.db").exists()
        assert (there.root / name).read_text() == "mine"


def test_a_link_is_left_out_and_said(own_workplace: Path) -> None:
    link = HERE.root / "artifacts" / "link"
    link.symlink_to("/etc/passwd")
    made = back_up(HERE, own_workplace / "backup.zip")
    assert made.left_out == [str(link)]
    assert restore(Workplace.at(own_workplace / "other"), made.path) == {"tiny": 5}


def test_a_bundle_that_is_replaced_meanwhile_is_of_one_training(
    own_workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = HERE.root / "bundles" / "tiny" / "best"
    training = 0

    def train() -> None:
        nonlocal training
        training += 1
        with replacing_folder(bundle) as beside:
            for name in (MANIFEST, "weights", f"of {training} alone"):
                (beside / name).write_text(str(training))

    def add(*arguments: Any) -> archive.Entry | None:
        entry = add_file(*arguments)
        train()
        return entry

    train()
    add_file = archive.add
    monkeypatch.setattr(archive, "add", add)
    made = back_up(HERE, own_workplace / "backup.zip")
    there = Workplace.at(own_workplace / "other")
    restore(there, made.path)
    found = {path.name: path.read_text() for path in (there.root / "bundles/tiny/best").iterdir()}
    (number,) = set(found.values())
    assert set(found) == {MANIFEST, "weights", f"of {number} alone"}
    assert training > 3


def test_what_is_not_a_file_in_a_bundle_is_left_out_and_said(own_workplace: Path) -> None:
    linked, queued = (HERE.root / "bundles" / "tiny" / name for name in ("linked", "queued"))
    for bundle in (linked, queued):
        bundle.mkdir(parents=True)
        (bundle / MANIFEST).write_text("{}")
    (linked / "weights").symlink_to("/etc/passwd")
    os.mkfifo(queued / "weights")
    made = back_up(HERE, own_workplace / "backup.zip")
    assert made.left_out == [str(linked / "weights"), str(queued / "weights")]
    restore(Workplace.at(own_workplace / "other"), made.path)
    there = own_workplace / "other" / "bundles" / "tiny"
    assert sorted(path.relative_to(there).as_posix() for path in there.rglob("*.*")) == [
        f"linked/{MANIFEST}",
        f"queued/{MANIFEST}",
    ]


@pytest.mark.parametrize("run", [back_up, restore])
def test_a_server_has_tools_of_its_own(
    run: Callable[[Workplace, Path], object], tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="server's"):
        run(Workplace.at(url="postgresql+psycopg://host/db"), tmp_path / "backup.zip")


class Writer(threading.Thread):
    """Adds trials, each with an artifact, and rewrites an artifact of the study again and again."""

    def __init__(self, workplace: Workplace) -> None:
        super().__init__()
        self.over = threading.Event()
        self.store = FileSystemArtifactStore(str(workplace.root / "artifacts"))
        self.study = optuna.create_study(storage=open_storage(workplace.url, create=True))
        self.written, self.source = 0, workplace.root / "page"

    def run(self) -> None:
        while not self.over.is_set():
            self.source.write_bytes(bytes([self.written % 256]) * ARTIFACT)
            trial = self.study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
            again = upload_artifact(
                artifact_store=self.store, file_path=str(self.source), study_or_trial=trial
            )
            self.study.tell(trial, 0.5)
            for _ in range(3):
                with self.source.open("rb") as page:
                    self.store.write(again, page)
            self.written += 1


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    workplace = Workplace.at(tmp_path / "storage")
    (workplace.root / "artifacts").mkdir(parents=True)
    writing = Writer(workplace)
    writing.start()
    yield writing
    writing.over.set()
    writing.join()


@pytest.mark.slow
def test_a_backup_under_writes_is_whole(writer: Writer, tmp_path: Path) -> None:
    there = Workplace.at(tmp_path / "storage")
    counts = []
    for number in range(3):
        before = writer.written
        while writer.written < before + 3:
            time.sleep(0.01)
        known = writer.written
        path = tmp_path / f"{number}.zip"
        back_up(there, path)
        other = Workplace.at(tmp_path / f"restored {number}")
        (count,) = restore(other, path).values()
        assert count >= known
        counts.append(count)
        study = optuna.load_study(study_name=None, storage=open_storage(other.url, create=False))
        trials = study.get_trials(deepcopy=False)
        assert [trial.number for trial in trials] == list(range(len(trials)))
        assert sum(trial.state.is_finished() for trial in trials) == count
        artifacts = [
            json.loads(value)["artifact_id"]
            for trial in trials
            for name, value in trial.system_attrs.items()
            if name.startswith("artifacts:")
        ]
        assert count <= len(artifacts) <= count + 1  # a running trial may have one, too
        for artifact in artifacts:
            content = (other.root / "artifacts" / artifact).read_bytes()
            assert content == content[:1] * ARTIFACT
    assert counts == sorted(counts)


@pytest.fixture(scope="module")
def small_backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a small store; read it only."""
    folder = tmp_path_factory.mktemp("good")
    there = Workplace.at(folder / "store")
    optuna.create_study(storage=open_storage(there.url, create=True), study_name="one")
    there.report("one").mkdir(parents=True)
    (there.report("one") / "report.md").write_text("# Study\n")
    return back_up(there, folder / "good.zip").path


@pytest.fixture
def good(small_backup: Path, tmp_path: Path) -> Path:
    """A copy of that backup."""
    shutil.copy(small_backup, tmp_path / "good.zip")
    return tmp_path / "good.zip"


def altered(good: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Return the backup with other contents, and a manifest that lists them."""
    with zipfile.ZipFile(good) as archive_:
        contents = {name: archive_.read(name) for name in archive_.namelist()}
    manifest = json.loads(contents.pop(archive.MANIFEST))
    change(contents)
    path = good.with_name("altered.zip")
    manifest["files"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    with zipfile.ZipFile(path, "w") as target:
        for name, content in contents.items():
            target.writestr(name, content)
        target.writestr(archive.MANIFEST, json.dumps(manifest))
    return path


def refusal(path: Path, folder: Path) -> tuple[str, list[Path]]:
    """Return the error for a refused backup, and all files that it leaves anywhere."""
    before = set(folder.rglob("*"))
    with pytest.raises(UsageError) as raised:
        restore(Workplace.at(folder / "there"), path)
    return str(raised.value), [one for one in {*folder.rglob("*")} - before if one.name != "there"]


@pytest.mark.parametrize(
    "name",
    [
        "../escaped",
        "reports/../../escaped",
        "/tmp/escaped",
        "//host/share/escaped",
        "reports\\..\\..\\escaped",
        "C:/escaped",
        "reports//escaped",
        "reports/./escaped",
        "reports/esc\naped",
        "elsewhere/escaped",
        "reports",
        "studies.db-wal",
        "cache/escaped",
    ],
)
def test_a_name_that_leads_out_is_refused(name: str, good: Path, tmp_path: Path) -> None:
    path = altered(good, lambda contents: contents.update({name: b"bad"}))
    said, left = refusal(path, tmp_path)
    assert "which no backup of tuner has" in said
    assert left == []


def test_links_and_folders_are_refused(good: Path, tmp_path: Path) -> None:
    for kind in (stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO):
        path = altered(good, lambda contents: contents.update({"reports/one/link": b"/etc"}))
        with zipfile.ZipFile(path) as whole:
            members = [(one, whole.read(one)) for one in whole.infolist()]
        with zipfile.ZipFile(path, "w") as target:
            for one, content in members:
                if one.filename.endswith("link"):
                    one.external_attr = (kind | 0o777) << 16
                target.writestr(one, content)
        said, left = refusal(path, tmp_path)
        assert "is a link or a folder, not a file" in said
        assert left == []


def test_a_bomb_is_refused_before_it_is_unpacked(good: Path, tmp_path: Path) -> None:
    bomb = good.with_name("bomb.zip")
    with zipfile.ZipFile(good) as whole, zipfile.ZipFile(bomb, "w") as target:
        for one in whole.infolist():
            target.writestr(one, whole.read(one))
        target.writestr("reports/bomb", b"\0" * 10**7, zipfile.ZIP_DEFLATED)
    said, left = refusal(bomb, tmp_path)
    assert "is compressed or encrypted" in said
    assert left == []
    # The same bytes under many names: all entries of the directory have the same offset.
    with zipfile.ZipFile(good.with_name("quine.zip"), "w") as target:
        target.writestr(archive.MANIFEST, "{}")
        target.writestr("reports/0", b"\0" * 10**6)
        for number in range(1, 30):
            (again,) = (one for one in target.filelist if one.filename == "reports/0")
            copy = zipfile.ZipInfo(f"reports/{number}")
            copy.header_offset, copy.file_size = again.header_offset, again.file_size
            copy.compress_size, copy.CRC = again.compress_size, again.CRC
            target.filelist.append(copy)
            target.NameToInfo[copy.filename] = copy
    said, left = refusal(good.with_name("quine.zip"), tmp_path)
    assert "contents would be larger than the file itself" in said
    assert left == []


def test_names_that_a_file_system_cannot_tell_apart_are_refused_there() -> None:
    distinct = ["reports/one/a", "reports/two/a", "reports/one/b"]
    archive.refuse_clashes(distinct)
    for names in (["reports/A/x", "reports/a/y"], ["reports/a/X", "reports/a/x"]):
        with pytest.raises(UsageError, match="the same on this file system"):
            archive.refuse_clashes(names)


def test_what_was_altered_or_cut_is_refused(good: Path, tmp_path: Path) -> None:
    whole = good.read_bytes()
    place = whole.index(b"# Study")
    flipped = good.with_name("flipped.zip")
    flipped.write_bytes(whole[:place] + b"$" + whole[place + 1 :])
    said, left = refusal(flipped, tmp_path)
    assert "is damaged" in said or "has other bytes" in said
    assert left == []
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        flipped.write_bytes(whole[:length])
        said, left = refusal(flipped, tmp_path)
        assert "is not a backup made by tuner, or its end is missing; use another copy" in said
        assert left == []

    def add_unlisted(name: str, content: bytes) -> Path:
        path = good.with_name("unlisted.zip")
        shutil.copy(good, path)
        with zipfile.ZipFile(path, "a") as target:
            target.writestr(name, content)
        return path

    said, left = refusal(add_unlisted("reports/extra", b"x"), tmp_path)
    assert "not those that its manifest lists" in said
    assert left == []
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = add_unlisted("reports/one/report.md", b"x")
    said, left = refusal(twice, tmp_path)
    assert "two files of one name" in said
    assert left == []
    bare = altered(good, lambda contents: contents.__delitem__(archive.DATABASE))
    said, left = refusal(bare, tmp_path)
    assert "it has no database" in said
    assert left == []


@pytest.mark.parametrize(
    "manifest", ["", "[]", '{"format": 1}', '{"format": 1, "files": {"a": 1}}', "[" * 100_000]
)
def test_a_manifest_that_cannot_be_read_is_refused(
    manifest: str, good: Path, tmp_path: Path
) -> None:
    path = good.with_name("other.zip")
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(archive.MANIFEST, manifest)
    said, left = refusal(path, tmp_path)
    assert "its manifest cannot be read" in said
    assert left == []


def test_a_later_format_is_refused(good: Path, tmp_path: Path) -> None:
    path = good.with_name("later.zip")
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(archive.MANIFEST, json.dumps({"format": 2, "files": {}}))
    said, left = refusal(path, tmp_path)
    assert "its format is 2; this version of tuner reads 1" in said
    assert left == []


def test_a_database_that_is_not_ours_is_refused(good: Path, tmp_path: Path) -> None:
    database = tmp_path / "database"

    def replace(statement: str, *, whole: bool) -> Path:
        def change(contents: dict[str, bytes]) -> None:
            database.write_bytes(contents[archive.DATABASE] if whole else b"")
            with closing(sqlite3.connect(database)) as connection:
                connection.execute(statement)
                connection.commit()
            contents[archive.DATABASE] = database.read_bytes()

        return altered(good, change)

    message = "its database is damaged or was not made by tuner"
    said, left = refusal(replace("CREATE TABLE people (name TEXT)", whole=False), tmp_path)
    assert message in said
    assert left == []
    trigger = "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END"
    said, left = refusal(replace(trigger, whole=True), tmp_path)
    assert message in said
    assert left == []
    noise = altered(good, lambda contents: contents.update({archive.DATABASE: b"noise" * 999}))
    said, left = refusal(noise, tmp_path)
    assert message in said
    assert left == []


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(UsageError, match="there is no file"):
            restore(Workplace.at(tmp_path / "there"), path)
    with pytest.raises(StoreError, match="no database"):
        back_up(Workplace.at(tmp_path / "there"), tmp_path / "backup.zip")
