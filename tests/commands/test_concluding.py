from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.engine import make_url

from tests.making import TINY
from tuner.commands.concluding import (
    after_ablation,
    best_line,
    next_command,
    score_line,
    smallest_line,
)
from tuner.commands.study import main

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = "tuner study housing --trials 50 --accept-changes --seeds 2 --try depth=2"


def facts(
    verdict: str | None, n: int = 6, ablation: Any = None, more_trials: str = "perhaps"
) -> dict[str, Any]:
    """Return the facts of a report that the end of a command reads."""
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
        "budget": None,
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (facts(None), "tuner study housing --trials 50"),
        (facts("better", n=2), "tuner study housing --trials 50"),
        (facts("no proven gain"), "tuner study housing --seeds 2 --trials 100"),
        (facts("better"), "tuner ablate 'my study'"),
        (facts("better", ablation={"path": []}), "tuner retrain 'my study'"),
        ({**facts("better"), "study": "-x", "where": "--home y"}, "tuner ablate --home y -- -x"),
    ],
)
def test_the_next_command_follows_from_the_verdict(found: dict[str, Any], expected: str) -> None:
    line, _, why = next_command(found, COMMAND).partition("   # ")
    assert shlex.split(line) == shlex.split(expected)
    assert why


def ablated(
    verdict: str,
    gain: float | None,
    *names: str,
    complete: bool = True,
    interval: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Return the facts of a report after an ablation of two changes."""
    changes = {"depth": {"was": 1, "now": 2}, "learning_rate": {"was": 0.001, "now": 0.01}}
    found = {
        "complete": complete,
        "rounds": 5,
        "changes": changes,
        "path": [],
        "whole": {"gain": None if gain is None else 1.0, "interval": interval},
        "smallest": {"changes": names, "gain": gain} if names else None,
    }
    told = facts(verdict, ablation=found)
    return {**told, "manifest": {"command": COMMAND}, "parts": []}


@pytest.mark.parametrize(
    ("found", "sentence", "command"),
    [
        (
            ablated("better", 0.97, "learning_rate"),
            "The smallest change worth making: learning_rate=0.01 (was 0.001); on fresh folds it "
            "brings at best 97 % of the gain of all 2 changes.",
            "retrain --only learning_rate 'my study'   # is it better on the test rows?",
        ),
        (
            {**ablated("better", 0.97, "learning_rate"), "reference": "train.py:objective"},
            "on fresh seeds it brings at best 97 % of the gain of all 2 changes.",
            "retrain --case train.py:objective --only learning_rate 'my study'   # save the model",
        ),
        (
            ablated("better", 1.0, "learning_rate", "depth"),
            "learning_rate=0.01 (was 0.001) and depth=2 (was 1); on fresh folds it brings all of",
            "retrain 'my study'   # save the model",
        ),
        (
            ablated("better", 0.97, "depth", interval=(0.1, 1.9)),
            "The smallest change worth making: depth=2 (was 1)",
            "retrain --only depth 'my study'",
        ),
        (
            ablated("better", 0.97, "depth", interval=(-0.1, 2.1)),
            "It is not clear which change mattered: on fresh folds, the gain of all",
            "tuner ablate --seeds 10 'my study'   # tell the changes from chance",
        ),
        (
            ablated("no proven gain", 0.97, "depth", interval=(-0.1, 2.1)),
            "It is not clear which change mattered",
            "--trials 100   # continue the search",
        ),
        (
            ablated("better", None, "depth"),
            "the baseline diverged on fresh folds, so its share of the gain is not known.",
            "retrain --only depth 'my study'",
        ),
        (
            ablated("no proven gain", 0.0),
            "No change is worth making: on fresh folds the best is no better than the baseline.",
            "--trials 100   # continue the search",
        ),
        (
            ablated("better", 0.0, complete=False),
            "is not known yet: the time budget ran out after 0 of 2 changes.",
            "ablate --seeds 5 'my study'   # measure the rest",
        ),
    ],
)
def test_an_ablation_ends_with_its_answer(
    found: dict[str, Any], sentence: str, command: str
) -> None:
    assert sentence in smallest_line(found)
    assert command in after_ablation(found)


def test_after_an_ablation_no_part_is_advised_that_lacks_something() -> None:
    """The report does not advise it either."""
    found = ablated("better", 0.8, "depth")
    found["ablation"]["smallest"]["left"] = {"gain": 0.2, "interval": (0.1, 0.3)}
    assert after_ablation(found).endswith("retrain 'my study'   # save the model")
    found["ablation"]["smallest"]["left"] = {"gain": 0.2, "interval": (-0.1, 0.5)}
    for rest, only in (("better", ""), ("no proven gain", "--only depth ")):
        over = {"over_baseline": {"verdict": "better"}, "best_over": {"verdict": rest}}
        found["parts"] = [{"changes": ["depth"], **over}]
        assert after_ablation(found).endswith(f"retrain {only}'my study'   # save the model")


def test_a_search_that_a_time_budget_has_ended_continues_in_twice_the_time() -> None:
    ended = {**facts("no proven gain"), "budget": {"seconds": 240.0}}
    line = next_command(ended, "tuner study housing --budget 4m")
    assert line == "tuner study housing --budget 480s   # continue the search"
    for typed in ("--trials 50 --budget 4m", "--budget=4m --trials=50"):  # ended by the trials
        line = next_command(facts("unclear"), f"tuner study housing {typed}")
        assert line == "tuner study housing --trials 100 --budget 480s   # continue the search"


def test_a_search_that_has_tried_all_is_not_continued() -> None:
    assert next_command(facts("no proven gain", more_trials="no"), COMMAND) == ""
    assert next_command(facts("no proven gain", more_trials="limited"), COMMAND) == ""
    assert next_command(facts("better", more_trials="no"), COMMAND)


def test_the_best_is_said_by_what_it_changes() -> None:
    assert best_line(facts("better")) == "Best:   trial 9: depth=2 (was 1)"
    none = facts("better")
    none["arms"]["best"]["hyperparameters"]["depth"] = None
    assert best_line(none) == "Best:   trial 9: depth=None (was 1)"
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
    assert "Next:   tuner study" in said
    assert "hunter22" not in said
