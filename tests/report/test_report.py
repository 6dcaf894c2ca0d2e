from __future__ import annotations

import json
import math
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy.engine import make_url

from tests.report.studies import (
    ablated,
    add_session,
    add_trial,
    audited,
    confirm,
    erring,
    facts_of,
    fill,
    make_study,
    url_in,
    usual_study,
)
from tuner.case.metric import LOOP
from tuner.commands.concluding import score_line
from tuner.commands.report import main
from tuner.data.reading import BY_CASE, UNKNOWN
from tuner.errors import StoreError, UsageError
from tuner.evidence.rows.predictions import keep_targets
from tuner.language import speaking
from tuner.report.charts.curves import draw_curves
from tuner.report.document import document
from tuner.report.facts import gather
from tuner.report.sections.next_steps import next_section
from tuner.report.sections.sureness import how_sure
from tuner.report.writing import write_report
from tuner.study.schema import CONFIRMATION
from tuner.study.store import load_study, open_evidence
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "report.md",
    "report.html",
    "report.json",
    "trials.csv",
    "history.svg",
    "learning_curves.svg",
}


def written(study: optuna.Study, folder: Path) -> tuple[str, dict[str, Any]]:
    report = write_report(study, Workplace.at(url=url_in(folder)), folder / "out")
    facts: dict[str, Any] = json.loads((folder / "out" / "report.json").read_text())
    return report.read_text(), facts


def worded(study: optuna.Study, folder: Path) -> tuple[str, dict[str, Any]]:
    """Return the report's text and facts, without its plots, which take most of the time."""
    facts = facts_of(study, folder)
    return document(facts, ()), facts


@pytest.mark.parametrize(
    ("trained_on", "said"),
    [
        ({}, "all 100 development rows,"),
        ({"trained_on": 100}, "all 100 development rows,"),
        ({"trained_on": 80}, "80 of 100 development rows, the same as for the fresh validation,"),
    ],
)
def test_it_says_what_the_models_that_met_the_test_were_trained_on(
    tmp_path: Path, trained_on: dict[str, int], said: str
) -> None:
    study = usual_study(tmp_path)
    stored = study.user_attrs["confirmation"]
    study.set_user_attr("confirmation", stored | trained_on)
    report, _ = worded(study, tmp_path)
    assert f"- *Test*: scores of models trained on {said}" in report


@pytest.mark.parametrize(
    ("reference", "data", "said"),
    [
        ("mine.py", {}, "a CSV file whose header has the names of the model's columns"),
        ("mine.py", {"pixels": {"mean": [0.5], "std": [0.5]}}, "an image file"),
        ("mine.py", {"reading": BY_CASE}, "a file that the case reads by its own `read`"),
        ("images --data x --backbone resnet18", {"reading": BY_CASE}, "an image file"),
    ],
)
def test_what_predict_takes_is_said(
    tmp_path: Path, reference: str, data: dict[str, Any], said: str
) -> None:
    facts = facts_of(usual_study(tmp_path), tmp_path)
    plain = {**facts["data"], "pixels": None, "reading": "columns", **data}
    text = document({**facts, "reference": reference, "data": plain}, ())
    assert f"Each FILE is {said}." in text


def test_a_model_whose_files_cannot_be_read_is_used_in_python(tmp_path: Path) -> None:
    """`tuner predict` refuses it, so the report must not recommend that."""
    facts = worded(usual_study(tmp_path), tmp_path)[1]
    unread = {**facts, "reference": "mine.py", "data": {**facts["data"], "reading": UNKNOWN}}
    text = document(unread, ())
    assert "`tuner.load(FOLDER, case='mine.py').predict(rows)`" in text
    assert "tuner predict FOLDER" not in text


def test_report_json_holds_what_was_promised(tmp_path: Path) -> None:
    _, facts = written(usual_study(tmp_path), tmp_path)
    assert facts["study"] == facts["case"] == "flowers"
    assert {"name", "source", "fingerprint", "sizes"} <= facts["data"].keys()
    assert facts["metric"] == {"name": "accuracy", "direction": "maximize"}
    assert facts["seed"] == 0
    counts = facts["trials"]
    assert counts["total"] == 50 == counts["complete"] + counts["pruned"] + counts["failed"]
    assert [one["reason"] for one in counts["failures"]] == [
        "DivergedError: the loss is nan in epoch 2"
    ]
    assert list(facts["arms"]) == ["baseline", "recipe", "best"]
    baseline = facts["arms"]["baseline"]
    assert (baseline["trial"], baseline["validation"]["n"]) == (0, 5)
    assert baseline["validation"]["mean"] == 0.6
    assert baseline["test"].keys() == {"accuracy", "macro_f1"}
    assert baseline["test"]["accuracy"]["mean"] == pytest.approx(0.604333, abs=1e-6)
    assert baseline["test"]["accuracy"]["std"] == pytest.approx(0.004885, abs=1e-6)
    assert facts["comparison"]["best_vs_baseline"]["verdict"] == "better"
    assert facts["comparison"]["best_vs_baseline"]["p_value"] == 2 / 2**6
    assert facts["comparison"]["best_vs_baseline"]["probability_of_improvement"] == 1
    assert facts["comparison"]["recipe_vs_baseline"]["verdict"] == "no proven gain"
    # The fresh scores are .002, .004, .006, .008, .010 and .012 below that of the search.
    assert baseline["fresh"]["mean"] == pytest.approx(0.593)
    assert baseline["optimism"] == pytest.approx(0.007)
    assert facts["wall_seconds"]["search"] == 812.1
    assert facts["manifest"]["versions"]["torch"] == "2.9.0"
    assert facts["manifest"]["command"] == "tuner study flowers --trials 50"
    assert (facts["manifest"]["precision"], facts["manifest"]["workers"]) == ("bfloat16", 2)


