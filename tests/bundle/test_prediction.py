from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.making import STAMPS, TINY, make_brief, retrained, search
from tuner.bundle.bundle import open_bundle
from tuner.commands.predict import main
from tuner.errors import BundleError, DataError, TunerError, UsageError
from tuner.workplace import Workplace

if TYPE_CHECKING:
    import numpy as np

    from tuner.data.examples import Examples


def made(folder: Path, reference: str) -> Path:
    """A bundle of a case's baseline."""
    url = f"sqlite:///{folder}/studies.db"
    search(url, make_brief(reference, folder), 1)
    file = reference if reference.endswith(".py") else None
    return retrained(
        "study",
        arm="baseline",
        case_file=file,
        out=folder / "bundle",
        workplace=Workplace.at(folder),
    )


@pytest.fixture(scope="module")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("stamps"))
        return made(Path.cwd(), STAMPS)


@pytest.fixture(scope="module")
def housing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("housing"))
        return made(Path.cwd(), "housing")


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Stamps of known colours, as files of several formats."""
    paths = []
    for index, suffix in enumerate(("png", "bmp", "png")):
        path = tmp_path / f"stamp {index}.{suffix}"
        Image.fromarray(pixels(index)).save(path)
        paths.append(path)
    return paths


def pixels(index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """One row of the case's test split: (6, 8, 3)."""
    rows = stamp_rows()
    found: np.ndarray[Any, np.dtype[np.uint8]] = rows.features[index].permute(1, 2, 0).numpy()
    return found


def stamp_rows() -> Examples:
    from tests.cases.stamps import stamps as draw

    return draw(30, 1)


