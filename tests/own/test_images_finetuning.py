"""A pretrained network whose last stages are fine-tuned."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from tests.making import history, make_brief, retrained, search
from tests.own.pictures import draw, photos, sheet, weights
from tuner.case.contract import Shape
from tuner.case.loading import load_case
from tuner.case.reference import to_door
from tuner.case.space import check_arms
from tuner.commands.predict import main as predict
from tuner.commands.study import main as study
from tuner.commands.verify import main as verify
from tuner.data.sources.folders import Folders
from tuner.data.splits import folds
from tuner.errors import StudyError, UsageError
from tuner.own.images import backbone as images_backbone
from tuner.own.images.finetuning import (
    FineTuned,
    FineTuningHyperparameters,
    FineTuningSpace,
    build,
    optimizer,
    stages_of,
)
from tuner.own.images.given import BACKBONES
from tuner.training.fitting import fit
from tuner.training.plan import plan_for

if TYPE_CHECKING:
    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

OPTIONS = {"data": "photos", "size": "32", "backbone": "resnet18", "weights": "w.pth"}
TUNED = to_door("images", {**OPTIONS, "unfreeze": "2"})
QUICK = {"epochs": 2, "batch_size": 8}
URL = "sqlite:///storage/studies.db"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images_backbone._load.cache_clear()  # as a new process has none


def made() -> tuple[Case, Dataset]:
    photos(Path("photos"))
    weights(Path("w.pth"))
    case = load_case(TUNED)
    data = case.dataset(Folders(own=Path("data")))
    return case.settled(data), data


@pytest.mark.parametrize("name", [one for one in BACKBONES if one != "resnet50"])
def test_stages_are_the_network_without_its_head(name: str) -> None:
    network = get_model(name, weights=None).eval()
    images_backbone.cut_head(network)
    images = torch.rand(2, 3, 64, 64)
    stages = stages_of(network, name)
    assert len(stages) == 3
    with torch.no_grad():
        assert torch.equal(nn.Sequential(*stages)(images).flatten(1), network(images))


def states(network: nn.Module) -> list[dict[str, torch.Tensor]]:
    assert isinstance(network, FineTuned)
    return [stage.state_dict() for stage in network.pretrained_stages()]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("unfreeze", [1, 0, 2])
def test_what_is_frozen_stays_exactly_as_it_was_and_the_rest_learns(unfreeze: int) -> None:
    case, data = made()
    hyperparameters = FineTuningHyperparameters(unfreeze=unfreeze, **QUICK)  # type: ignore[arg-type]
    running = fit(
        case,
        hyperparameters,
        data,
        folds(data.development, data.validation, 0)[:1],
        1,
        replace(plan_for(case.task, images=True), precision="float32"),
    )
    while True:
        try:
            next(running)
        except StopIteration as ended:
            (fitted,) = ended.value
            break
    backbone = images_backbone._load("resnet18", Path("w.pth"), 32)
    before = [stage.state_dict() for stage in stages_of(backbone.network, "resnet18")]
    kept = [same(one, other) for one, other in zip(before, states(fitted.model), strict=True)]
    assert kept == [True] * (3 - unfreeze) + [False] * unfreeze


def test_stages_learn_more_slowly_than_the_head() -> None:
    given = FineTuningHyperparameters(
        unfreeze=2, backbone_rate=0.25, learning_rate=0.004, step_lr=True, step_size=1, gamma=0.5
    )
    network = build("resnet18", given, Shape((3, 32, 32), 2))
    found = optimizer(network, given, 3)
    assert [group["lr"] for group in found.optimizer.param_groups] == [0.004, 0.001, 0.001]
    trained = {id(one) for group in found.optimizer.param_groups for one in group["params"]}
    assert trained == {id(one) for one in network.parameters() if one.requires_grad}
    assert found.each_epoch is not None
    assert found.each_batch is None
    cycled = optimizer(network, replace(given, step_lr=False, one_cycle=True), 3)
    assert cycled.each_batch is not None
    assert cycled.each_epoch is None


def test_its_arms_are_inside_and_the_space_before_the_data_has_all() -> None:
    case, data = made()
    check_arms(case)
    assert (data.row_shape, data.columns) == ((3, 32, 32), ())
    widest, own = FineTuningSpace.of(2, None), FineTuningSpace.of(2, data)
    assert own.epochs <= widest.epochs
    assert case.starts_from.startswith("resnet18 (SHA-256 of its weights ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"unfreeze": "3"}, "--unfreeze 3 is not 1 or 2"),
        ({"unfreeze": "0"}, "--unfreeze 0 is not 1 or 2"),
        ({"unfreeze": "1", "backbone": None}, "--unfreeze is for a pretrained network"),
        ({"unfreeze": "much"}, "--unfreeze much is not a whole number"),
    ],
)
def test_what_cannot_be_unfrozen_is_refused(options: dict[str, str | None], said: str) -> None:
    asked = {**OPTIONS, **options}
    if asked["backbone"] is None:
        del asked["weights"]
    with pytest.raises(UsageError, match=said):
        load_case(to_door("images", {name: text for name, text in asked.items() if text}))


@pytest.mark.slow
def test_a_study_is_continued_verified_and_its_bundle_needs_no_other_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos(Path("photos"), each=4)
    weights(Path("w.pth"))
    Path("storage").mkdir()
    config = make_brief(TUNED, Path("storage"), **QUICK)
    whole = history(search(URL, config, 3, name="whole"))
    search(URL, config, 1, name="parts")
    assert history(search(URL, config, 3, name="parts")) == whole
    assert verify(["whole", "--all", "--workers", "1"]) == 0
    assert "3 of 3 trials" in capsys.readouterr().out
    bundle = retrained("whole", arm="recipe", out=Path("bundle"))
    shutil.rmtree("photos")
    Path("w.pth").unlink()
    images_backbone._load.cache_clear()
    assert predict([str(bundle), str(draw(Path("new.png"), 7, side=40)), "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["class"] in {"cat", "dog"}


@pytest.mark.slow
def test_other_weights_are_another_study() -> None:
    photos(Path("photos"), each=4)
    weights(Path("w.pth"))
    command = ["images", "--data", "photos", "--size", "32", "--backbone", "resnet18"]
    command += ["--weights", "w.pth", "--unfreeze", "1", "--seeds", "0", "--workers", "1"]
    assert study([*command, "--trials", "1"]) == 0
    other = torch.load("w.pth", weights_only=True)
    other["conv1.weight"] += 1
    torch.save(other, "w.pth")
    images_backbone._load.cache_clear()
    with pytest.raises(StudyError, match=r"its pretrained network is resnet18 \(SHA-256"):
        study([*command, "--trials", "2"])


@pytest.mark.slow
@pytest.mark.parametrize("further", [[], ["--unfreeze", "1"]], ids=["features", "tuned"])
def test_a_backbone_learns_several_labels_a_picture(further: list[str]) -> None:
    weights(Path("w.pth"))
    rows: list[list[object]] = [["file", "tags"]]
    for number in range(30):
        draw(Path("photos", f"{number}.png"), number, number % 3)
        rows.append([f"{number}.png", ("red|green", "", "blue")[number % 3]])
    sheet(Path("photos", "tags.csv"), rows)
    command = ["images", "--data", "photos/tags.csv", "--image", "file", "--target", "tags"]
    command += ["--task", "multilabel", "--backbone", "resnet18", "--weights", "w.pth"]
    seeds = "0" if further else "2"
    command += ["--size", "32", "--trials", "2", "--seeds", seeds, "--workers", "1", *further]
    assert study(command) == 0
    (facts,) = Path("storage/reports").glob("*/report.json")
    assert json.loads(facts.read_text("utf-8"))["metric"]["name"] == "jaccard"
