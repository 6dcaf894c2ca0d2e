"""Case files, and the modules in the same folder."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY, make_brief
from tuner.case.loading import check_reference, load_case, refuse_without_case
from tuner.case.reference import is_file
from tuner.case.source import files_of, source_of
from tuner.engines.worker import Reader, run
from tuner.errors import CaseError
from tuner.search.jobs import search_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.case.contract import Case

TEXT = Path(TINY).read_text(encoding="utf-8")
HELPER = "def width():\n    return {}\n"


@pytest.fixture(autouse=True)
def import_as_before() -> Iterator[None]:
    """Restore the import state of this process afterwards."""
    finders = list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in list(sys.modules):
        if name.partition(".")[0] in {"sizes", "parts", "spaced", "outer"}:
            del sys.modules[name]


def written(folder: Path, width: int, how: str = "from sizes import width") -> str:
    """A case file whose baseline has the width that a module beside it gives."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sizes.py").write_text(HELPER.format(width), encoding="utf-8")
    text = TEXT.replace("import torch\n", f"import torch\n{how}\n")
    text = text.replace("width: int = 4", "width: int = width()")
    (folder / "case.py").write_text(text, encoding="utf-8")
    return str(folder / "case.py")


def width_of(case: Case) -> int:
    found: int = case.baseline.width
    return found


@pytest.mark.parametrize(
    "how",
    [
        "from sizes import width",
        "import sizes\nwidth = sizes.width",
        "from importlib import import_module\nwidth = import_module('sizes').width",
        "from parts.more import width",
        "from parts import width",
        "from spaced.more import width",
    ],
)
def test_modules_beside_a_case_are_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file = written(tmp_path / "mine", 6, how)
    for package, init in (("parts", "from .more import width\n"), ("spaced", None)):
        (tmp_path / "mine" / package).mkdir()
        (tmp_path / "mine" / package / "more.py").write_text(HELPER.format(6), encoding="utf-8")
        if init:
            (tmp_path / "mine" / package / "__init__.py").write_text(init, encoding="utf-8")
    monkeypatch.chdir("/")
    before = list(sys.path)
    assert width_of(load_case(file)) == 6
    assert sys.path == before


def test_folders_without_an_init_file_are_packages_in_each_other(tmp_path: Path) -> None:
    """For example `from src.models.net import Net`: Python needs no __init__.py for it."""
    reference = written(tmp_path, 5, "from outer.inner.sizes import width")
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "sizes.py").rename(tmp_path / "outer" / "inner" / "sizes.py")
    before = source_of(reference)
    assert list(before.modules) == ["outer.inner.sizes"]
    assert set(files_of(reference)) == {"case.py", "outer/inner/sizes.py"}
    assert width_of(load_case(reference)) == 5
    (tmp_path / "outer" / "inner" / "sizes.py").write_text(HELPER.format(6), encoding="utf-8")
    assert source_of(reference).digest != before.digest