def housing_rows() -> Examples:
    from tuner.cases.housing import CASE
    from tuner.data.sources.folders import Folders

    return CASE.load(Folders()).test.open(lambda: None)


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def write_table(path: Path, columns: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Houses in columns turned round, with one that the model does not know."""
    names = [f"x{number}" for number in reversed(range(10))]
    rows = [[f"house, {n}", *row.flip(0).tolist()] for n, row in enumerate(housing_rows().features)]
    return write_table(tmp_path / "houses.csv", ["name", *names], rows)


def test_images_get_class_and_probability(
    stamps: Path, images: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stamps, *images, "--case", STAMPS) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines] == [
        [str(path), colour] for path, colour in zip(images, ("red", "green", "blue"), strict=True)
    ]
    bundle = open_bundle(stamps, STAMPS)
    expected = bundle.fitted.outputs(stamp_rows().features[:3], bundle.plan).softmax(dim=1)
    assert [float(line[2]) for line in lines] == pytest.approx(
        expected.max(dim=1).values.tolist(), abs=1e-4
    )


def test_images_in_json_have_every_probability(
    stamps: Path, images: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run(stamps, *images, "--case", STAMPS, "--json")
    found = json.loads(capsys.readouterr().out)
    assert [one["file"] for one in found] == [str(path) for path in images]
    assert [one["class"] for one in found] == ["red", "green", "blue"]
    for one in found:
        assert list(one["probabilities"]) == ["red", "green", "blue"]
        assert sum(one["probabilities"].values()) == pytest.approx(1)
        assert one["probability"] == max(one["probabilities"].values())


def test_an_image_of_another_size_and_mode_is_made_to_fit(
    stamps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for mode, suffix in (("RGBA", "png"), ("P", "gif"), ("RGB", "jpg")):
        path = tmp_path / f"big.{suffix}"
        big = Image.fromarray(pixels(1)).resize((80, 60), Image.Resampling.NEAREST)
        big.convert(mode).save(path)
        run(stamps, path, "--case", STAMPS)
        assert capsys.readouterr().out.split("\t")[1] == "green"


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", b"\x89PNG\r\n\x1a\nbroken", b"P6\n8 6\n255\n" + bytes(5)],
)
def test_what_is_no_image_is_named_and_nothing_is_predicted(
    stamps: Path,
    images: list[Path],
    tmp_path: Path,
    content: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.png cannot be read as an image") as error:
        run(stamps, images[0], bad, "--case", STAMPS)
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""


def test_an_image_cut_short_missing_or_a_folder_is_named(
    stamps: Path, images: list[Path], tmp_path: Path
) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(images[0].read_bytes()[:-40])
    for path in (cut, tmp_path / "missing.png", tmp_path):
        with pytest.raises(DataError, match=path.name):
            run(stamps, path, "--case", STAMPS)


def test_an_absurdly_large_image_is_not_decoded(
    stamps: Path, images: list[Path], tmp_path: Path
) -> None:
    header = b"P6\n60000 60000\n255\n"
    (tmp_path / "bomb.ppm").write_bytes(header + bytes(100))
    with pytest.raises(DataError, match=r"bomb\.ppm cannot be read as an image: Image size"):
        run(stamps, tmp_path / "bomb.ppm", "--case", STAMPS)


def test_a_table_comes_back_with_a_column_added(
    housing: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(housing, table) == 0
    given = list(csv.reader(io.StringIO(table.read_text())))
    got = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [row[:-1] for row in got] == given
    assert got[0][-1] == "prediction"
    rows = housing_rows()
    predicted = torch.tensor([float(row[-1]) for row in got[1:]])[:, None]
    bundle = open_bundle(housing)
    outputs = bundle.fitted.outputs(rows.features, bundle.plan)
    torch.testing.assert_close(predicted, bundle.fitted.targets.undo(outputs))
    error = (predicted - rows.targets).abs().mean() / rows.targets.std()
    assert error < 0.3, "in the target's own units"


def test_a_table_in_json(housing: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(housing, table)
    plain = list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:]
    run(housing, table, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found == [
        {"row": number, "prediction": float(row[-1])} for number, row in enumerate(plain, start=1)
    ]


def test_several_tables_come_out_under_one_header(
    housing: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(housing, table)
    header, *rows = capsys.readouterr().out.splitlines()
    run(housing, table, table)
    assert capsys.readouterr().out.splitlines() == [header, *rows, *rows]
    other = write_table(tmp_path / "other.csv", [f"x{n}" for n in range(10)], [[1.0] * 10])
    with pytest.raises(UsageError, match=r"other\.csv has other columns than .*houses\.csv"):
        run(housing, table, other)


def test_a_byte_order_mark_is_no_part_of_a_name(
    housing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_table(tmp_path / "bom.csv", [f"x{n}" for n in range(10)], [[1.0] * 10])
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert run(housing, path) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


HEADER = ",".join(f"x{number}" for number in range(10))
ONES = ",".join("1" * 10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the columns x0, x1"),
        (f"{HEADER[3:]}\n{ONES[2:]}\n", "lacks the columns x0;"),
        (f"{HEADER}\n", "has a header and no rows"),
        (f"{HEADER}\n{ONES}\n{ONES},1\n", "line 3: 11 cells where the header has 10"),
        (f"{HEADER}\n{ONES}\n\n{ONES[2:]}\n", "line 4: 9 cells where the header has 10"),
        (f"{HEADER}\n{ONES}\nmany{ONES[1:]}\n", "line 3, column x0: 'many' is no finite number"),
        (f"{HEADER}\nnan{ONES[1:]}\n", "line 2, column x0: 'nan' is no finite number"),
        (f"{HEADER}\n1e999{ONES[1:]}\n", "column x0: '1e999' is no finite number"),
        (f"{HEADER}\n{ONES[:-1]}\n", "line 2, column x9: '' is no finite number"),
        (f"{HEADER},prediction\n{ONES},1\n", "has a column 'prediction' already"),
        (f"{HEADER},x0\n{ONES},1\n", "or a column twice"),
        (f'{HEADER}\n"1{ONES[1:]}\n', "cannot be read as a CSV file"),
    ],
)
def test_a_wrong_table_says_where(
    housing: Path, tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"wrong\.csv") as error:
        run(housing, path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=60), headed=st.booleans())
def test_no_bytes_break_the_table_reader(
    housing: Path, tmp_path: Path, content: bytes, headed: bool
) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(HEADER.encode() + b"\n" + content if headed else content)
    with contextlib.suppress(UsageError), contextlib.redirect_stdout(io.StringIO()) as out:
        run(housing, path)
        assert out.getvalue().startswith(f"{HEADER},prediction\n")


def test_an_answer_that_is_no_number_is_not_given(housing: Path, tmp_path: Path) -> None:
    header = ",".join(open_bundle(housing).interface.columns)
    far = tmp_path / "far.csv"
    far.write_text("\n".join([header, ",".join("0" * 10), ",".join(["3e38", "-3e38"] * 5)]))
    with pytest.raises(DataError, match="no finite number for row 2 of 2"):
        main([str(housing), str(far)])


def test_what_is_no_text_or_missing_says_so(housing: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.csv"
    image.write_bytes(bytes(range(256)))
    for path in (image, tmp_path / "missing.csv", tmp_path):
        with pytest.raises(TunerError, match=f"{path.name} cannot be read as a CSV file"):
            run(housing, path)


def test_a_table_of_classes_gets_the_class(
    own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = retrained("tiny", case_file=TINY)
    path = write_table(own_workplace / "points.csv", ["x", "y"], [[-4, -4], [6, 6]])
    run(bundle, path, "--case", TINY)
    assert capsys.readouterr().out.splitlines() == [
        "x,y,prediction", "-4,-4,left", "6,6,right"
    ]  # fmt: skip


def test_an_altered_bundle_predicts_nothing(
    own_workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = retrained("tiny", case_file=TINY)
    path = write_table(own_workplace / "points.csv", ["x", "y"], [[0, 0]])
    weights = bundle / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(BundleError, match="was altered after it was written"):
        run(bundle, path, "--case", TINY)
    assert capsys.readouterr().out == ""
