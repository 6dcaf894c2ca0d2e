"""The door of pictures for folders and lists: rows, splits, sizes, space, features."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial
from PIL import Image

from tests.data.making import opened
from tests.own.pictures import draw, listed, photos, sheet, weights
from tuner.case.loading import load_case
from tuner.case.reference import to_door
from tuner.case.space import check_arms, space
from tuner.data import room
from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.images import Look
from tuner.data.reading import BY_CASE, READ_IMAGE
from tuner.data.sources.folders import Folders
from tuner.data.splits import GroupFolds, Holdout, KFold, folds, hold_out_groups
from tuner.errors import DataError
from tuner.own.images import backbone as images_backbone
from tuner.own.images.alike import find_alike, of_one_scene, without_near
from tuner.own.images.pixels import choose_shape, statistics_of
from tuner.own.images.space import Scale
from tuner.own.images.targets import is_numeric

if TYPE_CHECKING:
    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

SHEET = {"data": "list.csv", "image": "file", "target": "label"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(**options: str) -> tuple[Case, Dataset]:
    """The case and its data."""
    case = load_case(to_door("images", options or {"data": "photos"}))
    data = case.dataset(Folders(own=Path("data")))
    return case.settled(data), data


def test_rows_are_the_pictures_with_their_names() -> None:
    photos(Path("photos"))
    case, data = made()
    rows, test = data.development, opened(data)
    assert (case.task, data.classes, data.name) == ("classification", ("cat", "dog"), "photos")
    assert data.row_shape == (3, 12, 12)
    assert data.reading == READ_IMAGE
    assert len({*rows.names, *test.names}) == 12
    assert len(test) == 2
    assert sorted(test.targets.tolist()) == [0, 1]
    for part in (rows, test):
        for number, name in enumerate(part.names):
            with Image.open(Path("photos", name)) as image:
                pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
            assert torch.equal(part.features[number], pixels)
            assert data.classes[int(part.targets[number])] == Path(name).parent.name


def test_the_same_folder_gives_the_same_data_and_a_new_picture_does_not() -> None:
    photos(Path("photos"))
    first, again = made()[1], made()[1]
    draw(Path("photos/cat/new.png"), 99)
    assert first.identity == again.identity != made()[1].identity


def test_pictures_are_turned_upright_as_predict_turns_them() -> None:
    photos(Path("photos"))
    path = Path("photos/cat/turned.png")
    pixels = np.random.default_rng(5).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    Image.fromarray(pixels).save(path, exif=exif)
    _, data = made()
    assert dict(data.inspection)["orientation"] == "1 turned upright by their EXIF tag"
    parts = (data.development, opened(data))
    (row,) = (
        part.features[part.names.index("cat/turned.png")]
        for part in parts
        if "cat/turned.png" in part.names
    )
    assert torch.equal(row, torch.from_numpy(np.rot90(pixels, -1).copy()).permute(2, 0, 1))


def test_copies_and_patients_stay_on_one_side() -> None:
    rows = listed(Path(), each=20)
    Path("3.png").write_bytes(Path("0.png").read_bytes())  # joins two patients
    sheet(Path("list.csv"), rows)
    _, data = made(**SHEET, group="patient")
    of = {str(row[0]): str(row[2]) for row in rows[1:]} | {"3.png": "p0", "2.png": "p0"}
    assert isinstance(data.validation, GroupFolds)
    parts = [
        {of[data.development.names[n]] for n in part.tolist()}
        for fold in folds(data.development, data.validation, 0)
        for part in (fold.training, fold.validation)
    ]
    tested = {of[name] for name in opened(data).names}
    developed = {of[name] for name in data.development.names}
    assert tested
    assert not tested & developed
    assert all(not one & other for one, other in zip(parts[::2], parts[1::2], strict=True))


def test_near_copies_are_found_and_others_are_not() -> None:
    random = np.random.default_rng(0)
    large = random.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    one = Image.fromarray(large).resize((64, 64), Image.Resampling.BICUBIC)
    one.save("one.jpg", quality=60)
    one.resize((50, 50)).resize((64, 64)).save("two.png")
    other = Image.fromarray(255 - large).resize((64, 64), Image.Resampling.BICUBIC)
    stack = [one, Image.open("one.jpg"), Image.open("two.png"), other, one]
    stack += [Image.new("RGB", (64, 64), (value, 0, 0)) for value in (200, 201)]
    found = find_alike(
        torch.stack([torch.from_numpy(np.array(each)).permute(2, 0, 1) for each in stack])
    )
    assert found.equal == [(0, 4)]
    assert sorted(found.near)[:2] == [(0, 1), (0, 2)]
    assert len(set(found.groups.tolist())) == 4
    assert found.groups[0] == found.groups[1] == found.groups[2] == found.groups[4]


@pytest.mark.slow
def test_nearly_equal_says_nothing_where_most_are_whatever_they_show() -> None:
    random = np.random.default_rng(0)
    scene = random.integers(0, 200, (3, 8, 8)).repeat(4, 1).repeat(4, 2)
    noise = random.integers(0, 5, (8, 3, 32, 32))
    others = random.integers(0, 255, (4, 3, 32, 32))
    pictures = torch.from_numpy(np.concatenate([scene + noise, others])).to(torch.uint8)
    pictures[7] = pictures[6]
    alike = find_alike(pictures)
    assert len(set(alike.groups.tolist())) == 5
    assert of_one_scene(alike, np.arange(12) % 2) == 8
    assert of_one_scene(alike, np.arange(12) // 8) == 0, "these show one thing: copies"
    assert of_one_scene(find_alike(pictures[4:]), np.arange(8) % 2) == 0, "half are not most"
    copies = find_alike(pictures[[6] * 8 + [8, 9, 10, 11]])
    assert of_one_scene(copies, np.arange(12) % 2) == 0, "these are equal in all pixels"
    apart = without_near(alike, [*["p"] * 2, *[None] * 10])
    assert len(set(apart.groups.tolist())) == 10
    assert apart.groups[0] == apart.groups[1]
    assert apart.groups[6] == apart.groups[7]


@pytest.mark.slow
def test_a_crowd_with_one_hash_is_not_compared_pair_by_pair() -> None:
    plain = torch.full((1500, 1, 12, 12), 255, dtype=torch.uint8)
    plain[torch.arange(1500), 0, 11, torch.arange(1500) % 12] = (torch.arange(1500) % 250).byte()
    assert len(find_alike(plain).groups) == 1500


@settings(max_examples=60)
@given(
    labels=st.lists(st.integers(0, 3), min_size=8, max_size=80),
    sizes=st.integers(1, 5),
    share=st.sampled_from([0.1, 0.2, 0.5]),
    seed=st.integers(0, 99),
)
def test_held_out_groups_are_whole_and_leave_some_of_each_class(
    labels: list[int], sizes: int, share: float, seed: int
) -> None:
    targets = np.array(labels)
    groups = targets * 1000 + np.arange(len(targets)) // sizes  # of one class each
    held = hold_out_groups(targets, groups, share, seed, keep=2)
    assert not set(groups[held]) & set(groups[~held])
    for label in set(labels):
        own, all_of = np.unique(groups[targets == label]), targets == label
        left = len(set(groups[~held & all_of]))
        assert left >= min(2, len(own))
        if len(own) > 2:
            assert held[all_of].any()
            assert abs(held[all_of].sum() - share * all_of.sum()) <= sizes


@pytest.mark.parametrize(("each", "scheme"), [(3, KFold(2)), (12, KFold(5)), (700, Holdout(224))])
def test_the_scheme_follows_the_number_of_rows(each: int, scheme: object) -> None:
    from tuner.own.images.split import scheme_for

    rows = 2 * each * 4 // 5
    examples = Examples(
        features=torch.zeros(rows, 1, 8, 8, dtype=torch.uint8), targets=torch.arange(rows) % 2
    )
    assert scheme_for(examples, ("a", "b")) == scheme


def test_one_part_that_is_held_out_keeps_groups_whole() -> None:
    groups = torch.arange(1000) // 4
    rows = Examples(features=torch.zeros(1000, 1), targets=torch.arange(1000) // 500, groups=groups)
    (first,), (second,) = (folds(rows, Holdout(200), seed) for seed in (0, 1))
    assert len(first.validation) == 200
    assert not set(groups[first.validation].tolist()) & set(groups[first.training].tolist())
    assert first.validation.tolist() != second.validation.tolist()
    assert rows.targets[first.validation].sum() == 100


def look(width: int, height: int, mode: str = "RGB") -> Look:
    return Look(width, height, mode, turned=False, transparent=False, frames=False)


@pytest.mark.parametrize(
    ("looks", "size", "shape"),
    [
        ([look(28, 28, "L")] * 3, None, (1, 28, 28)),
        ([look(40, 24)] * 3, None, (3, 24, 40)),
        ([look(28, 28), look(28, 28, "L")], None, (3, 28, 28)),
        ([look(500, 300), look(50, 80), look(70, 70, "CMYK")], None, (3, 64, 64)),
        ([look(50, 80), look(50, 81)], None, (3, 48, 48)),
        ([look(10, 80), look(20, 81)], None, (3, 32, 32)),
        ([look(500, 300, "I;16")], 96, (1, 96, 96)),
    ],
)
def test_the_size_is_chosen_by_the_pictures(
    looks: list[Look], size: int | None, shape: tuple[int, int, int]
) -> None:
    assert choose_shape(looks, size)[0] == shape


def test_statistics_are_those_of_the_pixels() -> None:
    rows = torch.randint(0, 256, (50, 3, 5, 5), dtype=torch.uint8)
    rows[:, 2] = 9
    found = statistics_of(rows)
    shares = rows.double() / 255
    assert found.mean == pytest.approx(shares.mean(dim=(0, 2, 3)).tolist())
    assert found.std[:2] == pytest.approx(shares.std(dim=(0, 2, 3), correction=0)[:2].tolist())
    assert found.std[2] == 1


@pytest.mark.parametrize(
    ("targets", "numeric"),
    [
        (["1.5", "2"], True),
        ([str(n) for n in range(30)], True),
        ([str(n % 5) for n in range(30)], False),
        (["1", "cat"], False),
        (["nan", "1.5"], False),
        (["inf", "1.5"], True),
    ],
)
def test_what_is_measured_and_what_is_a_class(targets: list[str], numeric: bool) -> None:
    assert is_numeric(targets) == numeric


def test_a_number_in_the_list_is_a_regression() -> None:
    sheet(Path("list.csv"), listed(Path(), ["1.5", "2.5", "3"]))
    case, data = made(**SHEET)
    assert (case.task, data.classes, data.name) == ("regression", (), "list-label")
    assert data.development.targets.unique().tolist() == [1.5, 2.5, 3.0]
    assert "label_smoothing" not in space(case)
    assert made(**SHEET, task="classification")[0].task == "classification"


@pytest.mark.parametrize(
    ("targets", "separator", "numbers"),
    [
        (["1.5", "NA", "2.5", "3"], ",", [1.5, 2.5, 3]),
        (["1.5", "-", "n/a", "NaN", "3"], ",", [1.5, 3]),
        (["1,5", "2,25", "-3"], ";", [-3, 1.5, 2.25]),
        (["1,5", "NA", "1.200,5"], "\t", [1.5, 1200.5]),
        (["0,125", "1,250"], ";", [0.125, 1.25]),
        (["1,200.5", "950", "none"], ",", [950, 1200.5]),
        (["950", *[f"{n}.200" for n in range(1, 21)]], ";", [950, *range(1200, 21200, 1000)]),
    ],
)
def test_targets_are_numbers_as_a_table_reads_them(
    targets: list[str], separator: str, numbers: list[float]
) -> None:
    sheet(Path("list.csv"), listed(Path(), targets), separator)
    case, data = made(**SHEET)
    assert case.task == "regression"
    assert data.development.targets.unique().tolist() == numbers
    marks = 6 * sum(not set("0123456789") & set(one) for one in targets)
    left_out = dict(data.inspection)["left out"]
    assert left_out == (f"rows without a file or a target: {marks}" if marks else "nothing")
    asked = made(**SHEET, task="regression")[1]
    assert asked.development.targets.tolist() == data.development.targets.tolist()


def test_another_column_decides_what_a_comma_is() -> None:
    rows = listed(Path(), ["1,200", "2,400"], each=15)
    rows = [[*row, f"{place},5"] for place, row in enumerate(rows)]
    rows[0][3] = "weight"
    for separator, wanted in ((";", [1.2, 2.4]), (",", [1200.0, 2400.0])):
        sheet(Path("list.csv"), rows, separator)
        data = made(**SHEET, task="regression")[1]
        assert data.development.targets.unique().tolist() == wanted


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        (["0", "1", "NA"], ("0", "1")),
        (["cat", "dog", "NA"], ("NA", "cat", "dog")),
        (["no", "yes", "NA"], ("no", "yes")),
        (["no", "no", "No", "yes", "YES", "yes"], ("no", "yes")),
        (["0", "0", "0.0", "1"], ("0", "1")),
        (["1,200", "2,400"], ("1,200", "2,400")),
        (["nan", "NA"], ("NA", "nan")),
    ],
)
def test_classes_keep_their_text_and_no_mark_stands_among_numbers(
    targets: list[str], classes: tuple[str, ...]
) -> None:
    sheet(Path("list.csv"), listed(Path(), targets), ";")
    assert made(**SHEET)[1].classes == classes
    assert made(**SHEET, task="classification")[1].classes == classes


def test_a_picture_whose_group_is_a_mark_is_alone() -> None:
    rows = listed(Path(), each=20)
    for row in rows[1:]:
        row[2] = "NA"
    sheet(Path("list.csv"), rows)
    assert made(**SHEET, group="patient")[1].development.groups is None


@pytest.mark.parametrize("side", [8, 28, 64, 224])
@pytest.mark.parametrize("rows", [8, 100, 2000, 30000])
def test_every_scale_has_its_arms_and_lies_in_the_widest(rows: int, side: int) -> None:
    count = rows if rows * side**2 < 2**24 else 2**24 // side**2
    features = torch.zeros(count, 1, side, side, dtype=torch.uint8)
    features[:, 0, 0, 0] = torch.arange(count) % 250
    data = make_dataset(
        name="scaled",
        source="a test",
        development=Examples(features=features, targets=torch.arange(count) % 2),
        test=Examples(features=features[:2], targets=torch.arange(2)),
        validation=KFold(2),
        classes=("a", "b"),
        pixels=PixelStatistics(mean=(0.5,), std=(0.5,)),
    )
    case = load_case("images --data photos")
    settled = case.settled(data)
    check_arms(settled)
    widest = Scale.widest()
    for arm in (settled.baseline, settled.recipe):
        assert case.suggest(FixedTrial(asdict(arm))) == arm
    scale = Scale.of(data)
    assert set(scale.batches) <= set(widest.batches)
    assert (scale.epochs, scale.depth) <= (widest.epochs, widest.depth)


def test_a_backbone_gives_features_once(monkeypatch: pytest.MonkeyPatch) -> None:
    photos(Path("photos"))
    weights(Path("w.pth"))
    options = {"data": "photos", "backbone": "resnet18", "weights": "w.pth", "size": "32"}
    case, data = made(**options)
    assert data.row_shape == (512,)
    assert data.pixels is None
    assert (data.reading, data.name) == (BY_CASE, "photos-resnet18")
    assert case.accepts is not None
    assert case.accepts(data.columns) is None
    assert "it was trained on features of resnet18.0" in str(case.accepts(("resnet18.0.0",)))
    monkeypatch.setattr(images_backbone, "read_images", None)  # must not be called again
    again = made(**options)[1]
    assert again.identity == data.identity
    assert case.read is not None
    name = data.development.names[0]
    features = case.read(Path("photos", name))
    assert torch.allclose(features, data.development.features[0], atol=1e-4)


def test_weights_of_another_network_are_refused() -> None:
    photos(Path("photos"))
    weights(Path("w.pth"), "mobilenet_v3_small")
    with pytest.raises(DataError, match=r"w.pth does not hold the weights of resnet18: Error\(s\)"):
        made(data="photos", backbone="resnet18", weights="w.pth")


def test_weights_that_cannot_be_downloaded_are_never_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos(Path("photos"))

    def unreachable(url: str) -> None:
        raise OSError(f"no answer from {url}")

    monkeypatch.setattr("tuner.data.sources.downloading._require", unreachable)
    said = r"the weights of resnet18 cannot be downloaded .* and name the file with --weights"
    with pytest.raises(DataError, match=said):
        made(data="photos", backbone="resnet18")


def test_memory_decides_where_pixels_are(monkeypatch: pytest.MonkeyPatch) -> None:
    photos(Path("photos"))
    before = made()[1].identity
    monkeypatch.setattr(room, "SHARE_OF_MEMORY", 0.0)
    assert made()[1].identity == before


def test_the_help_of_the_door_imports_nothing_slow() -> None:
    program = (
        "import sys\n"
        "from tuner.commands.study import main\n"
        "try:\n"
        "    main(['images', '--help'])\n"
        "except SystemExit:\n"
        "    print('HEAVY', sorted({'torch', 'optuna', 'numpy', 'PIL'} & sys.modules.keys()))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "--backbone {resnet18," in ran.stdout
    assert "HEAVY []" in ran.stdout
