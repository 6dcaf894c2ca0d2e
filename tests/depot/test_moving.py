"""Files in use are not moved, and nothing starts to use them during a move."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.making import HERE, TINY
from tuner.commands import clean, delete, placebo, rename, report, retrain
from tuner.commands.study import main as study
from tuner.depot.use import files_in_use, files_to_move
from tuner.errors import DepotError, UsageError
from tuner.runs.folder.moving import move
from tuner.runs.observer import SearchEnded
from tuner.runs.settings import StudySettings
from tuner.runs.study import run_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tuner.runs.observer import Event

BUSY = "something is using the files of"
HOLDER = (
    "import pathlib, sys\n"
    "from tuner.depot.use import files_in_use\n"
    "with files_in_use(pathlib.Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def disk(own_workplace: Path, tmp_path: Path) -> str:
    """A place elsewhere; the test runs in a folder with the study `tiny`."""
    assert own_workplace.is_dir()
    (tmp_path / "disk").mkdir()
    return str(tmp_path / "disk")


class Mover:
    """Moves the files in the middle of a study."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.refused = ""

    def tell(self, event: Event) -> None:
        if isinstance(event, SearchEnded):
            with pytest.raises(UsageError, match=BUSY) as raised:
                move(HERE, self.place)
            self.refused = str(raised.value)

    def wants_stop(self) -> bool:
        return False


@pytest.mark.slow
def test_not_while_a_study_runs(disk: str) -> None:
    mover = Mover(disk)
    run_study(StudySettings(case=TINY, workplace=HERE, command="", trials=6, seeds=0), mover)
    assert "Wait for it or end it, then run the same command again" in mover.refused
    assert HERE.depot.folder == HERE.root
    move(HERE, disk)
    assert HERE.depot.url == disk


def test_not_while_another_process_is_at_work_however_it_ends(disk: str) -> None:
    words = [sys.executable, "-c", HOLDER, str(HERE.root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout
        assert held.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=BUSY):
            move(HERE, disk)
        held.kill()
        held.wait()
    move(HERE, disk)
    assert HERE.depot.url == disk


def test_several_are_at_work_at_once(disk: str) -> None:
    several = files_in_use(HERE.root), files_in_use(HERE.root)
    with several[0], several[1], pytest.raises(UsageError, match=BUSY):
        move(HERE, disk)
    move(HERE, disk)


@pytest.mark.parametrize(
    ("main", "typed"),
    [
        (study, [TINY, "--trials", "6", "--seeds", "0", "--workers", "1"]),
        (retrain.main, ["tiny", "--case", TINY]),
        (delete.main, ["tiny", "--yes"]),
        (rename.main, ["tiny", "other"]),
        (placebo.main, ["tiny", "--case", TINY]),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else None,
)
def test_nothing_begins_while_they_move(
    main: Callable[[Sequence[str]], int], typed: list[str], disk: str
) -> None:
    before = {one.key for one in (*HERE.depot.bundles(), *HERE.depot.artifacts())}
    with files_to_move(HERE.root), pytest.raises(DepotError, match="being moved by tuner files"):
        main(typed)
    move(HERE, disk)
    assert {one.key for one in (*HERE.depot.bundles(), *HERE.depot.artifacts())} == before


def test_a_report_is_written_while_they_move(disk: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert disk
    with files_to_move(HERE.root):
        assert report.main(["tiny"]) == 0
    assert "report.md" in capsys.readouterr().out
    assert clean.main([]) == 0
