from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

import tuner
from tests.making import STAMPS, TINY, retrained
from tests.runs.running import NUMBERS, run
from tuner.bundle.bundle import open_bundle
from tuner.bundle.files import reader_of
from tuner.bundle.prediction import predict, predict_files, predict_tables
from tuner.commands.predict import main
from tuner.errors import BundleError, CaseError, UsageError
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from tuner.bundle.bundle import Bundle

ROWS = [[0.0, 0.1], [1.5, 1.4], [-2.0, 0.3]]


@pytest.fixture(scope="module")
def bundles(
    tmp_path_factory: pytest.TempPathFactory, workplace: Path
) -> dict[str, tuple[Path, str]]:
    """Bundles for classes, for numbers and for images, each with its case's file."""
    folder = tmp_path_factory.mktemp("models")
    numbers = folder / "numbers.py"
    numbers.write_text(Path(TINY).read_text(encoding="utf-8") + NUMBERS, encoding="utf-8")
    cases = {"numbers": (str(numbers), "tiny"), "images": (STAMPS, "stamps")}
    out = folder / "classes-bundle"
    shutil.copytree(workplace / "storage", folder / "classes")
    retrained("tiny", TINY, arm="recipe", out=out, workplace=Workplace.at(folder / "classes"))
    made = {"classes": (out, TINY)}
    for name, (file, study) in cases.items():
        own = Workplace.at(folder / name)
        run(file, own, trials=1, seeds=0)
        out = folder / f"{name}-bundle"
        made[name] = (retrained(study, file, arm="baseline", out=out, workplace=own), file)
    return made


def opened(bundles: dict[str, tuple[Path, str]], name: str) -> tuple[tuner.Model, Bundle]:
    folder, file = bundles[name]
    return tuner.load(folder, file), open_bundle(folder, file)


def csv_of(folder: Path) -> Path:
    file = folder / "rows.csv"
    lines = ["x,y", *(",".join(map(str, row)) for row in ROWS)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_classes_are_those_of_the_command(bundles: Any, tmp_path: Path) -> None:
    model, bundle = opened(bundles, "classes")
    said = json.loads(predict_tables(bundle, [csv_of(tmp_path)], as_json=True))
    assert model.predict(ROWS).tolist() == [one["class"] for one in said]
    shares = model.predict_proba(np.array(ROWS))
    assert model.classes == ("left", "right")
    assert shares.tolist() == [list(one["probabilities"].values()) for one in said]


def test_numbers_are_in_the_targets_units(bundles: Any, tmp_path: Path) -> None:
    model, bundle = opened(bundles, "numbers")
    said = json.loads(predict_tables(bundle, [csv_of(tmp_path)], as_json=True))
    assert model.predict(torch.tensor(ROWS).double()).tolist() == [
        one["prediction"] for one in said
    ]
    assert model.predict(ROWS).mean() > 3  # the targets are five and more
    with pytest.raises(UsageError, match="has no probabilities; call predict"):
        model.predict_proba(ROWS)


def test_images_are_taken_as_files_and_as_pixels(bundles: Any, tmp_path: Path) -> None:
    model, bundle = opened(bundles, "images")
    pixels = np.zeros((6, 8, 3), dtype=np.uint8)
    pixels[:, :, 1] = 200
    file = tmp_path / "green.png"
    Image.fromarray(pixels).save(file)
    read = reader_of(bundle)
    assert read is not None
    expected = predict_files(bundle, read, [file], as_json=True)
    assert model.predict([file]).tolist() == [json.loads(expected)[0]["class"]]
    assert model.predict([str(file)]) == model.predict(pixels.transpose(2, 0, 1)[None])


@pytest.mark.parametrize("name", ["classes", "numbers"])
def test_as_a_module_it_takes_unscaled_rows_and_has_gradients(bundles: Any, name: str) -> None:
    model, bundle = opened(bundles, name)
    rows = torch.tensor(ROWS, requires_grad=True)
    outputs = model(rows)
    outputs.sum().backward()
    assert rows.grad is not None
    assert rows.grad.abs().sum() > 0
    names = [f"row {n}" for n in range(3)]
    said = predict(bundle, rows.detach(), names)
    if name == "numbers":
        assert outputs.shape == (3, 1)
        assert outputs[:, 0].tolist() == pytest.approx([one.value for one in said], rel=1e-5)
    else:
        assert [model.classes[n] for n in outputs.argmax(dim=1)] == [one.value for one in said]
    assert {parameter.requires_grad for parameter in model.parameters()} == {True}


def test_predicting_leaves_the_mode_as_it_is(bundles: Any) -> None:
    model, _ = opened(bundles, "classes")
    assert not model.network.training
    training = model.train().network
    first = model.predict_proba(ROWS)
    assert training.training
    assert (model.predict_proba(ROWS) == first).all()


class Frame:
    """A stand-in for a data frame, with what a model uses of one."""

    columns = ("y", "name", "x")

    def __getitem__(self, names: list[str]) -> list[list[float]]:
        assert names == ["x", "y"]
        return ROWS


def test_of_a_data_frame_columns_are_taken_by_their_names(bundles: Any) -> None:
    model, _ = opened(bundles, "classes")
    assert (model.predict(Frame()) == model.predict(ROWS)).all()

    class Lacking(Frame):
        columns = ("y", "name", "z")

    with pytest.raises(UsageError, match="the rows have no column 'x'"):
        model.predict(Lacking())


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("classes", [1.0, 2.0], r"of shape \(2,\); the model takes"),
        ("classes", [[1.0, 2.0, 3.0]], r"of shape \(1, 3\); the model takes .* \(N, 2\)"),
        ("classes", [["a", "b"]], "rows cannot be read as numbers"),
        ("classes", [[1.0, float("nan")]], "missing or not finite"),
        ("classes", [], "there are no rows"),
        ("classes", "rows.csv", "rows is 'rows.csv'; give a list of files"),
        ("classes", ["rows.csv"], "the model's files are tables"),
        ("classes", np.array(["rows.csv"], dtype=object), "the model's files are tables"),
        ("images", np.zeros((1, 3, 6, 8)), r"rows are torch.float64 .* takes torch.uint8"),
        ("images", np.zeros((1, 3, 8, 6), dtype=np.uint8), r"\(N, 3, 6, 8\)"),
    ],
)
def test_other_rows_are_refused(bundles: Any, name: str, rows: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        opened(bundles, name)[0].predict(rows)


def test_code_that_has_changed_since_the_model_was_saved_is_told(
    bundles: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = bundles["classes"]
    text = Path(file).read_text(encoding="utf-8")
    same, other = tmp_path / "same.py", tmp_path / "other.py"
    same.write_text(f"{text}\n# a comment\n", encoding="utf-8")
    other.write_text(f"{text}\nSCALE = 2\n", encoding="utf-8")
    tuner.load(folder, same)
    with pytest.warns(UserWarning, match=r"code of its case has changed .*, in other.py"):
        tuner.load(folder, other)
    for path, is_told in ((same, False), (other, True)):
        main([str(folder), str(csv_of(tmp_path)), "--case", str(path)])
        assert ("the code of its case has changed" in capsys.readouterr().err) is is_told


def test_a_bundle_that_cannot_be_used_is_refused(bundles: Any, tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="pass its file: --case"):
        tuner.load(bundles["classes"][0])
    with pytest.raises(BundleError, match="is not a bundle"):
        tuner.load(tmp_path, TINY)