def test_a_module_in_the_current_folder_is_told_how_to_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example `tuner study scripts/train.py:train`, with the package beside `scripts`."""
    reference = written(tmp_path / "scripts", 5, "from outer import width")
    (tmp_path / "outer").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CaseError, match=re.escape(f"type PYTHONPATH={tmp_path} before tuner")):
        load_case(reference)
    monkeypatch.chdir(tmp_path / "scripts")
    with pytest.raises(CaseError, match=r"No module named 'outer'$"):
        load_case(reference)


def test_two_cases_do_not_mix_the_modules_beside_them(tmp_path: Path) -> None:
    one, other = (written(tmp_path / str(width), width) for width in (5, 7))
    assert [width_of(load_case(file)) for file in (one, other, one)] == [5, 7, 5]
    first, second = load_case(one), load_case(other)
    assert (width_of(first), width_of(second)) == (5, 7)
    assert type(first.baseline).__module__ != type(second.baseline).__module__


def test_an_edited_case_is_read_again_even_within_a_second(tmp_path: Path) -> None:
    file = written(tmp_path, 5)
    os.utime(tmp_path / "sizes.py", (0, 0))
    assert width_of(load_case(file)) == 5
    written(tmp_path, 7)
    os.utime(tmp_path / "sizes.py", (0, 0))
    assert width_of(load_case(file)) == 7


def test_a_worker_reads_an_edited_case_again(tmp_path: Path) -> None:
    """In a single long process, such as a notebook or a service."""
    losses = []
    for width in (4, 8):
        written(tmp_path, width)
        config = make_brief(str(tmp_path / "case.py"), tmp_path)
        job = search_job(config, asdict(config.case.baseline), 1)
        losses.append(next(run(job)).train_loss)
    assert losses[0] != losses[1]


def test_a_case_that_is_edited_while_a_study_runs_is_not_mixed_in(tmp_path: Path) -> None:
    file = written(tmp_path, 4)
    config = make_brief(file, tmp_path)
    job = search_job(config, asdict(config.case.baseline), 1)
    reader = Reader()
    first = next(run(job, reader))
    written(tmp_path, 8)
    assert next(run(job, reader)) == first  # this reader has read it before
    with pytest.raises(CaseError, match="edited while the study ran"):
        next(run(job))


def test_a_worker_reads_a_shipped_case_by_its_name(tmp_path: Path) -> None:
    config = make_brief("housing", tmp_path)
    job = search_job(config, asdict(config.case.baseline), 1)
    assert Reader().case(job) == config.case


def test_a_case_file_may_use_annotations_that_are_not_strings(tmp_path: Path) -> None:
    file = tmp_path / "case.py"
    text = TEXT.replace("from __future__ import annotations\n", "").replace(
        "TYPE_CHECKING = False", ""
    )
    text = text.replace("if TYPE_CHECKING:", "if True:")
    file.write_text(text, encoding="utf-8")
    case = load_case(str(file))
    assert type(case.baseline).__annotations__["width"] is int


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("x = 1\n\n\ny = 2  # two\n", True),
        ('"""About."""\nx = 1\n"a note"\ny = 2\n', True),
        ("x = 0x1\ny = (2)\n", True),
        ("x = 1\ny = 3\n", False),
        ("y = 2\nx = 1\n", False),
        ("x = 1.0\ny = 2\n", False),
        ("x = True\ny = 2\n", False),
        ("x = 1\ny = 2\nimport os\n", False),
    ],
)
def test_a_source_is_the_same_where_it_computes_the_same(
    tmp_path: Path, text: str, same: bool
) -> None:
    file = tmp_path / "one.py"
    file.write_text("x = 1\ny = 2\n", encoding="utf-8")
    before = source_of(str(file))
    file.write_text(text, encoding="utf-8")
    assert (source_of(str(file)) == before) is same
    assert (source_of(str(file)).digest == before.digest) is same


def test_a_case_may_move_and_be_renamed(tmp_path: Path) -> None:
    before = source_of(written(tmp_path / "here", 5))
    moved = Path(written(tmp_path / "there", 5))
    assert source_of(str(moved)) == before
    assert source_of(str(moved.rename(moved.with_name("other.py")))).digest == before.digest


def test_a_case_in_a_package_imports_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    for project, size in (("one", 6), ("two", 7)):
        inner = tmp_path / project / "mine" / "studies"
        file = written(inner, size, "from ..sizes import width")
        (inner / "sizes.py").rename(inner.parent / "sizes.py")
        for folder in (inner, inner.parent):
            (folder / "__init__.py").touch()
        assert width_of(load_case(file)) == size
        assert set(source_of(file).modules) == {"mine", "mine.studies", "mine.sizes"}
        sent = files_of(file)
        assert next(iter(sent)) == "mine/studies/case.py"
        there = tmp_path / "there" / project
        for name, content in sent.items():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).write_bytes(content)
        assert width_of(load_case(str(there / "mine/studies/case.py"))) == size


def test_a_relative_import_outside_a_package_says_what_to_do(tmp_path: Path) -> None:
    file = written(tmp_path / "mine", 6, "from .sizes import width")
    with pytest.raises(CaseError, match=r"Put an empty __init__\.py beside case\.py"):
        load_case(file)


@pytest.mark.parametrize(("reference", "file"), [("mine.py", True), ("images --data a.py", False)])
def test_a_door_is_no_file_whatever_its_options_end_in(reference: str, file: bool) -> None:
    assert is_file(reference) is file


def in_package(folder: Path, size: int, how: str) -> Path:
    file = Path(written(folder, size, how))
    (folder / "__init__.py").touch()
    return file


@pytest.mark.parametrize("name", ["code", "queue", "tuner", "sklearn", "torch"])
def test_a_package_may_not_have_the_name_of_another(tmp_path: Path, name: str) -> None:
    """It would be imported in the other's place, or would be hidden by it."""
    file = in_package(tmp_path / name, 6, "from .sizes import width")
    with pytest.raises(CaseError, match=f"another package '{name}' .* rename the folder"):
        source_of(str(file))
    with pytest.raises(CaseError, match="rename the folder"):
        load_case(str(file))


