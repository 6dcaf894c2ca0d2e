from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.making import STAMPS, TINY, make_brief, retrained, search
from tuner.bundle.bundle import open_bundle
from tuner.bundle.prediction import predict, predict_files
from tuner.commands.predict import main
from tuner.errors import BundleError, CaseError, DataError, TunerError, UsageError
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.bundle.bundle import Bundle
    from tuner.bundle.prediction import Prediction
    from tuner.data.examples import Examples


pytestmark = pytest.mark.xdist_group("prediction")  # its fixtures are made once


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
    """A table of houses with reversed columns, and one that the model does not know."""
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


def test_a_file_has_a_line_whatever_its_name(
    stamps: Path, images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = images[0].rename(tmp_path / "a\tred\nstamp.png")
    assert run(stamps, odd, images[1], "--case", STAMPS) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines] == [
        [f"{tmp_path}/a\\tred\\nstamp.png", "red"],
        [str(images[1]), "green"],
    ]
    run(stamps, odd, "--case", STAMPS, "--json")
    assert json.loads(capsys.readouterr().out)[0]["file"] == str(odd)


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


def test_of_large_pictures_fewer_are_in_memory_at_a_time(
    stamps: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = open_bundle(stamps, STAMPS)
    sizes: list[int] = []

    def counting(bundle: Bundle, rows: Tensor, names: Sequence[str]) -> list[Prediction]:
        sizes.append(len(rows))
        return predict(bundle, rows, names)

    monkeypatch.setattr("tuner.bundle.prediction.predict", counting)
    row = torch.zeros(bundle.interface.row, dtype=torch.uint8)
    batch = bundle.plan.evaluation_batch
    paths = images[:1] * (2 * batch + 1)
    found = predict_files(bundle, lambda path: row, paths, as_json=False)
    monkeypatch.setattr("tuner.data.room.VALUES_AT_A_TIME", 1)  # the fewest: a batch
    assert predict_files(bundle, lambda path: row, paths, as_json=False) == found
    assert sizes == [2 * batch + 1, batch, batch, 1]


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
def test_what_is_not_an_image_is_named_and_nothing_is_predicted(
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


def test_all_refused_files_are_named_at_once(
    stamps: Path, housing: Path, images: list[Path], table: Path, tmp_path: Path
) -> None:
    bad = [tmp_path / f"bad{n}.png" for n in range(12)]
    for path in bad:
        path.write_bytes(b"not an image")
    with pytest.raises(DataError) as error:
        run(stamps, bad[0], images[0], *bad[1:], "--case", STAMPS)
    first, *lines = str(error.value).splitlines()
    assert first == "12 files cannot be used:"
    assert [line.split()[0] for line in lines] == [*map(str, bad[:10]), "and"]
    for name in ("one", "two"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"2 files cannot be used:\n.*one lacks.*\n.*two lacks"):
        run(housing, tmp_path / "one", table, tmp_path / "two")
    rows = table.read_text().splitlines()
    for name in ("one", "two"):
        (tmp_path / name).write_text("\n".join([rows[0], rows[1].replace(".", "x", 1)]))
    with pytest.raises(DataError, match=r"one, line 2, .* not a number.*\n.*two, line 2, "):
        run(housing, tmp_path / "one", table, tmp_path / "two")
    with pytest.raises(DataError, match=r"p\.png cannot be read.*\n.*q\.png cannot be read"):
        run(stamps, "p.png", images[0], "q.png", "--case", STAMPS)


def test_an_absurdly_large_image_is_not_decoded(
    stamps: Path, images: list[Path], tmp_path: Path
) -> None:
    header = b"P6\n60000 60000\n255\n"
    (tmp_path / "bomb.ppm").write_bytes(header + bytes(100))
    said = r"bomb\.ppm cannot be read as an image: it has more than 89,478,485 pixels"
    with pytest.raises(DataError, match=said):
        run(stamps, tmp_path / "bomb.ppm", "--case", STAMPS)


@pytest.mark.slow
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


def test_a_bundle_says_how_its_inputs_are_read_and_what_its_errors_mean(
    housing: Path, stamps: Path
) -> None:
    tables, images = (json.loads((one / "manifest.json").read_text()) for one in (housing, stamps))
    assert tables["preprocessing"]["read"] == "columns"
    assert images["preprocessing"]["read"] == "case"
    from tuner.cases.housing import CASE
    from tuner.data.sources.folders import Folders

    targets = CASE.load(Folders()).development.targets
    assert tables["target"]["mean"] == pytest.approx(targets.mean().item(), rel=1e-5)
    assert tables["target"]["std"] == pytest.approx(targets.std(correction=0).item(), rel=1e-5)
    median = (targets - targets.median()).abs().mean().item()
    assert tables["target"]["trivial_mae"] == pytest.approx(median, rel=1e-5)
    assert images["target"] is None


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


def test_a_byte_order_mark_does_not_belong_to_a_name(
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
        (f"{HEADER}\n{ONES}\n{ONES},a\n", "line 3: the header has 10 cells, and this line 11"),
        (f"{HEADER}\n{ONES}\n\n{ONES[2:]}\n", "line 4: the header has 10 cells, and this line 9"),
        (f"{HEADER}\n{ONES},5\n", "this line 11; are there decimal commas?"),
        (f"{HEADER}\n{ONES}\nmany{ONES[1:]}\n", "line 3, column x0: 'many' is not a number; write"),
        (f"{HEADER}\n1e999{ONES[1:]}\n", "column x0: '1e999' is too large"),
        (f"{HEADER}\n-4e38{ONES[1:]}\n", "column x0: '-4e38' is too large"),
        (f"{HEADER}\n{ONES[:-1]}\n", "line 2, column x9: the cell is empty"),
        (
            f'{HEADER}\n"1,5"{ONES[1:]}\n',
            "column x0: '1,5' has a comma; write it with a decimal poi",
        ),
        (f'{HEADER}\n"1.234,5"{ONES[1:]}\n', "column x0: '1.234,5' has a comma"),
        (f'{HEADER}\n"1,234,567"{ONES[1:]}\n', "column x0: '1,234,567' has a comma"),
        (f"{HEADER},prediction\n{ONES},1\n", "has a column 'prediction' already"),
        (f"{HEADER},x0\n{ONES},1\n", "has more than one column named 'x0'"),
        (
            f"{HEADER.replace(',', ';')}\n{ONES.replace(',', ';')}\n",
            "has semicolons between its ce",
        ),
        (f"{HEADER.replace(',', chr(9))}\n", "has tabs between its cells"),
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


# Python's float() takes most of these.
NOT_NUMBERS = (
    "1_000",
    "٣",
    "\N{FULLWIDTH DIGIT ONE}",
    "0x10",
    "nan",
    "inf",
    "-Infinity",
    "1e",
    ".",
    "+",
    "1 0",
    "--1",
    "1e1.5",
)
NUMBERS = (
    "1",
    "-1",
    "+1",
    "1.",
    ".5",
    "0.5",
    "1e3",
    "1E-3",
    "-.5e+2",
    " 1 ",
    "\t1",
    "007",
    "1e-400",
)


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_what_only_python_reads_as_a_number_is_refused(
    housing: Path, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(f"{HEADER}\n{text}{ONES[1:]}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"line 2, column x0: .* is not a number; write"):
        run(housing, path)


def test_numbers_may_be_written_in_every_usual_way(
    housing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "usual.csv"
    path.write_text("\n".join([HEADER, *(f"{text}{ONES[1:]}" for text in NUMBERS)]))
    run(housing, path)
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(NUMBERS)


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-16", "it is UTF-16 text"), ("cp1252", "it is not UTF-8 text")]
)
def test_text_in_another_encoding_is_named(
    housing: Path, tmp_path: Path, encoding: str, said: str
) -> None:
    path = tmp_path / "other.csv"
    path.write_text(f"{HEADER},größe\n{ONES},1\n", encoding=encoding)
    with pytest.raises(UsageError, match=f"{said}; save it as UTF-8"):
        run(housing, path)


def test_a_table_larger_than_what_is_read_at_once(
    housing: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows: list[list[object]] = [[number / 100] * 10 for number in range(1203)]
    path = write_table(tmp_path / "large.csv", [f"x{n}" for n in range(10)], rows)
    run(housing, path)
    at_once = capsys.readouterr().out
    run(housing, path, "--json")
    at_once_in_json = capsys.readouterr().out
    monkeypatch.setattr("tuner.bundle.prediction.ROWS", 1)  # the fewest: a batch at a time
    run(housing, path)
    assert capsys.readouterr().out == at_once
    run(housing, path, "--json")
    assert capsys.readouterr().out == at_once_in_json
    path.write_text(path.read_text() + ",".join(["x"] * 10) + "\n")
    with pytest.raises(UsageError, match="line 1205, column x0: 'x' is not a number"):
        run(housing, path)
    assert capsys.readouterr().out == ""


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=60), headed=st.booleans())
def test_no_bytes_break_the_table_reader(
    housing: Path, tmp_path: Path, content: bytes, headed: bool
) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(HEADER.encode() + b"\n" + content if headed else content)
    with contextlib.suppress(UsageError), contextlib.redirect_stdout(io.StringIO()) as out:
        run(housing, path)
        assert out.getvalue().startswith(f"{HEADER},prediction\n")


def test_an_answer_that_is_not_a_number_is_not_given(housing: Path, tmp_path: Path) -> None:
    header = ",".join(open_bundle(housing).interface.columns)
    far = tmp_path / "far.csv"
    far.write_text("\n".join([header, ",".join("0" * 10), ",".join(["3e38", "-3e38"] * 5)]))
    with pytest.raises(DataError, match="output for row 2 of the input is not a finite number"):
        main([str(housing), str(far)])


CROPPING = """
import sys
import torch
from dataclasses import replace
from pathlib import Path
from PIL import Image
import numpy as np
sys.path.insert(0, {root!r})
from tests.cases import stamps

print("loading the case")

def crop(path):
    print("reading", path)
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image.crop((4, 3, 12, 9)))).permute(2, 0, 1)

def build(hyperparameters, shape):
    print("building")
    return stamps.CASE.build(hyperparameters, shape)

CASE = replace(stamps.CASE, build=build, read={read})
"""


def cropping_case(folder: Path, read: str) -> Path:
    """A case whose rows are the centres of pictures; their borders are misleading."""
    file = folder / "cropping.py"
    root = str(Path(__file__).parents[2])
    file.write_text(CROPPING.format(root=root, read=read))
    return file


@pytest.fixture
def bordered(tmp_path: Path) -> Path:
    """A green stamp with a wide red border; the whole picture looks red."""
    picture = np.zeros((12, 16, 3), np.uint8)
    picture[..., 0] = 255
    picture[3:9, 4:12] = pixels(1)
    Image.fromarray(picture).save(tmp_path / "bordered.png")
    return tmp_path / "bordered.png"


def test_a_case_that_crops_is_read_by_its_own_read(
    tmp_path: Path,
    bordered: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    case = str(cropping_case(tmp_path, "crop"))
    bundle = made(tmp_path, case)
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["preprocessing"]["read"] == "case"
    capsys.readouterr()
    run(bundle, bordered, "--case", case, "--json")
    printed = capsys.readouterr()
    (found,) = json.loads(printed.out)  # the case's own prints do not stand before it
    assert found["class"] == "green"
    assert "loading the case" in printed.err
    assert f"reading {bordered}" in printed.err
    cropping_case(tmp_path, "None")
    with pytest.raises(BundleError, match="read by the `read` of case 'stamps', and this version"):
        run(bundle, bordered, "--case", case)


def test_a_case_that_does_not_say_how_it_reads_is_not_guessed_at(
    tmp_path: Path,
    bordered: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    case = str(cropping_case(tmp_path, "None"))
    bundle = made(tmp_path, case)
    capsys.readouterr()
    with pytest.raises(BundleError, match="give its Case a function `read` that reads one file"):
        run(bundle, bordered, "--case", case)
    assert capsys.readouterr().out == ""
    cropping_case(tmp_path, "crop")  # what the message asks for
    run(bundle, bordered, "--case", case)
    assert capsys.readouterr().out.split("\t")[1] == "green"


@pytest.mark.parametrize(
    ("read", "message"),
    [
        ("lambda path: 1 / 0", "read fails on .*bordered.png: .*ZeroDivisionError"),
        (
            "lambda path: [1, 2]",
            "read returned list for .*bordered.png; the model takes torch.uint8",
        ),
        ("lambda path: torch.zeros(3, 6, 8)", "read returned torch.float32 of shape .3, 6, 8. for"),
        ("lambda path: crop(path)[:1]", r"returned torch.uint8 of shape \(1, 6, 8\) for"),
    ],
)
def test_a_read_that_breaks_is_named(
    stamps: Path, tmp_path: Path, bordered: Path, read: str, message: str
) -> None:
    case = cropping_case(tmp_path, read)
    with pytest.raises(CaseError, match=message) as error:
        run(stamps, bordered, "--case", case)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match=r"nowhere\.png cannot be read: there is no such file"):
        run(stamps, tmp_path / "nowhere.png", "--case", case)


def test_a_file_that_is_not_text_or_is_missing_says_so(housing: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.csv"
    image.write_bytes(bytes(range(256)))
    for path, why in (
        (image, "cannot be read as a CSV file"),
        (tmp_path / "missing.csv", "cannot be read: there is no such file"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(TunerError, match=f"{path.name} {why}"):
            run(housing, path)


def test_a_table_of_classes_gets_the_class(
    own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = retrained("tiny", case_file=TINY)
    path = write_table(own_workplace / "points.csv", ["x", "y"], [[-4, -4], [6, 6]])
    run(bundle, path, "--case", TINY)
    header, first, second = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["x", "y", "prediction", "probability"]
    opened = open_bundle(bundle, TINY)
    outputs = opened.fitted.outputs(torch.tensor([[-4.0, -4.0], [6.0, 6.0]]), opened.plan)
    expected = [("left", "right")[number] for number in outputs.argmax(dim=1).tolist()]
    assert [first[:3], second[:3]] == [["-4", "-4", expected[0]], ["6", "6", expected[1]]]
    run(bundle, path, "--case", TINY, "--json")
    found = json.loads(capsys.readouterr().out)
    assert [float(row[3]) for row in (first, second)] == pytest.approx(
        [one["probability"] for one in found], abs=1e-6
    )
    write_table(path, ["x", "y", "probability"], [[0, 0, 1]])
    with pytest.raises(UsageError, match="has a column 'probability' already"):
        run(bundle, path, "--case", TINY)


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


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_rows_of_a_table_may_come_from_files_of_any_kind(
    own_workplace: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = retrained("tiny", case_file=TINY)
    case = own_workplace / "signals.py"
    case.write_text(
        f"import sys, torch\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from dataclasses import replace\nfrom tests.cases import tiny\n"
        "def read(path):\n"
        f"    return torch.tensor([float(n) for n in path.read_text().split()]).to(torch.{kind})\n"
        "CASE = replace(tiny.CASE, read=read)\n"
    )
    signal = own_workplace / "signal.txt"
    signal.write_text("1 2")
    run(bundle, signal, "--case", str(case), "--json")
    (from_file,) = json.loads(capsys.readouterr().out)
    path = write_table(own_workplace / "points.csv", ["x", "y"], [[1, 2]])
    run(bundle, path, "--case", TINY, "--json")
    (from_table,) = json.loads(capsys.readouterr().out)
    assert from_file["probabilities"] == from_table["probabilities"]
    signal.write_text("1 2 3")
    with pytest.raises(CaseError, match=r"the model takes torch.float32 or torch.float64 of shape"):
        run(bundle, signal, "--case", str(case))
