from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.engine import make_url

from tests.making import TINY
from tuner.commands.concluding import best_line, next_command, score_line
from tuner.commands.study import main

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = "python -m tuner.study housing --trials 50 --accept-changes --seeds 2 --try depth=2"


def facts(
    verdict: str | None, n: int = 6, ablation: Any = None, more_trials: str = "perhaps"
) -> dict[str, Any]:
    """What a report says of a study, as far as the end of a command reads it."""
    pair = verdict and {"n": n, "verdict": verdict, "same_trial": False}
    arms = {
        "baseline": {"trial": 0, "hyperparameters": {"depth": 1, "width": 32}},
        "best": {"trial": 9, "hyperparameters": {"depth": 2, "width": 32}},
    }
    return {
        "study": "my study",
        "reference": "housing",
        "where": "",
        "arms": arms,
        "comparison": {"best_vs_baseline": pair},
        "trials": {"total": 50},
        "ablation": ablation,
        "outlook": {"more_trials": more_trials},
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (facts(None), "python -m tuner.study housing --trials 50"),
        (facts("better", n=2), "python -m tuner.study housing --trials 50"),
        (facts("no proven gain"), "python -m tuner.study housing --seeds 2 --trials 100"),
        (facts("better"), "tuner ablate 'my study'"),
        (facts("better", ablation={"path": []}), "tuner retrain 'my study'"),
    ],
)
def test_the_next_command_follows_from_the_verdict(found: dict[str, Any], expected: str) -> None:
    line, _, why = next_command(found, COMMAND).partition("   # ")
    assert shlex.split(line) == shlex.split(expected)
    assert why


def test_a_search_that_has_tried_all_is_not_continued() -> None:
    assert next_command(facts("no proven gain", more_trials="no"), COMMAND) == ""
    assert next_command(facts("better", more_trials="no"), COMMAND)


def test_the_best_is_said_by_what_it_changes() -> None:
    assert best_line(facts("better")) == "Best:   trial 9: depth=2 (was 1)"
    same = facts("better")
    same["arms"]["best"] = same["arms"]["baseline"]
    assert best_line(same) == "", "the report has said so"


def test_without_fresh_folds_no_score_is_said() -> None:
    assert score_line(facts(None)) == ""


@pytest.mark.slow
def test_the_next_command_shows_no_secret(
    postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    url = make_url(postgres).set(password="hunter22").render_as_string(hide_password=False)
    line = [TINY, "--trials", "2", "--seeds", "0", "--workers", "1", "--storage", url]
    assert main(line) == 0
    said = capsys.readouterr().out
    assert "Next:   python -m tuner.study" in said
    assert "hunter22" not in said