def test_a_package_may_have_a_module_of_its_own_name(tmp_path: Path) -> None:
    file = in_package(tmp_path / "net", 6, "from .net import width")
    (file.parent / "sizes.py").rename(file.parent / "net.py")
    assert set(files_of(str(file))) == {"net/case.py", "net/__init__.py", "net/net.py"}
    before = source_of(str(file)).digest
    (file.parent / "__init__.py").write_text("MORE = 1\n", encoding="utf-8")
    assert source_of(str(file)).digest != before


def test_a_package_may_import_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = in_package(tmp_path / "mine", 6, "from .sizes import width")
    (file.parent / "__init__.py").write_text("from . import case\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.py").symlink_to(file)
    assert source_of("mine/case.py").digest == source_of(str(file)).digest
    assert source_of("link.py").digest == source_of(str(file)).digest


def test_the_files_of_a_case_import_each_other_elsewhere(tmp_path: Path) -> None:
    """They are sent to the nodes of a cluster in this way."""
    file = Path(written(tmp_path / "here", 6, "from parts.more import width"))
    parts = file.parent / "parts"
    parts.mkdir()
    (parts / "__init__.py").touch()
    (parts / "more.py").write_text("from sizes import width\n", encoding="utf-8")
    sent = files_of(str(file))
    assert next(iter(sent)) == "case.py"
    assert set(sent) == {"case.py", "parts/__init__.py", "parts/more.py", "sizes.py"}
    there = tmp_path / "there"
    for name, content in sent.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(content)
    assert width_of(load_case(str(there / "case.py"))) == 6
    assert source_of(str(there / "case.py")).digest == source_of(str(file)).digest


@pytest.mark.parametrize("name", [b"caf\xe9.py", b"\xff/case.py"])
def test_a_name_that_is_not_utf8_is_refused_at_once(tmp_path: Path, name: bytes) -> None:
    file = tmp_path / os.fsdecode(name)
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text("raise AssertionError")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(CaseError, match=r"\.py': its name is not UTF-8.*; rename the file"):
        check_reference(str(file))


@pytest.mark.parametrize("content", [b"def broken(:\n", b"x = '\x00'\n", b"\xff\xfe = 1\n"])
def test_a_module_beside_that_is_not_python_is_named(tmp_path: Path, content: bytes) -> None:
    file = written(tmp_path, 5)
    (tmp_path / "sizes.py").write_bytes(content)
    kinds = "(SyntaxError|ValueError)"  # Python before 3.11.4, for a null byte
    with pytest.raises(
        CaseError, match=rf"sizes\.py cannot be imported: (line \d+: )?{kinds}: [^<]+$"
    ):
        load_case(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "defines no CASE; it has to end with CASE = Case(name=..., ...)"),
        ("def load(folders): ...", "defines no CASE; it has to end with CASE"),
        (
            "def objective(trial): return 1",
            "has objective(trial): to search a training loop of your own, type: tuner study "
            "{file}:objective --direction maximize (or minimize, if less of its score is better)",
        ),
        (
            'DIRECTION = "minimize"\ndef fit(trial, epochs=3): yield 1\ndef train(t): yield 1',
            "has train(trial) and fit(trial): to search a training loop of your own, type: tuner "
            "study {file}:train",
        ),
    ],
)
def test_a_file_without_a_case_is_refused_unread_with_the_command_for_a_loop(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"{text}\nraise SystemExit('it was run')\n", encoding="utf-8")
    with pytest.raises(CaseError) as raised:
        refuse_without_case(str(file))
    assert said.format(file=file) in str(raised.value)
    assert str(raised.value).endswith(("do", "train", "better)"))


@pytest.mark.parametrize(
    "text",
    [
        "from other import CASE",
        "from other import *",
        "import other\nif True:\n    CASE: object = other.made()",
        "globals()['CASE'] = 3",
        "exec('CASE = 3')",
        "def objective(trial): return 1\nCASE = 3",
        "def (",
    ],
)
def test_a_file_that_may_define_a_case_is_left_to_its_import(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    refuse_without_case(str(file))
