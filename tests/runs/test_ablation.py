"""`tuner ablate` on a whole study of the tiny case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial

from tests.making import DATABASE, TINY
from tuner.commands.ablate import main
from tuner.commands.ending import INTERRUPTED
from tuner.engines.choosing import ThisMachine
from tuner.engines.inprocess import InProcessEngine
from tuner.errors import StudyError, UsageError
from tuner.evidence.jobs import TOGETHER
from tuner.study.arms import arms_of
from tuner.study.database.storage import open_storage
from tuner.study.schema import ABLATION, OPENINGS
from tuner.study.store import evidence_name, load_study

ARGUMENTS = ["tiny", "--case", TINY, "--seeds", "2", "--workers", "1"]


@pytest.fixture
def study(own_workplace: Path) -> optuna.Study:
    """A study whose best is better than its baseline, in the folder where the test runs.

    Its recipe is worse on fresh folds than its baseline, so the two are swapped.
    """
    assert own_workplace == Path.cwd()
    found = load_study(DATABASE, "tiny")
    arms = arms_of(found)
    assert arms["best"].number == arms["baseline"].number
    worse = arms["recipe"]
    found.add_trial(
        create_trial(
            value=worse.values[0],
            params=worse.params,
            distributions=worse.distributions,
            intermediate_values=worse.intermediate_values,
            user_attrs={**worse.user_attrs, "arm": "baseline"},
        )
    )
    return found


def trainings() -> int:
    """Return the number of trainings after the search."""
    storage = open_storage(DATABASE, create=False)
    return len(optuna.load_study(study_name=evidence_name("tiny"), storage=storage).trials)


def report() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Path("storage/reports/tiny/report.json").read_text("utf-8"))
    return read


def test_the_report_tells_which_change_bought_it(
    study: optuna.Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ARGUMENTS) == 0
    said = capsys.readouterr().out
    assert "Report: storage/reports/tiny/report.html\n" in said
    assert "\nIt is not clear which change mattered: " in said, "two folds of few rows"
    assert said.splitlines()[-1].startswith("Next:   ")
    assert "Round 1, with " in said
    found = report()["ablation"]
    arms = arms_of(study)
    best, baseline = (arms[name].user_attrs["hyperparameters"] for name in ("best", "baseline"))
    assert found["complete"]
    path, rest = [one["change"] for one in found["path"]], found["rest"]
    assert sorted([*path, *(rest["changes"] if rest else [])]) == sorted(found["changes"])
    assert set(path) <= set(found["without"]), "and what was measured by the way"
    for name, change in found["changes"].items():
        assert (change["was"], change["now"]) == (baseline[name], best[name])
    gains = [one["gain"] for one in (*found["path"], *([rest] if rest else []))]
    assert sum(gains) == pytest.approx(found["whole"]["gain"])
    assert found["smallest"]["gain"] >= 0.95 * found["whole"]["gain"] > 0
    assert found["whole"]["interval"][0] < 0
    text = Path("storage/reports/tiny/report.md").read_text("utf-8")
    assert "## Which change made the difference? Can I drop some?" in text
    assert "](ablation.svg)" in text
    assert Path("storage/reports/tiny/ablation.svg").exists()
    assert "```sh\ntuner ablate" not in text
    assert len(study.user_attrs[OPENINGS]) == 1, "the test split stays closed"


@pytest.mark.slow
def test_again_it_trains_nothing_and_says_the_same(study: optuna.Study) -> None:
    assert main(ARGUMENTS) == 0
    before, count = report(), trainings()
    assert main(ARGUMENTS) == 0
    assert (report(), trainings()) == (before, count)
    assert study.user_attrs[ABLATION]["complete"]


@pytest.mark.slow
def test_interrupted_it_goes_on(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class PressesCtrlC(InProcessEngine):
        left = 1

        def start(self, key: int, job: Any) -> None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            super().start(key, job)

    before = trainings()
    with monkeypatch.context() as patch:
        patch.setattr(ThisMachine, "engine", lambda *_: PressesCtrlC())
        assert main(ARGUMENTS) == INTERRUPTED
    assert "Run the same command again to continue" in capsys.readouterr().out
    assert trainings() == before + TOGETHER
    assert main(ARGUMENTS) == 0
    assert report()["ablation"]["complete"]
    assert study.user_attrs[ABLATION]["complete"]


def test_a_budget_ends_it(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 10_000, 3))
    monkeypatch.setattr("tuner.runs.ablation.time.monotonic", lambda: float(next(clock)))
    assert main([*ARGUMENTS, "--budget", "20"]) == 0
    said = capsys.readouterr().out
    assert "The time budget ran out before everything was measured" in said
    assert "The smallest change worth making is not known yet" in said
    assert said.endswith("   # measure the rest\n")
    assert not report()["ablation"]["complete"]
    assert "The time budget ran out" in Path("storage/reports/tiny/report.md").read_text("utf-8")
    assert not study.user_attrs[ABLATION]["complete"]


@pytest.mark.slow
def test_one_with_less_time_does_not_take_the_place_of_a_fuller_one(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ARGUMENTS) == 0
    before = study.user_attrs[ABLATION]
    clock = iter(range(0, 10_000, 3))
    monkeypatch.setattr("tuner.runs.ablation.time.monotonic", lambda: float(next(clock)))
    assert main([*ARGUMENTS, "--seeds", "8", "--budget", "20"]) == 0
    assert "keeps the earlier measurement on 2 folds" in capsys.readouterr().out
    assert study.user_attrs[ABLATION] == before


@pytest.mark.slow
def test_a_search_that_went_on_makes_it_out_of_date(study: optuna.Study) -> None:
    assert main(ARGUMENTS) == 0
    assert report()["ablation"]
    best = arms_of(study)["best"]
    wider = {**best.user_attrs["hyperparameters"], "width": 7}
    study.add_trial(
        create_trial(
            value=0.99,
            params={**best.params, "width": 7},
            distributions=best.distributions,
            user_attrs={**best.user_attrs, "arm": "recipe", "hyperparameters": wider},
        )
    )
    from tuner.commands.report import main as report_again

    assert report_again(["tiny"]) == 0
    assert report()["ablation"] is None


def test_a_best_that_is_the_baseline_has_nothing_to_explain(own_workplace: Path) -> None:
    del own_workplace
    with pytest.raises(StudyError, match="its best is the baseline"):
        main(ARGUMENTS)


def test_what_there_is_no_study_of(own_workplace: Path) -> None:
    del own_workplace
    with pytest.raises(UsageError, match="no study 'tny'"):
        main(["tny"])
