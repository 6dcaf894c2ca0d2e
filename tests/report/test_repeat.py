"""What a report says of repeating its study, and the command that it gives."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.studies import add_session, url_in, usual_study
from tuner.report.facts import gather
from tuner.report.sections.enough import enough_section
from tuner.report.sections.repeat import repeat_command, repeat_section
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path

SAME = "the same study again, in a folder of its own."
SIMILAR = "a similar study, not the same one: "
TRIED = [{"trial": 7, "values": {"lr": 0.02, "name": "a b"}, "state": "complete", "score": 0.7}]


@pytest.fixture
def facts(tmp_path: Path) -> dict[str, Any]:
    return gather(usual_study(tmp_path, trials=12), Workplace.at(url=url_in(tmp_path)))


def said(facts: dict[str, Any]) -> str:
    return " ".join(repeat_section(facts).split())


def test_a_study_of_one_run_is_made_again(facts: dict[str, Any]) -> None:
    assert SAME in said(facts)
    assert SIMILAR not in said(facts)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"limits": {"limits": {"latency_ms": 5.0}, "arms": {}}}, "the time for one row is"),
        ({"changes_accepted": ["its case"]}, "this study was continued after a change"),
    ],
)
def test_what_no_command_makes_again_is_not_promised(
    facts: dict[str, Any], changes: dict[str, Any], why: str
) -> None:
    facts["manifest"]["command"] += " --accept-changes"
    text = said(facts | changes)
    assert "flowers --trials 12 --seeds" in text
    assert SIMILAR + why in text
    assert "bit for bit" not in text


@pytest.mark.parametrize(
    ("commands", "same"),
    [
        (["tuner study a --try lr=0.02,name=x"], True),
        (["tuner study a --try=lr=0.02", "tuner study a --trials 20"], True),
        (["tuner study a", "tuner study a --try lr=0.02"], False),
        ([None, None], False),
    ],
)
def test_a_configuration_that_was_told_later_makes_another_study(
    facts: dict[str, Any], commands: list[str | None], *, same: bool
) -> None:
    facts |= {"tries": TRIED, "sessions": [{"command": one} for one in commands]}
    facts["manifest"]["command"] = commands[-1]
    assert (SAME in said(facts)) == same
    assert (SIMILAR + "this study was told to `--try`" in said(facts)) == (not same)
    words = shlex.split(repeat_command(facts))
    assert words.count("--try") == 1
    assert words[words.index("--try") + 1] == "lr=0.02,name=a b"


def test_a_study_that_began_with_trials_of_another_is_made_beside_it(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    study.set_user_attr("parent", {"study": "old", "identity": "1", "taken": 8, "left": 2})
    add_session(study, "tuner study flowers --home elsewhere --from old --name flowers")
    facts = gather(study, Workplace.at(url=url_in(tmp_path)))
    text = said(facts)
    assert "under another name and beside study `old`, with whose trials it begins." in text
    words = shlex.split(repeat_command(facts))
    assert words[words.index("--from") + 1] == "old"
    assert words[words.index("--storage") + 1] == url_in(tmp_path)
    assert words.count("--name") == 1
    assert words[-1] == "flowers-again"
    assert "--home" not in words
    assert "- 8 of these trials were taken over from study `old` (`--from`)" in (
        enough_section(facts, ())
    )
