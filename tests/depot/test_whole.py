"""Everything that is done with models, if they are on another disk or in S3."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import torch
from optuna_dashboard import wsgi

import tuner
from tests.making import HERE, TINY
from tests.s3_server import BUCKET, SECRET, settings, wire_that_kills
from tests.sampling import one_in
from tests.serve.making import client_of, make_service
from tuner.bundle.manifest import write_bundle
from tuner.commands import clean, delete, files, predict, rename, retrain
from tuner.commands.backup import main as backup
from tuner.commands.restore import main as restore
from tuner.commands.study import main as study
from tuner.depot.bucket import BucketDepot
from tuner.depot.folder import FolderDepot
from tuner.depot.record import Record
from tuner.errors import DepotError, UsageError
from tuner.runs.folder.cleaning import find_waste, is_depot_shared
from tuner.runs.folder.moving import contents_of, move
from tuner.study.dashboard import Artifacts, on_record
from tuner.study.database.storage import open_storage
from tuner.study.store import load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tuner.depot.contract import Depot

SHORT = ["--trials", "5", "--seeds", "2", "--workers", "1", TINY]


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, own_workplace: Path, tmp_path: Path) -> str:
    """A place elsewhere; the test runs in a folder with the study `tiny`."""
    assert own_workplace.is_dir()
    if request.param == "disk":
        (tmp_path / "disk").mkdir()
        return str(tmp_path / "disk")
    request.getfixturevalue("s3")
    return f"s3://{BUCKET}/{uuid4().hex}"


def made(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Train a model as the command does; return the output."""
    capsys.readouterr()
    assert retrain.main(["tiny", "--case", TINY, *options]) == 0
    return capsys.readouterr().out.strip()


def aged(depot: Depot) -> None:
    """Make files in a folder look old, not recently written; times in S3 cannot be set."""
    if depot.folder is not None:
        for path in depot.folder.rglob("*"):
            os.utime(path, (0, 0))