def test_the_plan_is_shown(tmp_path: Path) -> None:
    text, _ = worded(usual_study(tmp_path), tmp_path)
    assert "- Device cpu, bfloat16, channels last, 2 workers with 1 thread each\n" in text


def test_each_arm_is_diagnosed(tmp_path: Path) -> None:
    text, facts = worded(usual_study(tmp_path), tmp_path)
    baseline = facts["diagnosis"]["baseline"]
    assert baseline["label"] == "overfitting"
    assert baseline["signs"]["gap"] == pytest.approx((0.999 - 0.6) / 0.8, abs=0.02)
    assert baseline["try_first"] == {"structure": ["dropout"]}
    assert "| baseline | overfitting |" in text
    assert "The usual remedies, cheapest first: structure (`dropout`)." in text
    assert "So does a worse one if its curve shows no problem" in text, "as `diagnose` has it"


def test_a_study_of_an_older_version_has_no_diagnosis(tmp_path: Path) -> None:
    study = make_study(tmp_path, trivial=None)
    add_trial(study, value=0.6, arm="baseline")
    text, facts = worded(study, tmp_path)
    assert facts["diagnosis"] == {}
    assert "What is wrong with the baseline?" not in text


def test_written_again_it_is_the_same(tmp_path: Path) -> None:
    study, workplace = usual_study(tmp_path), Workplace.at(url=url_in(tmp_path))
    for name in ("one", "two"):
        write_report(study, workplace, tmp_path / name)
    assert {path.name for path in (tmp_path / "one").iterdir()} == FILES
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.slow  # starts a process
def test_the_same_store_gives_the_same_bytes(tmp_path: Path) -> None:
    study = usual_study(tmp_path)
    write_report(study, Workplace.at(url=url_in(tmp_path)), tmp_path / "one")
    program = (
        "import optuna, sys; from pathlib import Path; from tuner.report.__main__ import main;"
        "main(['flowers', '--storage', sys.argv[1], '--out', sys.argv[2]]);"
        "unwanted = {'torch', 'tuner.cases', 'tuner.data.dataset', 'matplotlib.pyplot'};"
        "print(sorted(unwanted & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, url_in(tmp_path), str(tmp_path / "two")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [str(tmp_path / "two" / "report.md"), "[]"]
    assert {path.name for path in (tmp_path / "one").iterdir()} == FILES
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_stand_in_is_named_in_the_first_line(tmp_path: Path) -> None:
    data = {"name": "flowers-drawn", "stands_in_for": "flowers"}
    text, _ = worded(usual_study(tmp_path, "flowers-drawn", trials=5, data=data), tmp_path)
    assert text.startswith("> **THIS IS NOT FLOWERS.")


def test_the_race_of_the_candidates(tmp_path: Path) -> None:
    study = usual_study(tmp_path)
    text, facts = worded(study, tmp_path)
    entered = facts["confirmation"]["candidates"]
    arms = {one["arm"]: one["trial"] for one in entered if one["arm"]}
    assert arms == {"baseline": 0, "recipe": 1}
    candidates = [one for one in entered if not one["arm"]]
    assert candidates[0]["trial"] == facts["confirmation"]["winner"]
    searched = [one["search"]["mean"] for one in candidates]
    assert searched == sorted(searched, reverse=True)
    assert all((one["rounds"], one["fresh"]["n"]) == (6, 6) for one in candidates)
    assert [one["behind"] for one in candidates] == pytest.approx(
        [searched[0] - one for one in searched]
    )
    section = text.split("How the best was found:")[1].split("\n## ")[0]
    fresh = candidates[0]["fresh"]["mean"]
    assert f"| **{candidates[0]['trial']}** | {100 * fresh:.1f} ± " in section
    assert f" % | {100 * searched[0]:.1f} ± " in section, "the fresh score comes first"
    assert f"Trial {candidates[0]['trial']} won." in section
    assert "Its accuracy on fresh seeds and folds is 85.3 ± " in section
    assert "Its score in the search was 0.7 points too optimistic, or more" in section
    stored = study.user_attrs["confirmation"]
    study.set_user_attr("confirmation", {**stored, "fewest": 4, "most": 16})
    assert "after 6 rounds instead of 4, because its gain" in worded(study, tmp_path)[0]
    add_trial(study, value=0.99)
    assert "was found later and has not been in this comparison" in worded(study, tmp_path)[0]


@pytest.mark.parametrize(
    ("reference", "step"),
    [
        ("flowers", "Widen the search space in the case's `suggest`"),
        ("table --data k.csv --target y", "Fix fewer hyperparameters (`--fix`), and start a new"),
    ],
)
def test_a_search_that_has_tried_all_says_so(tmp_path: Path, reference: str, step: str) -> None:
    stored = {"low": 10, "high": 11, "step": 1, "log": False}
    space = {"epochs": {"name": "IntDistribution", "attributes": stored}}
    study = make_study(tmp_path, space=space, reference=reference)
    for epochs, arm in ((10, "baseline"), (11, "recipe")):
        add_trial(study, value=0.1 * epochs - 0.5, epochs=epochs, arm=arm)
    confirm(study, baseline=[0.5] * 6, recipe=[0.6] * 6, best=[0.6] * 6)
    text, _ = worded(study, tmp_path)
    assert (
        "**More trials cannot help**: the search space has 2 configurations, and the search has "
        "tried all of them."
    ) in text
    assert step in text
    assert ("`suggest`" in text) == (reference == "flowers")
    assert "Run at least 20" not in text


def drawn_curves(facts: dict[str, Any], study: optuna.Study) -> list[Any]:
    """Return the points of all lines of the learning curves."""
    figure = draw_curves(facts, study.get_trials(deepcopy=False))
    assert figure is not None
    return [np.asarray(line.get_xydata()).tolist() for panel in figure.axes for line in panel.lines]


def test_a_trial_is_found_by_its_number_where_another_was_deleted(tmp_path: Path) -> None:
    """Positions differ from numbers then; a deleted candidate is left out of the race."""
    study = usual_study(tmp_path)
    _, before = written(study, tmp_path)
    gone = before["confirmation"]["candidates"][1]["trial"]
    other = next(
        trial.number
        for trial in study.get_trials()
        if trial.state == TrialState.FAIL and trial.number < before["arms"]["best"]["trial"]
    )
    curves = drawn_curves(before, study)
    with closing(sqlite3.connect(tmp_path / "studies.db")) as database, database:
        removed = database.execute("DELETE FROM trials WHERE number IN (?, ?)", (gone, other))
        assert removed.rowcount == 2
    again = optuna.load_study(study_name=study.study_name, storage=url_in(tmp_path))
    _, facts = written(again, tmp_path)
    entered = [one for one in before["confirmation"]["candidates"] if one["trial"] != gone]
    assert facts["confirmation"]["candidates"] == entered
    assert drawn_curves(facts, again) == curves


@pytest.mark.parametrize(
    ("folds", "searched", "where"),
    [
        (5, 2, "2 of 5 folds"),
        (1, 1, "1 fold"),
        pytest.param(5, 5, "5 folds", marks=pytest.mark.slow),
    ],
)
def test_a_score_of_few_folds_is_told_with_its_standard_error(
    tmp_path: Path, folds: int, searched: int, where: str
) -> None:
    sizes = {"development": 100, "training": 80, "validation": 20, "folds": folds, "test": 983}
    rules = {"entered": [6, 4, 3, 2], "arms": 4, "with_search": searched < 5}
    study = usual_study(tmp_path, data={"sizes": sizes}, folds_in_search=searched, race=rules)
    text, facts = worded(study, tmp_path)
    best = facts["arms"]["best"]
    assert best["validation"]["rows"] == 20 * searched
    mean, error = best["validation"]["mean"], best["validation"]["standard_error"]
    assert error == pytest.approx(math.sqrt(mean * (1 - mean) / 20 / searched), rel=0.1)
    table = text.split("## What should I use?")[1]
    row = next(line for line in table.splitlines() if f"validation accuracy ({where})" in line)
    assert table.index("| fresh validation (6 seeds)") < table.index(row), "the fresh one is first"
    few = searched < folds or folds == 1
    uncertain = error if few else best["validation"]["std"]
    assert f" {100 * mean:.1f} ± {100 * uncertain:.1f} % |" in row
    assert (f" on {where}, {20 * searched} rows, ± its standard error." in table) == few
    assert ("They were ranked by the mean of their folds in the search and" in table) == (
        searched < 5
    )
    assert len(facts["confirmation"]["candidates"]) == 8, "six, baseline and recipe"
    fresh, by = best["fresh"], best["optimism"]
    assert score_line(facts) == (
        f"Score:  accuracy {100 * fresh['mean']:.1f} ± {100 * fresh['std']:.1f} % on fresh folds; "
        f"in the search it was {100 * mean:.1f} ± {100 * uncertain:.1f} % ({where}), "
        f"{100 * by:.1f} points too optimistic or more"
    )


def test_what_a_race_was_ranked_by_is_told_and_shown(tmp_path: Path) -> None:
    study = usual_study(tmp_path)
    stored = study.user_attrs[CONFIRMATION]
    ranks = {
        number: [0.2 + int(number) / 1000] * len(scores)
        for number, scores in stored["validation"].items()
    }
    study.set_user_attr(CONFIRMATION, {**stored, "ranked_by": ranks})
    text, facts = worded(study, tmp_path)
    assert facts["confirmation"]["ranked_by"] == "brier_score"
    assert "They were ranked by the Brier score on the new folds (less is better)" in text
    header = next(line for line in text.splitlines() if "| behind by |" in line)
    assert "| rounds | Brier score | behind by |" in header
    winner = stored["winner"]
    row = next(line for line in text.splitlines() if line.startswith(f"| **{winner}"))
    assert f"| {0.2 + winner / 1000:.3f} |" in row
    diverged = {**ranks, str(stored["candidates"][1]): [None]}
    study.set_user_attr(CONFIRMATION, {**stored, "ranked_by": diverged})
    assert worded(study, tmp_path)[1]["confirmation"]["candidates"][1]["rank"] is None


def test_a_candidate_that_diverged(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=20)
    stored = study.user_attrs["confirmation"]
    loser = str(stored["candidates"][1])
    scores = {**stored["validation"], loser: [None]}
    study.set_user_attr("confirmation", {**stored, "validation": scores})
    text, facts = written(study, tmp_path)
    assert facts["confirmation"]["candidates"][1]["fresh"] is None
    assert re.search(r"\| diverged \| [\d.]+ ± [\d.]+ % \| 1 \|", text)


def test_a_regression_with_a_wild_value(tmp_path: Path) -> None:
    study = make_study(tmp_path, "housing", task="regression")
    add_trial(study, value=0.07, arm="baseline", epochs=20)
    add_trial(study, value=0.08, arm="recipe", epochs=50)
    fill(study, 30)
    add_trial(study, value=1e6)
    add_trial(study, value=float("inf"))
    confirm(study, baseline=[0.07, 0.08, 0.075], recipe=[0.08, 0.07, 0.1], best=[0.02, 0.03, 0.02])
    text, facts = written(study, tmp_path)
    assert facts["arms"]["best"]["test"].keys() == {"mae", "mse"}
    assert "in standardised units" in text


def test_the_constant_answer_meets_the_rows_that_the_models_met(tmp_path: Path) -> None:
    """Not the development rows: with a trend, their median is very different."""
    target = {"mean": 3.0, "std": 100.0, "trivial_mae": 80.0}
    study = make_study(tmp_path, "housing", task="regression", data={"target": target})
    add_trial(study, value=0.07, arm="baseline", epochs=20)
    fill(study, 30)
    confirm(study, baseline=[0.07, 0.08, 0.075], best=[0.02, 0.03, 0.02])
    text, facts = written(study, tmp_path)
    assert facts["constant"] is None
    assert "a model that always gives the median has 80.0 on the development rows" in text
    evidence = open_evidence(study)
    rows = np.array([4.0, 5.0, 5.5, 9.0, 30.0], np.float32)
    keep_targets(evidence, "the rows", rows)
    text, facts = written(study, tmp_path)
    assert "the mean absolute error went from 7.50 to 2.33; a model that" in text
    best = min(float(np.abs(rows - level).mean()) for level in np.linspace(0, 30, 301))
    assert facts["constant"] == pytest.approx(best)
    assert f"a model that always gives the median of these rows has {100 * best:.0f}." in text


@pytest.mark.parametrize(
    ("best", "said"),
    [
        ([0.075], "the mean absolute error is 7.50; a model that"),
        ([0.07499], "the mean absolute error went from 7.500 to 7.499; a model that"),
    ],
)
def test_errors_in_units_that_differ_show_it(tmp_path: Path, best: list[float], said: str) -> None:
    target = {"mean": 3.0, "std": 100.0, "trivial_mae": 80.0}
    study = make_study(tmp_path, "housing", task="regression", data={"target": target})
    add_trial(study, value=0.07, arm="baseline")
    add_trial(study, value=0.06)
    confirm(study, baseline=[0.075] * 6, best=best * 6)
    assert said in worded(study, tmp_path)[0]


@pytest.mark.parametrize("trials", [0, 1, 2, 3])
def test_small_and_broken_studies_have_a_report(tmp_path: Path, trials: int) -> None:
    study = make_study(tmp_path)
    if trials > 0:
        add_trial(study, TrialState.FAIL, arm="baseline", failure="out of | memory `x`\n<b>")
    if trials > 1:
        add_trial(study, TrialState.PRUNED, 0.4, stop=2)
    if trials > 2:
        add_trial(study, value=0.5, arm="baseline")
        study.enqueue_trial({"epochs": 3})
    text, facts = written(study, tmp_path)
    assert "recipe" not in facts["arms"]
    assert (tmp_path / "out" / "history.svg").exists() == (trials > 1)
    assert ("learning_curves.svg" in text) == (trials > 2)
    assert facts["trials"]["unfinished"] == (trials > 2)
    if trials > 0:
        assert "Failed, trial 0: `` out of | memory `x` <b> ``" in text
    if trials > 2:
        assert facts["arms"]["baseline"]["trial"] == 2
        assert "recipe has no complete trial" in text


def test_plots_of_what_is_gone_are_removed(tmp_path: Path) -> None:
    written(usual_study(tmp_path, trials=4), tmp_path)
    written(make_study(tmp_path, "empty"), tmp_path)
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES - {
        "history.svg",
        "learning_curves.svg",
    }


def test_a_second_opening_and_another_machine_are_said(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=5)
    confirm(study, baseline=[0.6, 0.7], recipe=[0.6, 0.7], best=[0.6, 0.8])
    add_session(study, machine={"python": "3.13.0", "processor": "B", "cores": 1, "platform": "x"})
    text, _ = worded(study, tmp_path)
    assert "opened 2 times" in text
    assert "Only the first opening" in text
    assert "An earlier one had another machine" in text


def test_a_search_by_another_number_of_workers_is_not_said_to_be_the_same(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=5)
    same = "it gives the same scores, bit for bit"
    assert same in worded(study, tmp_path)[0]
    add_session(study, started="2999-01-01T00:00:00+00:00", workers=1)  # no trial ended in it
    assert same in worded(study, tmp_path)[0]
    first, last = study.get_trials()[0], study.get_trials()[-1]
    assert first.datetime_complete is not None
    assert last.datetime_start is not None
    began = last.datetime_start.astimezone().isoformat()
    study.set_user_attr("sessions", study.user_attrs["sessions"][:1])
    add_session(study, started=began, workers=1)
    text = worded(study, tmp_path)[0]
    assert same not in text
    assert "the number of workers changed while it searched (2 and 1)" in text


def test_what_was_cut_off_after_the_search_is_told_with_the_time(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=4)
    assert "in 1 session\n" in worded(study, tmp_path)[0]
    study.set_user_attr("sessions", [])
    add_session(study, within="confirmation_seconds")
    add_session(study, within="audit_seconds", confirmation_seconds=2.0)
    add_session(study)
    text, _ = worded(study, tmp_path)
    told = "in 3 sessions (without interrupted work: 0 times in the search, 2 times after it)"
    assert told in text


def test_a_clock_that_was_set_back_hides_no_change_of_workers(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=6)
    study.set_user_attr("sessions", [])
    add_session(study, started="2999-01-03T00:00:00+00:00", workers=1, trials_before=0)
    add_session(study, started="2999-01-01T00:00:00+00:00", workers=3, trials_before=4)
    add_session(study, started="2999-01-02T00:00:00+00:00", workers=8, trials_before=6)
    assert facts_of(study, tmp_path)["search_workers"] == [1, 3]


def test_a_cluster_is_named_with_its_processors(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=4)
    add_session(study, cluster={"nodes": 3, "processors": ["A", "B"]})
    text, _ = worded(study, tmp_path)
    assert (
        "The trainings ran on a Ray cluster of 3 nodes with A and B; "
        "the machine named first is the coordinator's."
    ) in text


def test_passwords_stay_out_of_it(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=4)
    url = "postgresql://me:secret@host/db"
    add_session(study, f"python -m tuner.study flowers --storage {url}")
    facts = gather(study, Workplace.at(url=url))
    assert "secret" not in json.dumps(facts)
    assert facts["storage"] == "postgresql://me:***@host/db"
    assert make_url(facts["storage"]).host == "host"


def test_odd_names_cannot_break_the_markdown(tmp_path: Path) -> None:
    name = "a`b|c <script>\n## d"
    text, _ = written(usual_study(tmp_path, name, trials=4), tmp_path)
    assert text.startswith("# Study `` a`b|c <script> ## d ``\n")


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=4)
    with pytest.raises(UsageError, match="did you mean 'flowers'"):
        main(["flower", "--storage", url_in(tmp_path)])
    with pytest.raises(StoreError):
        main(["flowers", "--storage", f"sqlite:///{tmp_path}/none.db"])
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--out"):
        write_report(study, Workplace.at(url=url_in(tmp_path)), tmp_path / "file")


