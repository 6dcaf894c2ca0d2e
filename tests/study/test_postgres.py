"""A study in a PostgreSQL database equals one in a file."""

from __future__ import annotations

from contextlib import chdir
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import make_url

from tests.making import DATABASE, TINY, history
from tuner.commands.report import main as report
from tuner.commands.retrain import main as retrain
from tuner.commands.study import main as study
from tuner.commands.verify import main as verify
from tuner.study.database.storage import open_storage
from tuner.study.store import evidence_name, load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_every_command_works_on_a_server(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(make_url(postgres).set(password="secret").render_as_string(hide_password=False))
    monkeypatch.chdir(tmp_path)
    there = ["--storage", url]
    assert study([TINY, "--trials", "3", "--seeds", "0", "--workers", "2", *there]) == 0
    assert study([TINY, "--trials", "5", "--seeds", "2", "--workers", "1", *there]) == 0
    assert report(["tiny", "--out", "again", *there]) == 0
    assert retrain(["tiny", "--case", TINY, "--out", "bundle", *there]) == 0
    assert verify(["tiny", "--case", TINY, "--all", *there]) == 0

    written = Workplace.at(url=url).report("tiny")
    for page in ("report.md", "report.html", "report.json"):
        content = (written / page).read_bytes()
        assert content == (tmp_path / "again" / page).read_bytes()
        assert b"secret" not in content


def test_the_same_study_on_a_server_and_in_a_file(
    postgres: str, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = [TINY, "--trials", "5", "--seeds", "2", "--workers", "1", "--storage", postgres]
    assert study(made) == 0
    on_a_server = history(load_study(postgres, "tiny"))
    with chdir(workplace):
        assert on_a_server == history(load_study(DATABASE, "tiny"))
    assert evidence_name("tiny") in {
        one.study_name for one in open_storage(postgres, create=False).get_all_studies()
    }
