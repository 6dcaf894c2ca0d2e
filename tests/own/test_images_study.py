"""Studies of pictures: resumed, in parallel, verified, saved as a bundle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.making import history, make_brief, make_engine, open_as_command, retrained, search
from tests.own.pictures import draw, photos, weights
from tuner.bundle.bundle import open_bundle
from tuner.case.reference import to_door
from tuner.commands.predict import main as predict
from tuner.commands.study import main as study_main
from tuner.commands.verify import main as verify
from tuner.errors import BundleError, DataError, StudyError
from tuner.own.images import backbone as images_backbone
from tuner.study.database.lock import only_writer
from tuner.study.store import facts_of, load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from tuner.study.configuration import StudyConfig

FIXED = {"epochs": 5, "batch_size": 8, "depth": 2}
PIXELS = to_door("images", {"data": "photos"})
FEATURES = to_door(
    "images", {"data": "photos", "size": "32", "backbone": "resnet18", "weights": "w.pth"}
)
NAMES = {PIXELS: "pixels", FEATURES: "features"}
URL = "sqlite:///storage/studies.db"
TRIALS = 3


def brief(reference: str) -> StudyConfig:
    fixed = {} if reference == FEATURES else FIXED
    return make_brief(reference, Path("storage"), **fixed)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, untrained weights, and a study of each kind."""
    folder = tmp_path_factory.mktemp("studied")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        photos(Path("photos"), each=4)
        weights(Path("w.pth"))
        Path("storage").mkdir()
        for reference, name in NAMES.items():
            search(URL, brief(reference), TRIALS, name=name)
            with only_writer(URL, name):
                pass  # closes the database, as at the end of a command
    return folder


@pytest.fixture
def here(studied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, in which the test runs."""
    shutil.copytree(studied, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "reference",
    [pytest.param(PIXELS, marks=pytest.mark.slow), FEATURES],
    ids=[NAMES[PIXELS], NAMES[FEATURES]],
)
def test_a_study_that_is_continued_is_the_same(here: Path, reference: str) -> None:
    config = brief(reference)
    search(URL, config, 1, name="parts")
    resumed = history(search(URL, config, TRIALS, name="parts"))
    assert resumed == history(load_study(URL, NAMES[reference]))


@pytest.mark.slow  # a pool of processes; tests/engines/test_contract.py guards the same
def test_a_study_with_two_workers_is_the_same(here: Path) -> None:
    engine = make_engine(2)
    try:
        together = history(search(URL, brief(PIXELS), TRIALS, engine=engine, name="together"))
    finally:
        engine.close()
    whole = history(load_study(URL, NAMES[PIXELS]))
    for what in ("state", "params", "values", "points"):
        assert [one[what] for one in together] == [one[what] for one in whole]


@pytest.mark.slow
@pytest.mark.parametrize("reference", NAMES, ids=NAMES.values())
def test_trials_are_the_same_again_without_the_folder(
    here: Path, reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree("photos")  # trainings need only the cache
    assert verify([NAMES[reference], "--all", "--workers", "1"]) == 0
    said = f"{TRIALS} of {TRIALS} trials of study {NAMES[reference]!r} are the same"
    assert said in capsys.readouterr().out


@pytest.mark.slow
def test_a_bundle_reads_new_pictures_as_the_folder_was_read(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = retrained("pixels", arm="recipe", out=Path("bundle"))
    shutil.rmtree("photos")
    new = draw(Path("new.png"), 77, channel=1, side=40)
    assert predict([str(bundle), str(new), "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["class"] in {"cat", "dog"}
    opened = open_bundle(bundle)
    assert opened.interface.shape.inputs == (3, 12, 12)


@pytest.mark.slow
def test_a_bundle_of_a_head_names_its_backbone(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = retrained("features", arm="baseline", out=Path("bundle"))
    picture = "photos/dog/0.png"
    assert predict([str(bundle), picture, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first[0]["probabilities"].keys() == {"cat", "dog"}
    other = torch.load("w.pth", weights_only=True)
    other["conv1.weight"] += 1
    torch.save(other, "other.pth")
    Path("other.pth").replace("w.pth")
    images_backbone._load.cache_clear()  # as a new process has none
    with pytest.raises(
        BundleError, match=r"it was trained on features of resnet18\.\w+, and w.pth"
    ):
        open_bundle(bundle)
    Path("w.pth").unlink()
    images_backbone._load.cache_clear()
    with pytest.raises(DataError, match=r"--weights w\.pth cannot be read"):
        open_bundle(bundle)


@pytest.mark.slow
def test_a_backbone_is_found_from_any_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["images", "--data", "photos", "--size", "32", "--backbone", "resnet18"]
    command += ["--weights", "w.pth", "--name", "typed", "--trials", "1", "--seeds", "0"]
    assert study_main([*command, "--workers", "1"]) == 0
    bundle = retrained("typed", arm="baseline", out=Path("bundle"))
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    weights(Path("w.pth"), "resnet34")  # the same file name, but other weights
    images_backbone._load.cache_clear()
    assert predict([str(here / bundle), str(here / "photos/dog/0.png")]) == 0
    assert verify(["typed", "--all", "--home", str(here / "storage"), "--workers", "1"]) == 0
    assert "1 of 1 trials of study 'typed' are the same" in capsys.readouterr().out


@pytest.mark.slow
def test_a_class_that_is_gone_is_an_error_and_no_shift(here: Path) -> None:
    photos(Path("photos"), ["bee"])
    open_as_command(URL, "photos", brief(PIXELS))
    shutil.move("photos/bee", "bee")
    gone = r"its 3 classes are now 2, without 'bee' \(a study keeps its classes\)"
    with pytest.raises(StudyError, match=gone):
        open_as_command(URL, "photos", brief(PIXELS))
    photos(Path("photos"), ["ant"])
    with pytest.raises(StudyError, match="its 3 classes are now 3, without 'bee' and with 'ant'"):
        open_as_command(URL, "photos", brief(PIXELS))
    shutil.move("bee", "photos/bee")
    with pytest.raises(StudyError, match="its 3 classes are now 4, with 'ant'"):
        open_as_command(URL, "photos", brief(PIXELS))


@pytest.mark.slow
def test_one_command_from_pictures_to_a_report(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos/dog/9.png").write_bytes(b"no picture")
    typed = ["images", "--data", "photos", "--trials", "3", "--seeds", "2", "--workers", "1"]
    fixed = [word for name, value in FIXED.items() for word in ("--fix", f"{name}={value}")]
    assert study_main([*typed, *fixed, "--name", "mine"]) == 0
    said = capsys.readouterr().out
    assert "unreadable                 1, left out: dog/9.png" in said
    assert said.index("unreadable") < said.index("[1/3] trial 0")
    text = Path("storage/reports/mine/report.md").read_text(encoding="utf-8")
    assert "- unreadable: `1, left out: dog/9.png" in text
    assert "tuner study images --data photos" in text
    facts = json.loads(Path("storage/reports/mine/report.json").read_text(encoding="utf-8"))
    assert facts["mistakes"]["suspects"] == []
    assert facts_of(load_study(Workplace.at().url, "mine"))["reference"] == PIXELS