@pytest.mark.slow
def test_models_are_made_used_moved_and_served_there(
    place: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = made(capsys, "--arm", "baseline")
    assert files.main([place]) == 0
    assert f"{place}: 1 bundle, " in capsys.readouterr().out
    assert not (HERE.root / before).exists()
    assert not [*(HERE.root / "artifacts").glob("*")]
    assert not [*(HERE.root / "bundles").glob("*")]

    where = made(capsys)
    assert where.startswith(f"{place}/bundles/tiny/best-seed-")
    assert made(capsys) == where, "again, in its place"
    assert not [*(HERE.root / "bundles").glob("*/*")]
    rows = tmp_path / "rows.csv"
    rows.write_text("x,y\n-2,0\n3,3\n")
    assert predict.main([where, str(rows), "--case", TINY]) == 0
    assert "left" in capsys.readouterr().out
    model = tuner.load(where, case=TINY)
    assert model.predict([[-2.0, 0.1]]).tolist() == ["left"]
    assert model(torch.zeros(4, 2)).shape == (4, 2)

    service = make_service(HERE)
    client = client_of(service)
    names = {one.bundle for one in service.ledger.models()}
    assert len(names) == 2
    (best,) = [one for one in names if one.startswith("best")]
    (other,) = names - {best}
    assert best in client.get("/tuner/models").text
    service.ledger.promote("tiny", other, "current", "ann", "to begin with")
    service.ledger.promote("tiny", best, "current", "ann", "it looks better")
    assert service.ledger.roll_back("tiny", "ann", "it was not").bundle == other
    taken = client.get(f"/tuner/models/tiny/{best}/download")
    (tmp_path / "taken.zip").write_bytes(taken.content)
    assert tuner.load(tmp_path / "taken.zip", case=TINY).predict([[-2.0, 0.1]]).tolist() == ["left"]
    tried = client.post(f"/api/v1/models/tiny/{best}/predict", content="x,y\n-2,0\n3,3\n")
    assert [one["class"] for one in tried.json()["predictions"]] == ["left", "right"]
    shown = client.get("/tuner/machine")
    assert f"are kept in {place}." in shown.text
    chinese = client.get("/tuner/machine", headers={"Accept-Language": "zh"})
    assert f"模型和仪表盘的文件保存在 {place}。" in chinese.text
    assert service.room.usage().parts["models"] > 0
    assert service.room.of_study("tiny") > service.room.usage().parts["models"]
    service.storage.engine.dispose()

    assert study(SHORT) == 0  # its report takes the place of the one there
    assert rename.main(["tiny", "large"]) == 0
    assert {one.study for one in HERE.depot.bundles()} == {"large"}
    assert tuner.load(HERE.depot.bundles()[0].where, case=TINY).manifest["study"] == "large"

    assert backup([str(tmp_path / "all.zip")]) == 0
    assert restore([str(tmp_path / "all.zip"), "--home", str(tmp_path / "again")]) == 0
    again = Workplace.at(tmp_path / "again").depot
    assert again.folder == tmp_path / "again"
    assert contents_of(again).bundles == contents_of(HERE.depot).bundles == 2
    assert {one.name for one in again.artifacts()} == {one.name for one in HERE.depot.artifacts()}

    capsys.readouterr()
    assert delete.main(["large", "--yes"]) == 0
    assert f"{place}/bundles/large" in capsys.readouterr().out
    assert contents_of(HERE.depot).bytes == 0


def test_the_dashboard_shows_its_files(place: str) -> None:
    move(HERE, place)
    storage = open_storage(HERE.url, create=False)
    number = load_study(HERE.url, "tiny")._study_id
    offered = on_record(storage.get_study_system_attrs(number))
    (page,) = [one for one in offered if one["filename"] == "report.html"]
    app = wsgi(storage, artifact_store=Artifacts(HERE.depot))
    status: list[str] = []
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": f"/artifacts/{number}/{page['artifact_id']}",
        "QUERY_STRING": "",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    answer: Any = app(environment, lambda line, _headers, _info=None: status.append(line))
    body = b"".join(answer)
    answer.close()
    assert status == ["200 OK"]
    assert body == (HERE.report("tiny") / "report.html").read_bytes()
    storage.engine.dispose()


def test_clean_finds_orphans_there_and_nothing_else(
    place: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made(capsys)
    move(HERE, place)
    depot = HERE.depot
    assert find_waste(HERE) == []
    gone = tmp_path / "best"
    gone.mkdir()
    (gone / "manifest.json").write_text("{}")
    depot.put_bundle("gone", "best", gone)
    depot.put_artifact("nobody", io.BytesIO(b"x"))
    recorded = next(one for one in depot.artifacts() if one.name != "nobody")
    depot.remove(recorded)
    aged(depot)
    found = {one.kind: one.what for one in find_waste(HERE)}
    assert found["record"] == recorded.name
    assert found["folder"] == f"{place}/bundles/gone"
    if depot.folder is not None:  # in S3, an upload may last an hour
        assert found["artifact"] == f"{place}/artifacts/nobody"
    assert clean.main(["--yes"]) == 0
    assert {one.kind for one in find_waste(HERE)} == {"lock"}, "what was held to remove the rest"
    assert [one.study for one in depot.studies()] == ["tiny"]


def test_a_place_of_another_storage_folder_is_shared_only_when_asked(
    place: str, tmp_path: Path
) -> None:
    move(HERE, place)
    other = Workplace.at(tmp_path / "other")
    with pytest.raises(UsageError, match="has the files of another storage folder"):
        move(other, place)
    assert other.depot.folder == other.root
    move(other, place, share=True)
    HERE.depot.put_artifact("nobody", io.BytesIO(b"x"))
    aged(HERE.depot)
    assert find_waste(HERE) == [], "it may be the other one's"
    move(HERE, str(HERE.root))
    assert HERE.depot.folder == HERE.root
    assert not (HERE.root / "files.json").exists()


def test_back_home_all_is_as_it_was(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    made(capsys)
    everything = {
        path: path.read_bytes()
        for part in ("bundles", "artifacts")
        for path in (HERE.root / part).rglob("*")
        if path.is_file()
    }
    move(HERE, place)
    assert not any(path.exists() for path in everything)
    elsewhere = HERE.depot
    move(HERE, str(HERE.root))
    assert {path: path.read_bytes() for path in everything} == everything
    assert contents_of(elsewhere).bytes == 0
    assert elsewhere.read_note("tuner-files.json") in {None, b""}


class InterruptionError(Exception):
    pass


STEPS = {"put_bundle", "keep", "remove", "settle"}
"""The functions of a move, before any of which it may end."""


@pytest.mark.parametrize("moment", one_in(2, range(5)))
def test_an_interrupted_move_is_done_by_the_same_command(
    moment: int, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made(capsys)
    wanted = {one.key for one in (*HERE.depot.bundles(), *HERE.depot.artifacts())}
    steps = 0

    def count(frame: Any, event: str, _argument: object) -> None:
        nonlocal steps
        module = frame.f_globals.get("__name__", "")  # weakref has a `remove`, too
        if event == "call" and module.startswith("tuner.") and frame.f_code.co_name in STEPS:
            steps += 1
            if steps > moment:
                sys.setprofile(None)
                raise InterruptionError

    sys.setprofile(count)
    with pytest.raises(InterruptionError):
        move(HERE, place)
    sys.setprofile(None)
    there = {one.key for one in (*HERE.depot.bundles(), *HERE.depot.artifacts())}
    assert there == wanted, "no moment without a whole copy"
    move(HERE, place)
    assert HERE.depot.url == place
    assert {one.key for one in (*HERE.depot.bundles(), *HERE.depot.artifacts())} == wanted
    assert not [*(HERE.root / "bundles").glob("*")]


def test_what_was_made_after_an_interrupted_move_is_not_lost(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old place is not empty yet, and the new one got a model of the same name."""
    here = HERE.depot
    here.put_bundle("tiny", "best", bundle(tmp_path / "first" / "best", 100))
    here.put_artifact("shown", io.BytesIO(b"old"))
    aged(here)

    def interrupt(*_: object) -> None:
        raise InterruptionError

    with monkeypatch.context() as patch:
        patch.setattr(FolderDepot, "remove", interrupt)
        with pytest.raises(InterruptionError):
            move(HERE, place)
    HERE.depot.put_bundle("tiny", "best", bundle(tmp_path / "second" / "best", 100))
    HERE.depot.put_artifact("shown", io.BytesIO(b"newer"))
    made = (tmp_path / "second" / "best" / "manifest.json").read_bytes()
    move(HERE, place)
    (found,) = HERE.depot.bundles("tiny")
    assert HERE.depot.manifest(found) == made
    assert read(HERE.depot, "shown") == b"newer"
    assert not here.bundles("tiny")


def test_a_file_that_was_written_anew_before_the_move_went_on_is_copied_anew(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have the same size: a picture, or the weights of another seed."""
    here = HERE.depot
    here.put_artifact("shown", io.BytesIO(b"old"))
    aged(here)
    with monkeypatch.context() as patch:
        patch.setattr(Record, "keep", once(Record.keep))
        with pytest.raises(InterruptionError):
            move(HERE, place)
    later = time.time() + 60
    here.put_artifact("shown", io.BytesIO(b"new"))
    os.utime(HERE.root / "artifacts" / "shown", (later, later))
    move(HERE, place)
    assert read(HERE.depot, "shown") == b"new"


def test_a_place_that_another_storage_folder_uses_is_left_as_it_is(
    place: str, tmp_path: Path
) -> None:
    move(HERE, place)
    other = Workplace.at(tmp_path / "other")
    move(other, place, share=True)
    other.depot.put_bundle("theirs", "best", bundle(tmp_path / "theirs" / "best", 100))
    other.depot.put_artifact("theirs", io.BytesIO(b"x"))
    said: list[str] = []
    move(HERE, str(HERE.root), said.append)
    assert any(f"{place} keeps its copies" in line for line in said)
    assert [one.study for one in other.depot.bundles("theirs")] == ["theirs"]
    assert read(other.depot, "theirs") == b"x"
    assert not is_depot_shared(other), "it is alone there now"


def test_a_copied_storage_folder_takes_nothing_from_the_one_it_was_copied_from(
    place: str, tmp_path: Path
) -> None:
    move(HERE, place)
    HERE.depot.put_bundle("tiny", "best", bundle(tmp_path / "made" / "best", 100))
    copy = Workplace.at(tmp_path / "copy")
    shutil.copytree(HERE.root, copy.root)
    assert is_depot_shared(copy)
    (tmp_path / "elsewhere").mkdir()
    move(copy, str(tmp_path / "elsewhere"))
    for one in (HERE, copy):
        assert [kept.name for kept in one.depot.bundles("tiny")] == ["best"]
        assert not is_depot_shared(one)
    move(HERE, str(HERE.root))
    assert not HERE.depot.bundles("nobody")


def read(depot: Depot, artifact: str) -> bytes:
    with depot.open_artifact(artifact) as file:
        return file.read()


def once(real: Callable[..., None]) -> Callable[..., None]:
    """Interrupt the second call, which records the new place."""
    calls = itertools.count(1)

    def interrupted(*given: object) -> None:
        if next(calls) == 2:
            raise InterruptionError
        real(*given)

    return interrupted


def bundle(folder: Path, size: int) -> Path:
    """A bundle with weights of this size in bytes, which S3 receives in one or several parts."""
    weights = folder.with_name("weights")
    folder.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(os.urandom(size))
    write_bundle(folder, weights, {"case": "tiny"})
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("size", [4 * 2**20, 60 * 2**20], ids=["at once", "in parts"])
def test_killed_half_way_through_an_upload_the_old_bundle_is_whole(
    size: int, s3: str, own_workplace: Path, tmp_path: Path
) -> None:
    place = f"s3://{BUCKET}/{uuid4().hex}"
    move(HERE, place)
    depot = HERE.depot
    depot.put_bundle("tiny", "best", bundle(tmp_path / "old" / "best", 100))
    old = depot.manifest(depot.bundles("tiny")[0])
    waiting = bundle(HERE.bundles("tiny") / "best", size)  # left there by a failed upload
    new = (waiting / "manifest.json").read_bytes()
    with wire_that_kills(s3, size - 2**20) as (wire, victims):
        process = subprocess.Popen(
            [sys.executable, "-m", "tuner", "files", place],
            env={**os.environ, **settings(wire)},
            cwd=own_workplace,
        )
        victims.append(process.pid)
        assert process.wait(120) == -signal.SIGKILL
    (found,) = depot.bundles("tiny")
    assert depot.manifest(found) == old
    depot.fetch(found, tmp_path / "fetched")
    assert (tmp_path / "fetched" / "manifest.json").read_bytes() == old
    move(HERE, place)
    (found,) = depot.bundles("tiny")
    assert depot.manifest(found) == new
    assert not waiting.exists()


@pytest.mark.slow
def test_what_was_sent_in_parts_and_not_finished_is_cleaned(s3: str, own_workplace: Path) -> None:
    place = f"s3://{BUCKET}/{uuid4().hex}"
    move(HERE, place)
    depot = HERE.depot
    assert isinstance(depot, BucketDepot)
    key = f"{place.removeprefix(f's3://{BUCKET}/')}/bundles/tiny/best.zip"
    depot._fs.call_s3("create_multipart_upload", Bucket=BUCKET, Key=key)
    (left,) = depot.leftovers()
    assert left.changed < time.time() - 3600, "this server says that all began long ago"
    assert [one.what for one in find_waste(HERE)] == [left.where]
    assert clean.main(["--yes"]) == 0
    assert depot.leftovers() == []


def no_keys(patch: pytest.MonkeyPatch) -> None:
    patch.delenv("AWS_ACCESS_KEY_ID")
    patch.delenv("AWS_SECRET_ACCESS_KEY")


def no_network(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


def no_endpoint(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ENDPOINT_URL", "nowhere")


def no_profile(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_PROFILE", "nobody")


def no_extra(patch: pytest.MonkeyPatch) -> None:
    for name in ("s3fs", "aiohttp", "botocore.exceptions"):
        patch.setitem(sys.modules, name, None)


FAILURES = [
    (no_keys, BUCKET, "there are no keys for it. Set AWS_ACCESS_KEY_ID"),
    (no_network, BUCKET, "cannot be reached: EndpointConnectionError; check the network"),
    (no_endpoint, BUCKET, "in the settings for AWS; check AWS_ENDPOINT_URL"),
    (no_profile, BUCKET, "ProfileNotFound in the settings for AWS"),
    (no_extra, BUCKET, r"S3 needs the package aiohttp; run: pip install 'tuner\[s3\]'"),
    (lambda _patch: None, "wrong-bucket", "there is no bucket 'wrong-bucket'; make it"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "bucket_name", "message"), FAILURES)
def test_what_is_wrong_is_said_in_a_line_without_a_secret(
    spoil: Any,
    bucket_name: str,
    message: str,
    s3: str,
    own_workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil(monkeypatch)
    place = f"s3://{bucket_name}/{uuid4().hex}"
    for ask in (
        lambda: files.main([place]),
        lambda: predict.main([f"{place}/bundles/tiny/best.zip", TINY]),
        lambda: tuner.load(f"{place}/bundles/tiny/best.zip"),
    ):
        with pytest.raises((DepotError, UsageError), match=message) as caught:
            ask()
        assert "\n" not in str(caught.value)
        assert SECRET not in str(caught.value)
        assert "AKIATESTS" not in str(caught.value)
    assert HERE.depot.folder == HERE.root


@pytest.mark.slow
def test_refused_keys_are_said(s3: str, own_workplace: Path, monkeypatch: Any) -> None:
    import s3fs
    from botocore.exceptions import ClientError

    answer: Any = {"Error": {"Code": "SignatureDoesNotMatch", "Message": f"{SECRET} is wrong"}}

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError("Forbidden") from ClientError(answer, "ListObjectsV2")

    monkeypatch.setattr(s3fs.S3FileSystem, "find", refuse)
    with pytest.raises(DepotError, match=r"refuses its use \(SignatureDoesNotMatch\)") as caught:
        BucketDepot(f"s3://{BUCKET}/{uuid4().hex}", own_workplace).bundles()
    assert SECRET not in str(caught.value)


@pytest.mark.slow
def test_when_s3_is_away_nothing_is_lost_and_all_else_goes_on(
    s3: str, own_workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    place = f"s3://{BUCKET}/{uuid4().hex}"
    where = made(capsys)
    move(HERE, place)
    with monkeypatch.context() as away:
        away.setattr("tuner.depot.bucket.file_system", BrokenAt(0).open)
        depot = HERE.depot
        assert isinstance(depot, BucketDepot)
        depot.__dict__.pop("_fs", None)
        with pytest.raises(DepotError, match="cannot be reached"):
            retrain.main(["tiny", "--case", TINY])
        for command in (["tiny", "--yes"],):
            with pytest.raises(DepotError):
                delete.main(command)
        with pytest.raises(DepotError):
            clean.main([])
        assert load_study(HERE.url, "tiny").study_name == "tiny"
        capsys.readouterr()
        assert study(SHORT) == 0, "the study is not worse for it"
        assert "The dashboard does not show it" in capsys.readouterr().out
        service = make_service(HERE)
        client = client_of(service)
        for path in ("/tuner/models", "/tuner/studies/tiny", "/tuner/machine"):
            shown = client.get(path)
            assert shown.status_code == 200
        assert "cannot be reached" in client.get("/tuner/models").text
        assert client.get("/api/v1/models").status_code == 503
        service.storage.engine.dispose()
        depot.__dict__.pop("_fs", None)
    with monkeypatch.context() as failing:
        failing.setattr("tuner.depot.bucket.file_system", BrokenAt("put_file").open)
        with pytest.raises(DepotError, match=f"The bundle is complete, in .*tuner files {place}"):
            retrain.main(["tiny", "--case", TINY])
        depot.__dict__.pop("_fs", None)
    (waiting,) = (HERE.root / "bundles").glob("*/*")
    assert waiting.name in where
    move(HERE, place)
    assert not waiting.exists()
    assert [one.name for one in HERE.depot.bundles()] == [waiting.name]


class BrokenAt:
    """An S3 whose network fails: always (0), or in one kind of call."""

    def __init__(self, call: object) -> None:
        self.call = call

    def open(self) -> BrokenAt:
        from tuner.depot.s3 import file_system

        self.real = file_system()
        return self

    def __getattr__(self, name: str) -> Any:
        if self.call in {0, name}:

            def fail(*_arguments: object, **_options: object) -> None:
                raise TimeoutError

            return fail
        return getattr(self.real, name)


def test_out_takes_a_folder(own_workplace: Path) -> None:
    with pytest.raises(UsageError, match="--out takes a folder on this machine"):
        retrain.main(["tiny", "--case", TINY, "--out", "s3://bucket/prefix"])


@pytest.mark.slow
def test_no_secret_is_written_anywhere(
    s3: str, own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    move(HERE, f"s3://{BUCKET}/{uuid4().hex}")
    made(capsys)
    for path in own_workplace.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
