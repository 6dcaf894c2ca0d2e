"""Every place for bundles and dashboard files behaves the same, and none writes elsewhere."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.s3_server import BUCKET
from tuner.depot.bucket import BucketDepot
from tuner.depot.folder import FolderDepot
from tuner.depot.packing import manifest_in, pack, unpack
from tuner.depot.record import Record, depot_of, named
from tuner.errors import BundleError, DepotError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tuner.depot.contract import Depot


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def depot(request: pytest.FixtureRequest, tmp_path: Path) -> Depot:
    if request.param == "folder":
        return FolderDepot(tmp_path / "depot")
    request.getfixturevalue("s3")
    return BucketDepot(f"s3://{BUCKET}/{uuid4().hex}", tmp_path / "home")


def bundle_in(folder: Path, **facts: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(facts))
    (folder / "weights.safetensors").write_bytes(b"weights")
    (folder / "of a loop").mkdir()
    (folder / "of a loop" / "curve: 1.csv").write_text("1,2")
    return folder


def keys(found: list[object]) -> list[str]:
    return [one.key for one in found]  # type: ignore[attr-defined]


def test_bundles_are_kept_listed_taken_and_removed(depot: Depot, tmp_path: Path) -> None:
    assert depot.bundles() == depot.studies() == depot.leftovers() == []
    with depot.making("houses", "best") as folder:
        bundle_in(folder, seed=1)
    depot.put_bundle("houses", "other", bundle_in(tmp_path / "other", seed=2))
    depot.put_bundle("more houses", "best", bundle_in(tmp_path / "third", seed=3))
    assert keys([*depot.bundles()]) == [
        "bundles/houses/best",
        "bundles/houses/other",
        "bundles/more houses/best",
    ]
    assert [(one.study, one.name) for one in depot.bundles("houses")] == [
        ("houses", "best"),
        ("houses", "other"),
    ]
    best = depot.bundles("houses")[0]
    assert best.where == depot.where("houses", "best")
    assert json.loads(depot.manifest(best)) == {"seed": 1}
    depot.put_bundle("houses", "best", bundle_in(tmp_path / "new", seed=4))
    best = depot.bundles("houses")[0]
    assert json.loads(depot.manifest(best)) == {"seed": 4}
    depot.fetch(best, tmp_path / "fetched")
    assert (tmp_path / "fetched" / "weights.safetensors").read_bytes() == b"weights"
    assert (tmp_path / "fetched" / "of a loop" / "curve: 1.csv").read_text() == "1,2"
    depot.pack(best, tmp_path / "best.zip")
    with zipfile.ZipFile(tmp_path / "best.zip") as packed:
        assert packed.namelist() == [
            "best/manifest.json",
            "best/of a loop/curve: 1.csv",
            "best/weights.safetensors",
        ]
    depot.remove(best)
    depot.remove(best)
    (study,) = [one for one in depot.studies() if one.study == "houses"]
    assert study.bytes >= len(b"weights")
    depot.remove(study)
    assert keys([*depot.bundles()]) == ["bundles/more houses/best"]
    assert [one.study for one in depot.studies()] == ["more houses"]


def test_a_study_is_renamed(depot: Depot, tmp_path: Path) -> None:
    depot.rename("nobody", "none", lambda _path: None)
    depot.put_bundle("old", "best", bundle_in(tmp_path / "best", study="old"))

    def retell(path: Path) -> None:
        path.write_text(json.dumps({"study": "new"}))

    depot.rename("old", "new", retell)
    (found,) = depot.bundles()
    assert found.key == "bundles/new/best"
    assert json.loads(depot.manifest(found)) == {"study": "new"}


def test_files_of_the_dashboard_and_notes(depot: Depot) -> None:
    with pytest.raises(FileNotFoundError):
        depot.open_artifact("one")
    for content in (b"first", b"second"):
        depot.put_artifact("one", io.BytesIO(content))
    with depot.open_artifact("one") as file:
        assert file.read() == b"second"
    (one,) = depot.artifacts()
    assert (one.name, one.bytes) == ("one", 6)
    depot.remove(one)
    assert depot.artifacts() == []
    assert depot.read_note("note") is None
    depot.write_note("note", b"text")
    assert depot.read_note("note") == b"text"
    depot.write_note("note", None)
    assert depot.read_note("note") is None


def test_a_disk_that_is_not_mounted_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    gone = FolderDepot(tmp_path / "gone", must_exist=True)
    for ask in (
        gone.bundles,
        gone.artifacts,
        gone.studies,
        lambda: gone.put_artifact("a", io.BytesIO(b"a")),
        lambda: gone.put_bundle("a", "b", tmp_path),
    ):
        with pytest.raises(DepotError, match="is its disk mounted"):
            ask()
    assert not (tmp_path / "gone").exists()


def entry(name: str, *, mode: int = 0o100644, how: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr, made.compress_type = mode << 16, how
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        entry("b/../../escaped"),
        entry("/b/escaped"),
        entry("b//escaped"),
        entry("b\\..\\escaped"),
        entry("C:/escaped"),
        entry("b/more/.."),
        entry("escaped"),
        entry("b/link", mode=0o120777),
        entry("b/bomb", how=zipfile.ZIP_DEFLATED),
        entry("b/MANIFEST.json"),
        entry("c/other"),
    ],
    ids=lambda one: one.filename,
)
def test_a_strangers_packed_bundle_writes_nothing_elsewhere(
    hostile: zipfile.ZipInfo, tmp_path: Path
) -> None:
    path = tmp_path / "in" / "bundle.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry("b/manifest.json"), b"{}")
        archive.writestr(hostile, b"x" * 10_000)
    for read in (
        lambda: unpack(path, tmp_path / "in" / "out", "it"),
        lambda: manifest_in(io.BytesIO(path.read_bytes()), "it"),
    ):
        with pytest.raises(BundleError, match="it is not a bundle"):
            read()
    assert [one.name for one in tmp_path.rglob("*")] == ["in", "bundle.zip"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def without_manifest(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b/weights.safetensors", b"weights")


@pytest.mark.parametrize("damage", [cut, without_manifest, lambda path: path.write_bytes(b"text")])
def test_a_damaged_packed_bundle_is_refused(damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    pack(bundle_in(tmp_path / "best"), "best", path)
    damage(path)
    with pytest.raises(BundleError, match="is not a bundle"):
        unpack(path, tmp_path / "out", str(path))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("s3://AKIA:SECRETKEY@bucket/prefix", "Keys do not belong into it"),
        ("s3://bucket/prefix?secret=SECRETKEY", "Keys do not belong into it"),
        ("s3://", "cannot be the name of a bucket"),
        ("s3://Bucket/prefix", "cannot be the name of a bucket"),
        ("s3://bucket/../other", "cannot be a part of a prefix"),
        ("gs://bucket/prefix", "name a folder, or s3://BUCKET/PREFIX"),
        ("/no/such/folder", "there is no folder /no/such/folder; make it"),
    ],
)
def test_a_place_that_cannot_be_one_is_refused_without_its_secret(
    place: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        named(place, tmp_path)
    assert "SECRETKEY" not in str(caught.value)


def test_a_place_is_noted_in_one_form(tmp_path: Path) -> None:
    root, other = tmp_path / "storage", tmp_path / "other"
    other.mkdir()
    assert named("S3://bucket/a/b/", root) == "s3://bucket/a/b"
    assert named(str(root), root) is None
    assert named(f"{other}/../other", root) == str(other)
    with pytest.raises(UsageError, match="is in the storage folder"):
        named(str(root / "bundles"), root)
    assert depot_of(root) == FolderDepot(root)
    Record(id="a", place=str(other)).keep(root)
    assert depot_of(root) == FolderDepot(other, must_exist=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2, "id": "a"}', '{"format": 1}'])
def test_a_damaged_record_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "files.json").write_text(text)
    with pytest.raises(DepotError, match="name the place again: tuner files PLACE"):
        depot_of(tmp_path)


@pytest.mark.parametrize("way", ["fetch", "pack"])
def test_a_bundle_that_is_replaced_meanwhile_is_taken_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    depot = FolderDepot(tmp_path / "depot")
    depot.put_bundle("houses", "best", bundle_in(tmp_path / "first", of=1))
    second = bundle_in(tmp_path / "second", of=2)
    (second / "weights.safetensors").write_bytes(b"others!")
    copytree, write = shutil.copytree, zipfile.ZipFile.write

    def copied(source: Path, target: Path, *, symlinks: bool) -> None:
        assert symlinks
        monkeypatch.undo()
        copytree(source, target, ignore=shutil.ignore_patterns("weights*"))
        depot.put_bundle("houses", "best", second)
        copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest*"))

    def written(archive: zipfile.ZipFile, source: Path, name: str) -> None:
        write(archive, source, name)
        if source.name == "manifest.json":
            monkeypatch.undo()
            depot.put_bundle("houses", "best", second)

    monkeypatch.setattr(shutil, "copytree", copied)
    monkeypatch.setattr(zipfile.ZipFile, "write", written)
    (bundle,) = depot.bundles()
    taken = tmp_path / "taken"
    if way == "fetch":
        depot.fetch(bundle, taken)
    else:
        depot.pack(bundle, tmp_path / "packed.zip")
        unpack(tmp_path / "packed.zip", taken, "packed.zip")
    assert json.loads((taken / "manifest.json").read_text()) == {"of": 2}
    assert (taken / "weights.safetensors").read_bytes() == b"others!"


def test_a_bundle_is_fetched_into_a_new_folder_alone(depot: Depot, tmp_path: Path) -> None:
    depot.put_bundle("houses", "best", bundle_in(tmp_path / "made"))
    (bundle,) = depot.bundles()
    there = tmp_path / "there"
    there.mkdir()
    (there / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError):
        depot.fetch(bundle, there)
    assert (there / "thesis.txt").read_text() == "years of work"