def test_names_that_are_no_folder_need_an_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    usual_study(tmp_path, "../../up", trials=4)
    with pytest.raises(UsageError, match="--out"):
        main(["../../up", "--storage", url_in(tmp_path)])
    assert main(["../../up", "--storage", url_in(tmp_path), "--out", "here"]) == 0
    assert (tmp_path / "here" / "report.md").exists()


def test_help_imports_nothing_slow() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tuner.report", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "optuna", "matplotlib", "scipy", "sqlalchemy", "numpy"}


def test_the_ablation_is_told_with_its_picture(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    text, facts = written(study, tmp_path)
    found = facts["ablation"]
    assert [step["gain"] for step in found["path"]] == pytest.approx([0.24, 0.06])
    assert [step["total"] for step in found["path"]] == pytest.approx([0.24, 0.30])
    assert found["without"]["learning_rate"]["gain"] == pytest.approx(0.25)
    assert (
        "| 1 | `learning_rate` 0.001 → 0.003 | training | 24.0 | – | 24.0 | 25.0 |"  # noqa: RUF001
        in text
    )
    assert "`dropout` 0 → 0.3, with `rate` 2" in text
    assert "(all of the gain of all 2 changes)" in text
    assert "On fresh folds, `learning_rate` and `dropout` alone bring all of the gain." in text
    assert "without it): training 80 %, structure 20 %." in text
    assert (tmp_path / "out" / "ablation.svg").exists()


def test_what_mattered_most_is_told_once_all_are_measured(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    assert "**`learning_rate` mattered most:**" in written(study, tmp_path)[0]
    ablated(study, complete=False)
    kept = study.user_attrs["ablation"]
    study.set_user_attr("ablation", {**kept, "without": {"dropout": [0.84, 0.86]}})
    text = written(study, tmp_path)[0]
    assert "mattered most" not in text
    assert "| 2 | `dropout` 0 → 0.3, with `rate` 2 |" in text


def test_many_changes_are_counted_and_their_share_of_the_gain_is_told(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    kept, names = study.user_attrs["ablation"], ["a", "b", "c", "d", "e", "f"]
    change = {"was": 0, "now": 1, "group": "training", "follows": {}}
    facts = {
        **kept,
        "changes": {**kept["changes"], **dict.fromkeys(names, change)},
        "path": [*names, *kept["path"]],
        "path_scores": [[0.60, 0.62]] * 7 + [[0.84, 0.86], [0.90, 0.92]],
        "smallest": sorted(["learning_rate", *names]),
        "smallest_scores": [0.81, 0.83],
        "without": {},
    }
    study.set_user_attr("ablation", facts)
    text = written(study, tmp_path)[0]
    assert "On fresh folds, 7 of the 8 changes alone bring at best 70 % of the gain." in text
    assert "(at best 70 % of the gain of all 8 changes)" in text


def test_a_page_that_needs_no_other_file(tmp_path: Path) -> None:
    study = usual_study(tmp_path, name="<b>odd</b>", trials=12)
    ablated(study)
    written(study, tmp_path)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>Study &lt;b&gt;odd&lt;/b&gt;</title>" in page
    assert "<b>odd" not in page
    sources = re.findall(r'(?:src|href)="(.{1,30})', page)
    assert len(sources) == 3
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert (
        page.count("<table>") == page.count('<div class="table">') == page.count("</table></div>")
    )
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert not re.findall(r"\d (?:%|±)", page), "no line ends between a number and its unit"
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings == re.findall(
        "^## (.*)$", (tmp_path / "out" / "report.md").read_text("utf-8"), re.M
    )


def test_an_ablation_without_a_step_yet(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    begun: dict[str, object] = {
        "path": [],
        "path_scores": [],
        "without": {},
        "smallest": None,
        "complete": False,
    }
    study.set_user_attr("ablation", {**study.user_attrs["ablation"], **begun, "rounds": 2})
    text, _ = written(study, tmp_path)
    assert "| step |" not in text
    assert "The time budget ran out before the first step. The command below continues." in text
    assert "tuner ablate --home" in text
    assert " --seeds 2 " in text.split("The time budget ran out")[1]


def test_a_path_that_does_better_half_way(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    stored = study.user_attrs["ablation"]
    study.set_user_attr(
        "ablation", {**stored, "path_scores": [[0.6, 0.62], [0.94, 0.96], [0.90, 0.92]]}
    )
    text, _ = worded(study, tmp_path)
    assert "On these folds the first change does better than all 2." in text


def test_a_path_that_does_better_half_way_by_chance_is_not_followed(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    stored = study.user_attrs["ablation"]
    study.set_user_attr(
        "ablation", {**stored, "path_scores": [[0.6, 0.62], [0.95, 0.91], [0.90, 0.92]]}
    )
    text, _ = worded(study, tmp_path)
    assert "`learning_rate` mattered most" in text
    assert "does better than all" not in text


def test_changes_whose_gain_is_not_told_from_nothing_are_not_named(tmp_path: Path) -> None:
    """In half of the studies without any effect, one change seems to have brought everything."""
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    stored = study.user_attrs["ablation"]
    whole = [0.70, 0.62]
    study.set_user_attr(
        "ablation",
        {
            **stored,
            "path_scores": [[0.60, 0.62], [0.69, 0.63], whole],
            "whole": whole,
            "smallest": ["learning_rate"],
            "smallest_scores": [0.69, 0.63],
        },
    )
    text, facts = written(study, tmp_path)
    assert facts["ablation"]["whole"]["interval"][0] < 0 < facts["ablation"]["whole"]["gain"]
    assert (
        "**These folds cannot tell which change mattered:** all 2 changes together gain 5.0 points"
    ) in text
    assert "which includes zero" in text
    for claim in ("mattered most", "smallest change worth", "alone bring", "Share of the gain"):
        assert claim not in text
    assert "Simplify" not in text
    assert "| 1 | `learning_rate` 0.001 → 0.003 |" in text, "what was measured is shown"


def test_what_the_best_gets_wrong_in_classes(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    erring(study)
    text, facts = written(study, tmp_path)
    assert facts["mistakes"]["confusion"] == [[50, 10], [0, 60]]
    assert "](confusion.svg)" in text
    assert "](mistakes.svg)" in text
    assert "Confused most often: `rose` taken for `tulip`: 10." in text
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    written(study, tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    add_trial(study, value=0.99)
    text, facts = written(study, tmp_path)
    assert facts["mistakes"] is None, "they are of another trial than the best of now"
    assert not (tmp_path / "out" / "confusion.svg").exists()


def test_what_the_best_gets_wrong_in_numbers(tmp_path: Path) -> None:
    study = make_study(tmp_path, "housing", task="regression")
    add_trial(study, value=0.07, arm="baseline")
    study.set_user_attr(
        "mistakes", {"trial": 0, "true": [-1.0, 0.0, 1.0], "predicted": [-1.1, 0.1, 1.3]}
    )
    text, _ = written(study, tmp_path)
    assert "a mean of 0.10 and a standard deviation of 0.16" in text
    assert "the largest is 0.30" in text
    assert (tmp_path / "out" / "mistakes.svg").exists()
    assert not (tmp_path / "out" / "confusion.svg").exists()


def test_an_ablation_that_ran_out_of_time(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study, complete=False)
    text, _ = worded(study, tmp_path)
    assert "The time budget ran out." in text
    assert "smallest change" not in text


def test_importance_and_health_are_told(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    one = {"importance": 0.7, "interval": [0.5, 0.9], "beats": 1.0}
    other = {"importance": 0.2, "interval": [0.0, 0.3], "beats": 0.6}
    shadow = {"importance": 0.1, "interval": [0.0, 0.2]}
    part = {
        "trials": 8,
        "hyperparameters": [{"name": "dropout", **one}, {"name": "epochs", **other}],
        "shadow": shadow,
        "missing": ["momentum"],
    }
    study.set_user_attr("importance", {"trials": 12, "rung": 2, "final": part, "early": None})
    text, facts = written(study, tmp_path)
    assert "- Only some of these trials asked for `momentum`, so their importance" in text
    assert "| `dropout` | 70 % | 50 % to 90 % | evidence |" in text
    assert "| `epochs` | 20 % | 0 % to 30 % | no evidence |" in text
    assert (tmp_path / "out" / "importance.svg").exists()
    assert {one["name"] for one in facts["health"]} >= {"edges", "failed", "pruned", "progress"}
    section = text.split("Would more trials help?\n\n")[1].split("\n\n")[1]
    wanted = [line.startswith("- **") for line in section.splitlines()]
    assert wanted == sorted(wanted, reverse=True), "what wants something done comes first"


def test_a_confirmation_made_by_hand_has_the_parts_of_a_real_one(
    workplace: Path, tmp_path: Path
) -> None:
    """Except for what studies did not store before predictions on the test rows were kept."""
    real = load_study(f"sqlite:///{workplace}/storage/studies.db", "tiny").user_attrs[CONFIRMATION]
    ours = usual_study(tmp_path, trials=5).user_attrs[CONFIRMATION]
    new = {"plan", "price", "rows", "stream", "trained_on", "untested"}
    assert real.keys() - ours.keys() == new
    assert ours.keys() <= real.keys()
    assert ours["arms"].keys() == real["arms"].keys()
    for name, arm in ours["arms"].items():
        assert real["arms"][name].keys() - arm.keys() == {"seeds", "stream", "ensemble", "diverged"}
        assert arm["scores"][0].keys() == real["arms"][name]["scores"][0].keys()


def test_what_pruning_cost_is_told(tmp_path: Path) -> None:
    study = usual_study(tmp_path)
    best = max(trial.values[0] for trial in study.trials if trial.state == TrialState.COMPLETE)
    text, facts = worded(study, tmp_path)
    assert "drawn at random" not in text
    assert facts["audit"] is None

    audited(study, 0.61, None)
    text, facts = worded(study, tmp_path)
    assert facts["audit"]["candidates"]["interval"] == [0, 24]
    assert (
        "**No loss by pruning was found.** 2 of the 30 pruned trials were drawn at random, and "
        "trained to their end after the search. None of 2 would have been among the 3 candidates "
        "for the race; of all 30, 0 to 24 would have (95 % interval). 2 trainings cannot show this "
        "more precisely."
    ) in text

    audited(study, best - 1e-9)
    text, _ = worded(study, tmp_path)
    assert "**Pruning cost the race 1 candidate, not the best.** Trial " in text

    audited(study, best + 0.02, 0.5)
    text, facts = worded(study, tmp_path)
    (one,) = facts["audit"]["best"]["trials"]
    assert "**Pruning cost this search a better score.**" in text
    assert "better than the best of the search by 2.0 points" in text
    assert f"Trial {one['trial']} was pruned." in text
    assert "`--try epochs=20`" in text


def test_a_path_that_ended_early_names_what_was_left(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    stored = study.user_attrs["ablation"]
    short: dict[str, object] = {
        "path": ["learning_rate"],
        "path_scores": stored["path_scores"][:2],
        "without": {"learning_rate": [0.65, 0.67]},
        "rest": ["dropout"],
        "at_once": 4,
        "smallest": ["learning_rate"],
        "smallest_scores": [0.84, 0.86],
    }
    study.set_user_attr("ablation", {**stored, **short})
    text, facts = written(study, tmp_path)
    assert facts["ablation"]["rest"]["gain"] == pytest.approx(0.06)
    assert "the last change: `dropout`" in text
    assert "(at best 80 % of the gain of all 2 changes). The same folds chose these" in text
    assert "can be dropped" not in text, "two folds cannot tell so little"
    assert "2 folds cannot tell whether the others are needed: `dropout`." in text
    assert "At each step the 4 changes were tried that looked best" in text
    assert "The path ends where the other changes together are not worth a step" in text
    assert "Try a simpler model, with only `learning_rate`" in text
    of_loop = next_section({**facts, "task": LOOP})
    assert "This command calls the loop with these, and keeps what it writes." in of_loop
    opposed = {**facts, "confirmation": {**facts["confirmation"], "opposed": True}}
    assert "may be the wrong way round" not in how_sure(facts)
    by_luck = {
        name: pair and {**pair, "interval": [-0.1, 0.2]}
        for name, pair in facts["comparison"].items()
    }
    assert "wrong way round" not in how_sure({**opposed, "comparison": by_luck}), "of rows"
    assert "same kind of score as the loop. In this study, a higher" in how_sure(opposed)


@pytest.mark.parametrize(
    ("left", "words", "advice"),
    [
        (
            (0.02, 0.01),
            "The others add to these: 1.5 points together, with a 95 % interval of ",
            None,
        ),
        ((0.01, -0.01), "The others can be dropped: `dropout`.", "Simplify: keep only"),
        (
            (0.2, -0.2),
            "These folds cannot tell whether the others add anything: `dropout`. ",
            "Try a simpler model, with only",
        ),
    ],
)
def test_what_other_changes_add_is_told_by_the_folds_that_both_were_on(
    tmp_path: Path, left: tuple[float, float], words: str, advice: str | None
) -> None:
    """The baseline varies by more than all of it, which says nothing of what others add.

    What to try next agrees: it said to drop the others where they were proven to add.
    """
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    smallest = [0.84, 0.86] * 20
    some: dict[str, object] = {
        "rounds": 40,
        "path": ["learning_rate"],
        "path_scores": [[0.4, 0.6, 0.6, 0.4] * 10, smallest],
        "without": {"learning_rate": [0.65, 0.67] * 20},
        "rest": ["dropout"],
        "whole": [one + more for one, more in zip(smallest, left * 20, strict=True)],
        "smallest": ["learning_rate"],
        "smallest_scores": smallest,
    }
    study.set_user_attr("ablation", {**study.user_attrs["ablation"], **some})
    text, facts = written(study, tmp_path)
    low, high = facts["ablation"]["whole"]["interval"]
    assert high - low > facts["ablation"]["whole"]["gain"] / 10
    assert words in text
    assert advice is None or f"{advice} `learning_rate`" in text
    assert ("tuner retrain" in text.partition("try next?")[2]) == (advice is not None)


def test_a_number_of_trials_that_came_from_a_time(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    study.set_user_attr("stopped", {"reason": "after 11 trials", "trials": 11})
    study.set_user_attr("budget", {"seconds": 600})
    add_session(study, "python -m tuner.study flowers --budget 10m", search_seconds=500.0)
    text, facts = worded(study, tmp_path)
    assert facts["budget"] == {"seconds": 600}
    assert (
        "came from a time budget of 10 min 0 s (`--budget`). Under *How can I repeat it?*" in text
    )
    assert "tuner study flowers --trials 12" in text
    assert "python -m" not in text, "one form, also of what earlier versions kept"


@pytest.mark.parametrize(
    ("state", "score", "came_to"),
    [
        ("complete", 0.7, "validation accuracy 70.0 %"),
        ("pruned", 0.7, "pruned (ended early) at validation accuracy 70.0 %"),
        ("pruned", None, "pruned before its first score"),
        ("fail", None, "failed"),
        ("waiting", None, "not finished yet"),
    ],
)
def test_what_came_of_a_configuration_of_ones_own(
    tmp_path: Path, state: str, score: float | None, came_to: str
) -> None:
    facts = worded(usual_study(tmp_path, trials=12), tmp_path)[1]
    facts["tries"] = [{"trial": 7, "values": {"depth": 2}, "state": state, "score": score}]
    text = document(facts, [])
    assert f"- Your own configuration, trial 7 (`depth=2`): {came_to}\n" in text
    with speaking("zh"):
        told = re.findall(r"试验 7（`depth=2`）：(.*)", document(facts, []))
    assert told
    assert not re.search("pruned|failed|finished|validation", told[0])


def test_an_arm_over_a_limit_is_not_said_to_need_no_more_than_it(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    facts = worded(study, tmp_path)[1]
    facts["limits"] = {
        "limits": {"parameters": 1000, "latency_ms": None},
        "arms": {name: {"parameters": 2000, "breaks": True} for name in facts["arms"]},
    }
    text = " ".join(document(facts, []).split())
    assert (
        "The model may have 1,000 parameters at most. No configuration was left out for "
        "this reason."
    ) in text
    facts["trials"]["passed_over"] = 2
    text = " ".join(document(facts, []).split())
    assert "at most. 2 configurations needed more, and were not trained." in text


def test_what_the_search_finds_on_shuffled_targets_is_told(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    found = {
        "study": "flowers-placebo",
        "trials": 12,
        "best": 4,
        "score": 0.31,
        "fresh": [0.2, 0.22, None],
        "chance": 0.2,
    }
    study.set_user_attr("placebo", found)
    text, facts = worded(study, tmp_path)
    best = max(trial.values[0] for trial in study.trials if trial.state == TrialState.COMPLETE)
    assert facts["placebo"]["gain"] == pytest.approx(best - 0.6)
    assert (facts["placebo"]["fresh"], facts["placebo"]["n"]) == (pytest.approx(0.21), 2)
    assert (
        "**On shuffled targets, where there is nothing to find,** the best of 12 trials has "
        "accuracy 31.0 % in the search and 21.0 % on fresh folds; a model that always gives "
        "the same answer has 20.0 %. So about 10.0 points of a search score is luck there. On its "
        "own targets the search improved on the baseline by "
    ) in text
    facts["placebo"]["gain"] = -0.002
    told = "On its own targets the search was 0.2 points worse than the baseline."
    assert told in " ".join(document(facts, []).split())
    facts["placebo"]["optimism"] = -0.002
    text = " ".join(document(facts, []).split())
    assert (
        "The score in the search is not better than on fresh folds, so no luck is seen there."
        in text
    )
    assert "points of a search score is luck" not in text


def test_a_placebo_is_neither_confirmed_nor_used(tmp_path: Path) -> None:
    study = make_study(tmp_path, "flowers-placebo", shuffled=True)
    add_trial(study, value=0.20, arm="baseline")
    add_trial(study, value=0.21, arm="recipe", dropout=0.3)
    fill(study, 12)
    add_session(study, "tuner placebo flowers --trials 12")
    found = {"trials": 12, "best": 4, "score": 0.31, "fresh": [0.2], "chance": 0.2}
    study.set_user_attr("placebo", found)
    text = worded(study, tmp_path)[0]
    assert "**No verdict: this is a placebo, a search on shuffled targets, where there is" in text
    for advice in ("```sh\ntuner", "tuner study", "tuner retrain", "tuner ablate", "To confirm it"):
        assert advice not in text
    assert "To repeat a placebo, repeat its original study first." in " ".join(text.split())
    assert "1. Nothing here." in text
