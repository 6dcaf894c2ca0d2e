"""Studies that search for another metric than the task's default, from search to report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY, retrained
from tests.runs.running import NUMBERS, facts, run
from tuner.engines.compute import Compute
from tuner.errors import CaseError, StudyError, UsageError
from tuner.runs.observer import Silent
from tuner.runs.settings import Stored, VerificationSettings
from tuner.runs.verification import run_verification
from tuner.study.store import load_study

if TYPE_CHECKING:
    from tuner.workplace import Workplace

OWN = """
def profit(truth, guess):
    return float((2 * (truth == 1) - 1)[guess == 1].sum())

CASE = __import__("dataclasses").replace(CASE, metrics=(profit,))
"""


@pytest.mark.slow
def test_a_study_by_a_scorer_is_repeated_and_retrained(here: Workplace) -> None:
    run(TINY, here, metric="roc_auc")
    found = facts(here)
    assert found["metric"] == {"name": "roc_auc", "direction": "maximize"}
    best = found["arms"]["best"]
    assert set(best["test"]) == {"roc_auc", "accuracy", "macro_f1"}
    pair = found["comparison"]["best_vs_baseline"]
    assert pair["covers"] == "rows"
    price = found["confirmation"]["price"]
    assert price["smallest"] is None
    assert price["words"] == "What a test can show of ROC AUC cannot be told before it."
    assert pair["gain"] == pytest.approx(
        best["test"]["roc_auc"]["mean"] - found["arms"]["baseline"]["test"]["roc_auc"]["mean"]
    )
    stored = Stored(study="tiny", workplace=here, case_file=TINY)
    again = VerificationSettings(stored=stored, compute=Compute(workers=1))
    assert run_verification(again, Silent()) is True
    manifest = json.loads((retrained("tiny", TINY) / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["metrics"]["validation"]) == {"roc_auc"}
    assert set(manifest["metrics"]["test"]) == set(best["test"])


@pytest.mark.slow
def test_another_metric_is_another_study(here: Workplace) -> None:
    run(TINY, here, trials=2, seeds=0, metric="roc_auc")
    with pytest.raises(StudyError, match="its metric is roc_auc, not accuracy"):
        run(TINY, here, trials=2, seeds=0)
    with pytest.raises(UsageError, match="did you mean roc_auc"):
        run(TINY, here, metric="roc_auk")
    run(TINY, here, trials=3, seeds=0, metric="roc_auc")
    assert len(load_study(here.url, "tiny").trials) == 3


@pytest.mark.slow
def test_a_function_in_the_case_file_is_searched_for(here: Workplace) -> None:
    Path("mine.py").write_text(Path(TINY).read_text(encoding="utf-8") + OWN, encoding="utf-8")
    run("mine.py", here)
    found = facts(here)
    assert found["metric"]["name"] == "profit (maximize)"
    assert found["comparison"]["best_vs_baseline"]["covers"] == "rows"
    assert not found["diagnosis"]  # the scale of a profit is unknown
    text = Path("storage/reports/tiny/report.md").read_text(encoding="utf-8")
    assert "test profit" in text.partition("##")[0]  # not converted to a loss


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["neg_root_mean_squared_error", "mean_squared_log_error"])
def test_a_regression_is_scored_in_either_unit(here: Workplace, metric: str) -> None:
    Path("mine.py").write_text(Path(TINY).read_text(encoding="utf-8") + NUMBERS, encoding="utf-8")
    run("mine.py", here, metric=metric)
    found = facts(here)
    name = metric.removeprefix("neg_")
    assert found["metric"] == {"name": name, "direction": "minimize"}
    scores = found["arms"]["baseline"]["test"]
    if name == "root_mean_squared_error":
        assert scores[name]["values"][0] ** 2 == pytest.approx(scores["mse"]["values"][0])
    assert found["comparison"]["best_vs_baseline"]["covers"] == "rows"


def test_a_metric_that_does_not_fit_the_targets_is_refused(here: Workplace) -> None:
    lines = (
        Path(TINY)
        .read_text(encoding="utf-8")
        .replace('classes=("left", "right")', 'classes=("left", "right", "up")')
    )
    Path("three.py").write_text(
        lines.replace("targets = torch.arange(count) % 2", "targets = torch.arange(count) % 3"),
        encoding="utf-8",
    )
    with pytest.raises(CaseError, match=r"roc_auc cannot be computed .* multi_class"):
        run("three.py", here, metric="roc_auc")
    assert not Path("storage").exists()
