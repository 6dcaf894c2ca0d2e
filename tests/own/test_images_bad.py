"""Bad folders and lists of pictures: each gives one clear line, or a reported repair."""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.own.pictures import draw, listed, photos, sheet
from tests.sampling import one_in
from tuner.case.loading import load_case
from tuner.case.reference import to_door
from tuner.data.sources.folders import Folders
from tuner.errors import TunerError
from tuner.language import speaking
from tuner.report.known import DATA, known

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.data.dataset import Dataset

    Options = dict[str, str]
    Make = Callable[[], Options | None]

SHEET = {"data": "list.csv", "image": "file", "target": "label"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(options: Options | None) -> Dataset:
    """The data set of the folder `photos`, or of these options."""
    case = load_case(to_door("images", options or {"data": "photos"}))
    return case.dataset(Folders(own=Path("data")))


def empty() -> None:
    Path("photos").mkdir()


def misspelt() -> Options:
    photos(Path("photos"))
    return {"data": "photo"}


def one_class() -> None:
    photos(Path("photos"), ["cat"])


def once_more_inside() -> None:
    photos(Path("photos/animals"))


def one_picture_a_class() -> None:
    photos(Path("photos"), each=1)


def an_empty_class() -> None:
    photos(Path("photos"))
    Path("photos/eel").mkdir()


def a_class_of_notes() -> None:
    an_empty_class()
    Path("photos/eel/inner").mkdir()
    for name in ("cat/.hidden", "cat/notes.txt", "eel/notes.txt", "eel/inner/notes.txt"):
        Path("photos", name).touch()


def pictures_without_a_folder() -> None:
    draw(Path("photos/a.png"), 1)


def mostly_broken() -> None:
    photos(Path("photos"))
    for path in sorted(Path("photos").rglob("*.png"))[:4]:
        path.write_text("no picture")


def a_zip() -> Options:
    photos(Path("photos"))
    with zipfile.ZipFile("photos.zip", "w") as file:
        file.write("photos/cat/0.png")
    return {"data": "photos.zip"}


def a_tar() -> Options:
    photos(Path("photos"))
    with tarfile.open("photos.tar.gz", "w:gz") as file:
        file.add("photos")
    return {"data": "photos.tar.gz"}


def a_picture() -> Options:
    return {"data": str(draw(Path("cat.png"), 1))}


def links_that_lead_outside_alone() -> None:
    photos(Path("elsewhere"))
    for name in ("cat", "dog"):
        Path("photos", name).mkdir(parents=True)
        for number in range(6):
            Path("photos", name, f"{number}.png").symlink_to(
                Path("elsewhere", name, f"{number}.png").resolve()
            )


def classes_that_are_links() -> None:
    photos(Path("elsewhere"))
    Path("photos").mkdir()
    for name in ("cat", "dog"):
        Path("photos", name).symlink_to(Path("elsewhere", name).resolve())


def a_class_and_a_link() -> None:
    photos(Path("photos"), ["cat"])
    Path("photos", "dog").symlink_to(Path("photos/cat").resolve())


def a_place_that_no_file_can_have() -> Options:
    return {"data": "x" * 300}


def names_that_differ_by_case() -> None:
    photos(Path("photos"), ["cat", "Cat"])


def names_that_differ_by_coding() -> None:
    photos(Path("photos"), ["caf\u00e9", "cafe\u0301"])


def a_name_with_a_line_end() -> None:
    photos(Path("photos"), ["cat", "do\ng"])


def a_name_that_is_no_text() -> None:
    photos(Path("photos"))
    Path(os.fsdecode(b"photos/d\xff")).mkdir()


def val_without_train() -> None:
    photos(Path("photos/val"))
    photos(Path("photos/test"))


def val_alone() -> None:
    photos(Path("photos/val"))


def a_class_that_train_lacks() -> None:
    photos(Path("photos/train"))
    photos(Path("photos/test"), ["cat", "eel"])


def two_train() -> None:
    photos(Path("photos/train"))
    photos(Path("photos/training"))


def parts_beside_a_class() -> None:
    photos(Path("photos/train"))
    photos(Path("photos/test"))
    photos(Path("photos"), ["cat"])


def an_empty_test() -> None:
    photos(Path("photos/train"))
    for name in ("cat", "dog"):
        Path("photos/test", name).mkdir(parents=True)


def one_colour() -> None:
    photos(Path("photos"))
    for number, path in enumerate(sorted(Path("photos").rglob("*.png"))):
        Image.new("L", (12, 12), number * 0 + 7).save(path)


def copies_are_one_picture() -> None:
    photos(Path("photos"), each=4)
    for number in range(1, 4):
        Path(f"photos/dog/{number}.png").write_bytes(Path("photos/dog/0.png").read_bytes())


def an_option_of_a_list() -> Options:
    photos(Path("photos"))
    return {"data": "photos", "group": "patient"}


def a_size_that_cannot_be() -> Options:
    photos(Path("photos"))
    return {"data": "photos", "size": "4"}


def weights_without_a_network() -> Options:
    photos(Path("photos"))
    return {"data": "photos", "weights": "w.pth"}


def weights_that_are_not_there() -> Options:
    photos(Path("photos"))
    return {"data": "photos", "backbone": "resnet18", "weights": "w.pth"}


def weights_that_are_none() -> Options:
    photos(Path("photos"))
    Path("w.pth").write_text("no weights")
    return {"data": "photos", "backbone": "resnet18", "weights": "w.pth"}


def a_list_without_its_columns() -> Options:
    sheet(Path("list.csv"), listed(Path()))
    return {"data": "list.csv", "target": "label"}


def a_misspelt_column() -> Options:
    sheet(Path("list.csv"), listed(Path()))
    return {**SHEET, "target": "lable"}


def two_targets() -> Options:
    sheet(Path("list.csv"), listed(Path()))
    return {**SHEET, "target": "label,patient"}


def an_empty_list() -> Options:
    Path("list.csv").write_text("\n")
    return SHEET


def a_header_alone() -> Options:
    sheet(Path("list.csv"), [["file", "label"]])
    return SHEET


def a_header_with_a_name_twice() -> Options:
    sheet(Path("list.csv"), [["file", "label", "label"], ["a.png", "x", "y"]])
    return SHEET


def a_line_with_a_cell_too_many() -> Options:
    sheet(Path("list.csv"), [*listed(Path()), ["1.png", "cat", "p", "more"]])
    return SHEET


def a_list_in_utf_16() -> Options:
    Path("list.csv").write_text("file,label\na.png,x\n", encoding="utf-16")
    return SHEET


def a_list_in_latin_1() -> Options:
    Path("list.csv").write_text("file,label\na.png,Löwe\n", encoding="latin-1")
    return SHEET


def a_picture_with_two_labels() -> Options:
    sheet(Path("list.csv"), [*listed(Path()), ["0.png", "dog", "p0"]])
    return SHEET


def labels_in_one_cell() -> Options:
    sheet(Path("list.csv"), listed(Path(), ["cat", "dog", "cat|dog"]))
    return SHEET


def a_target_that_numbers_the_rows() -> Options:
    rows = listed(Path(), [f"id {number}" for number in range(12)], each=1)
    sheet(Path("list.csv"), rows)
    return SHEET


def a_number_that_is_none() -> Options:
    sheet(Path("list.csv"), listed(Path(), ["1.5", "tall"]))
    return {**SHEET, "task": "regression"}


def a_number_with_a_comma_and_one_that_is_none() -> Options:
    sheet(Path("list.csv"), listed(Path(), ["1,5", "NA", "tall"]), ";")
    return {**SHEET, "task": "regression"}


def an_infinite_number() -> Options:
    sheet(Path("list.csv"), listed(Path(), ["1.5", "inf"]))
    return SHEET


def a_list_of_files_that_are_gone() -> Options:
    rows = listed(Path())
    sheet(
        Path("list.csv"),
        [[f"gone/{row[0]}" if row[0] != "file" else row[0], *row[1:]] for row in rows],
    )
    return SHEET


def two_patients() -> Options:
    rows = listed(Path())
    for number, row in enumerate(rows[1:]):
        row[2] = f"p{number % 2}"
    sheet(Path("list.csv"), rows)
    return {**SHEET, "group": "patient"}


REFUSED: list[tuple[Make, str]] = [
    (empty, "photos has no folder with pictures; put the pictures of each class into a folder"),
    (misspelt, "--data photo does not exist; did you mean photos?"),
    (one_class, "photos has one class, 'cat'; there is nothing to tell apart"),
    (once_more_inside, "with 'cat', 'dog' in it; did you mean --data photos/animals?"),
    (one_picture_a_class, "class 'cat', 'dog' have fewer than 3 different pictures (1, 1)"),
    (an_empty_class, "there is no picture in 'eel'; add files, or remove the folder"),
    (a_class_of_notes, "no picture in 'eel' (left out: not a picture by its name: 2); add"),
    (pictures_without_a_folder, "photos has 1 pictures and no folder; put the"),
    (mostly_broken, "4 of 12 files cannot be read (cat/0.png, cat/1.png, cat/2.png: it is not"),
    (a_zip, "is an archive. Unpack it into a folder (unzip photos.zip -d photos), and name that"),
    (a_tar, "Unpack it into a folder (tar -xf photos.tar.gz -C photos)"),
    (a_picture, "--data cat.png is a file. Name the folder that holds a folder of pictures"),
    (links_that_lead_outside_alone, "links that lead outside, to folders or to nothing: 12)"),
    (classes_that_are_links, "no folder with pictures (links to folders are left out: 2); put"),
    (a_class_and_a_link, "pictures of another class (links to folders are left out: 1)"),
    (a_place_that_no_file_can_have, "cannot be read: File name too long"),
    (names_that_differ_by_case, "'Cat' and 'cat', which differ only by upper and lower case"),
    (names_that_differ_by_coding, "only by upper and lower case, spaces or the coding"),
    (a_name_with_a_line_end, "the folder 'do\\ng' in photos has a character in its name"),
    (a_name_that_is_no_text, "has a character in its name that cannot be written; rename it"),
    (val_without_train, "photos has 'test', 'val' and no 'train'"),
    (val_alone, "photos has 'val' and no 'train'"),
    (a_class_that_train_lacks, "photos/test has 'eel', and photos/train has no such class"),
    (two_train, "'train' and 'training', which are both the train part"),
    (parts_beside_a_class, "a folder has either parts (train, val, test) or classes"),
    (an_empty_test, "photos/test holds no picture; add some, or remove the folder"),
    (one_colour, "photos: class 'cat', 'dog' have fewer than 3 different pictures"),
    (copies_are_one_picture, "class 'dog' has fewer than 3 different pictures (1)"),
    (copies_are_one_picture, "of each. Equal and nearly equal ones count as one. Add pictures"),
    (an_option_of_a_list, "--group is for a CSV file, and photos is a folder"),
    (a_size_that_cannot_be, "--size 4 is not between 8 and 512"),
    (weights_without_a_network, "--weights is for a pretrained network; name it with --backbone"),
    (weights_that_are_not_there, "--weights w.pth cannot be read: [Errno 2] No such file"),
    (weights_that_are_none, "w.pth holds more than weights, or is not a file of torch.save"),
    (a_list_without_its_columns, "--image is missing; with a CSV file, name the column"),
    (a_misspelt_column, "did you mean 'label'? Its columns are 'file', 'label', 'patient'"),
    (two_targets, "--target label,patient names several columns. Where they are labels of"),
    (an_empty_list, "list.csv is empty; it needs a header and a row for each picture"),
    (a_header_alone, "list.csv names no picture; it needs a row for each"),
    (a_header_with_a_name_twice, "list.csv: the header has 'label' twice; rename one"),
    (a_line_with_a_cell_too_many, "list.csv, line 14: it has 4 cells, and the header has 3"),
    (a_list_in_utf_16, "list.csv is UTF-16; save it as UTF-8"),
    (a_list_in_latin_1, "list.csv, line 2: this is not UTF-8"),
    (a_picture_with_two_labels, "line 14: 0.png has the target 'dog' here and 'cat' before"),
    (labels_in_one_cell, "several labels in a cell ('cat|dog'). Add --task multilabel"),
    (a_target_that_numbers_the_rows, "12 pictures have 12 different targets"),
    (a_number_that_is_none, "the target of 1.png is 'tall', which is not a number"),
    (a_number_with_a_comma_and_one_that_is_none, "the target of 2.png is 'tall', which is not a"),
    (an_infinite_number, "the target of 1.png is 'inf', which is not a number"),
    (
        a_list_of_files_that_are_gone,
        "12 of 12 files cannot be read (gone/0.png, gone/1.png, gone/2.png: there",
    ),
    (a_list_of_files_that_are_gone, "them (names in a list are relative to its folder, .)"),
    (two_patients, "have fewer than 3 groups"),
]


@pytest.mark.parametrize(
    ("make", "said"), one_in(2, REFUSED), ids=[make.__name__ for make, _ in REFUSED]
)
def test_what_is_refused_in_one_line(make: Make, said: str) -> None:
    options = make()
    with pytest.raises(TunerError) as error:
        load(options)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def cut_short() -> None:
    photos(Path("photos"))
    file = Path("photos/cat/0.png")
    file.write_bytes(file.read_bytes()[:200])


def text_named_jpg() -> None:
    photos(Path("photos"))
    Path("photos/cat/notes.jpg").write_text("no picture")


def of_several_sizes() -> None:
    photos(Path("photos"))
    draw(Path("photos/cat/large.png"), 1, side=90)


def a_link_that_leads_outside() -> None:
    photos(Path("photos"))
    outside = draw(Path("outside.png"), 1).resolve()
    Path("photos/cat/9.png").symlink_to(outside)
    Path("photos/cat/gone.png").symlink_to("nowhere.png")


def a_link_to_a_folder() -> None:
    photos(Path("photos"))
    photos(Path("more"), ["eel"])
    Path("photos/eel").symlink_to(Path("more/eel").resolve())


def a_loop_of_links() -> None:
    photos(Path("photos"))
    Path("photos/cat/again").symlink_to(Path("photos").resolve())
    Path("photos/cat/a.png").symlink_to("b.png")
    Path("photos/cat/b.png").symlink_to("a.png")


def pictures_beside_the_folders_of_parts() -> None:
    photos(Path("photos/train"))
    photos(Path("photos/test"), each=2)
    for number, name in enumerate(("a.png", "train/a.png", "test/b.png")):
        draw(Path("photos", name), number)


def an_empty_file() -> None:
    photos(Path("photos"))
    Path("photos/cat/none.png").touch()


def a_turned_tiff() -> None:
    photos(Path("photos"))
    for number, path in enumerate(sorted(Path("photos").rglob("*.png"))):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        pixels = np.random.default_rng(number).integers(0, 255, (12, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path.with_suffix(".tif"), exif=exif)
        path.unlink()


def a_name_that_no_file_can_have() -> Options:
    sheet(Path("list.csv"), [*listed(Path()), ["x" * 300 + ".png", "cat", "p9"]])
    return SHEET


def an_umlaut_of_two_characters() -> Options:
    rows = listed(Path())
    draw(Path("u\u0308.png"), 50)  # decomposed, as on a Mac; Excel composes
    draw(Path("\u00e4 1.png"), 51)
    extra = [["\u00fc.png", "cat", "p8"], ["a\u0308 1.png", "dog", "p9"]]
    sheet(Path("list.csv"), [*rows, *extra])
    return SHEET


def a_line_end_that_is_none() -> Options:
    rows = [[*row, "about\u2028it\x0b\x85"] for row in listed(Path())]
    sheet(Path("list.csv"), rows)
    return SHEET


def a_link_inside() -> None:
    photos(Path("photos"))
    Path("photos/cat/again.png").symlink_to("0.png")


def hidden_files() -> None:
    photos(Path("photos"))
    for name in (".DS_Store", "Thumbs.db", "._0.png"):
        Path("photos/cat", name).write_text("of the system")
    Path("photos/__MACOSX").mkdir()
    Path("photos/.cache").mkdir()


def files_of_another_kind() -> None:
    photos(Path("photos"))
    Path("photos/cat/readme.txt").write_text("about cats")


def folders_in_a_folder() -> None:
    photos(Path("photos"))
    draw(Path("photos/cat/2023/may/a.png"), 1)


def odd_names() -> None:
    photos(Path("photos"), ["Löwe & Co | 100 %", "-x `y`", "日本"])


def pictures_beside_the_folders() -> None:
    photos(Path("photos"))
    draw(Path("photos/a.png"), 1)


def a_val_of_its_own() -> None:
    photos(Path("photos/Train"))
    photos(Path("photos/val"), each=2)
    photos(Path("photos/test"), each=2)


def a_fixed_camera() -> None:
    """One scene with sensor noise; a scratch distinguishes the classes."""
    random = np.random.default_rng(0)
    scene = random.integers(0, 200, (8, 8, 3), dtype=np.uint8).repeat(12, 0).repeat(12, 1)
    for number in range(24):
        pixels = scene + random.integers(0, 5, scene.shape, dtype=np.uint8)
        if number % 2:
            pixels[10 + 2 * number : 30 + 2 * number, number : number + 2] = 250
        path = Path("photos", ("fine", "scratch")[number % 2], f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def a_fixed_camera_in_parts() -> None:
    a_fixed_camera()
    for number in range(24):
        path = Path("photos", ("fine", "scratch")[number % 2], f"{number}.png")
        moved = Path("photos", "test" if number < 8 else "train", path.parent.name, path.name)
        moved.parent.mkdir(parents=True, exist_ok=True)
        path.rename(moved)
    for name in ("fine", "scratch"):
        Path("photos", name).rmdir()
    Path("photos/train/fine/again.png").write_bytes(Path("photos/test/fine/0.png").read_bytes())


def a_copy_across_parts() -> None:
    photos(Path("photos/train"))
    photos(Path("photos/test"), each=3)
    Path("photos/train/cat/0.png").write_bytes(Path("photos/test/cat/0.png").read_bytes())


def a_copy_with_another_class() -> None:
    photos(Path("photos"))
    Path("photos/dog/0.png").write_bytes(Path("photos/cat/0.png").read_bytes())


def a_file_that_is_gone() -> Options:
    sheet(Path("list.csv"), [*listed(Path()), ["gone.png", "cat", "p9"]])
    return SHEET


def a_row_again() -> Options:
    sheet(Path("list.csv"), [*listed(Path()), ["0.png", "cat", "p0"]])
    return SHEET


def a_row_without_a_target() -> Options:
    sheet(Path("list.csv"), [*listed(Path()), ["0.png", "", "p0"]])
    return SHEET


def semicolons_and_a_mark() -> Options:
    path = sheet(Path("list.csv"), listed(Path()), ";")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    return SHEET


def several_modes() -> None:
    photos(Path("photos"))
    for number, mode in enumerate(("CMYK", "P", "LA", "1")):
        file = Path(f"photos/cat/{number}.png")
        with Image.open(file) as image:
            image.convert(mode).save(file.with_suffix(".tif"))
        file.unlink()


# Names of modes, formats and parts, and Pillow's message on a broken file.
NAMES_IN_CHINESE = {
    *("RGB", "CMYK", "LA", "JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"),
    *("EXIF", "CSV"),
    *("photos", "list", "tuner", "accuracy", "macro", "val", "Train", "image"),
    *("file", "is", "truncated", "bytes", "not", "processed", "File", "name", "too", "long"),
}
REPAIRED: list[tuple[Make, str, str]] = [
    (
        pictures_beside_the_folders_of_parts,
        "left out",
        "pictures beside the folders of classes: 3",
    ),
    (an_empty_file, "unreadable", "1, left out: cat/none.png (the file is empty)"),
    (a_turned_tiff, "sizes", "all 12 × 20"),  # noqa: RUF001
    (a_turned_tiff, "read as", "12 × 20, in colour: the size of all pictures"),  # noqa: RUF001
    (a_name_that_no_file_can_have, "unreadable", "(File name too long)"),
    (an_umlaut_of_two_characters, "unreadable", "none"),
    (an_umlaut_of_two_characters, "pictures", "14 from a CSV file"),
    (a_line_end_that_is_none, "pictures", "12 from a CSV file"),
    (cut_short, "unreadable", "1, left out: cat/0.png (image file is truncated"),
    (text_named_jpg, "unreadable", "1, left out: cat/notes.jpg (it is not in one of the formats"),
    (of_several_sizes, "sizes", "2 different: 12 × 12 to 90 × 90"),  # noqa: RUF001
    (of_several_sizes, "read as", "32 × 32, in colour: the largest of 32, 48, 64 that half"),  # noqa: RUF001
    (a_link_that_leads_outside, "left out", "links that lead outside, to folders or to nothing: 2"),
    (a_link_to_a_folder, "left out", "links to folders: 1"),
    (a_loop_of_links, "left out", "links that lead outside, to folders or to nothing: 3"),
    (a_link_inside, "copies", "1 equal in all pixels"),
    (hidden_files, "left out", "hidden or system files: 5"),
    (files_of_another_kind, "left out", "not a picture by its name: 1"),
    (folders_in_a_folder, "remarks", "1 pictures in folders within 'cat' count as this class."),
    (odd_names, "target", "3 classes of 6 pictures each"),
    (pictures_beside_the_folders, "left out", "pictures beside the folders of classes: 1"),
    (
        a_val_of_its_own,
        "remarks",
        "The pictures of val/ are joined to those of Train/: tuner draws",
    ),
    (a_fixed_camera, "remarks", "24 of 24 pictures are nearly equal to each other whatever they"),
    (a_fixed_camera, "split", "4 of 24 pictures drawn for the test"),
    (a_fixed_camera_in_parts, "remarks", "test picture, and are left out: 'train/fine/again.png'."),
    (a_val_of_its_own, "split", "test/ as it is; the others are validated in 5 folds"),
    (a_copy_across_parts, "copies across parts", "1"),
    (a_copy_across_parts, "remarks", "1 development pictures are equal or nearly equal to a test"),
    (a_copy_with_another_class, "copies with another class", "1: 'cat/0.png = dog/0.png'"),
    (a_file_that_is_gone, "unreadable", "1, left out: gone.png (there is no such file)"),
    (a_row_again, "left out", "rows that repeat an earlier one: 1"),
    (a_row_without_a_target, "left out", "rows without a file or a target: 1"),
    (semicolons_and_a_mark, "pictures", "12 from a CSV file, its cells separated by semicolons"),
    (several_modes, "modes", "RGB 8, "),
]


@pytest.mark.parametrize(
    ("make", "subject", "said"),
    one_in(2, REPAIRED),
    ids=[f"{make.__name__}-{of}" for make, of, _ in REPAIRED],
)
def test_what_is_repaired_is_said(make: Make, subject: str, said: str) -> None:
    made = load(make())
    assert made.findings is not None
    told = {**dict(made.inspection), "remarks": " ".join(made.findings.remarks())}
    assert said in told[subject]


@pytest.mark.parametrize("make", one_in(3, dict.fromkeys(make for make, *_ in REPAIRED)))
def test_what_is_said_of_it_is_said_in_chinese(make: Make) -> None:
    made = load(make())
    assert made.findings is not None
    told = [made.source, *dict(made.inspection).values(), *made.findings.remarks()]
    with speaking("zh"):
        for one in told:
            found = re.sub(r"'[^']*'|\S*/\S*|\S+\.\w+|--\w+", "", known(one, DATA))
            assert not set(re.findall("[A-Za-z]{2,}", found)) - NAMES_IN_CHINESE, one


def test_what_cannot_be_read_is_not_counted_among_what_is() -> None:
    photos(Path("photos"))
    for name, kind in (("a.tif", np.int32), ("b.png", np.uint16)):
        Image.fromarray(np.arange(144, dtype=kind).reshape(12, 12)).save(Path("photos/cat", name))
    told = dict(load(None).inspection)
    assert told["modes"] == "RGB 12, I;16 1; 1 of 16 bits scaled to 8"
    assert "1, left out: cat/a.tif (its pixels are 32-bit integers" in told["unreadable"]


def test_a_closed_folder_is_named_or_what_a_list_has_in_it_is_left_out() -> None:
    photos(Path("photos"))
    sheet(Path("list.csv"), [*listed(Path()), ["photos/cat/0.png", "cat", "p9"]])
    folder = Path("photos/cat")
    folder.chmod(0o400)
    try:
        if os.access(folder / "0.png", os.F_OK):
            pytest.skip("who runs this may enter any folder")
        with pytest.raises(TunerError, match="photos/cat cannot be read: Permission denied"):
            load(None)
        told = dict(load(SHEET).inspection)
        with pytest.raises(TunerError, match="photos/cat/x cannot be read: Permission denied"):
            load({"data": "photos/cat/x"})
    finally:
        folder.chmod(0o700)
    assert told["unreadable"] == "1, left out: photos/cat/0.png (Permission denied)"
