"""What a run reports and stores before its first trial, and when its case fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.trial import TrialState

from tests.making import TINY
from tests.runs.running import Listening
from tuner.engines.compute import Compute
from tuner.errors import CaseError, StudyError
from tuner.runs.settings import StudySettings
from tuner.runs.study import run_study
from tuner.study.schema import SEED_MATTERS
from tuner.study.store import load_study
from tuner.workplace import Workplace

BUILD = "    return build_mlp(hyperparameters, shape)\n"


def case_file(old: str, new: str) -> str:
    """Write the tiny case with one change into the current folder."""
    text = Path(TINY).read_text(encoding="utf-8")
    assert old in text
    Path("mine.py").write_text(text.replace(old, new), encoding="utf-8")
    return "mine.py"


def run(workplace: Workplace, case: str, trials: int = 3) -> Listening:
    observer = Listening()
    settings = StudySettings(
        case=case,
        workplace=workplace,
        command=f"tuner study {case}",
        trials=trials,
        seeds=0,
        compute=Compute(workers=1),
    )
    run_study(settings, observer)
    return observer


def test_a_case_that_cannot_train_is_refused_before_a_study_exists(here: Workplace) -> None:
    broken = case_file(BUILD, "    return build_mlp(hyperparameters, shape)[:-1]\n")
    with pytest.raises(CaseError, match=r"shape \(2, 4\) for a batch of 2 rows.* of mine.py"):
        run(here, broken)
    assert not Path("storage").exists()


@pytest.mark.slow
def test_a_study_keeps_what_its_seeds_change(here: Workplace) -> None:
    messages = run(here, TINY, trials=1).messages
    assert load_study(here.url, "tiny").user_attrs[SEED_MATTERS] == "weights"
    assert not any("seeds" in message for message in messages)
    seeding = case_file(BUILD, f"    __import__('torch').manual_seed(0)\n{BUILD}")
    elsewhere = Workplace.at(Path("elsewhere"))
    said = run(elsewhere, seeding, trials=1).messages[0]
    assert said.startswith("Two seeds give the same initial weights (build at line ")
    assert load_study(elsewhere.url, "tiny").user_attrs[SEED_MATTERS] == "order"


@pytest.mark.slow
def test_a_traceback_is_told_once(here: Workplace) -> None:
    always = case_file('breaks=trial.suggest_categorical("breaks", (False, True))', "breaks=False")
    Path(always).write_text(
        Path(always)
        .read_text(encoding="utf-8")
        .replace(
            "    if hyperparameters.breaks:\n",
            "    if hyperparameters.width not in (4, 8):\n",
        ),
        encoding="utf-8",
    )
    messages = run(here, always, trials=8).messages
    states = [trial.state for trial in load_study(here.url, "tiny").trials]
    assert states.count(TrialState.FAIL) > 1
    (trace,) = [message for message in messages if "Traceback" in message]
    assert 'mine.py", line 68, in build' in trace


@pytest.mark.slow
def test_a_fixed_case_takes_the_name_of_the_one_that_broke(here: Workplace) -> None:
    """It fails after its first step, which a rehearsal does not reach."""
    late = case_file(
        BUILD,
        "    network = build_mlp(hyperparameters, shape)\n"
        "    def fail(layer, inputs, outputs):\n"
        "        if len(inputs[0]) > 2:\n"
        "            raise IndexError('index out of range')\n"
        "    network.register_forward_hook(fail)\n"
        "    return network\n",
    )
    with pytest.raises(StudyError, match=r"the baseline failed: line 72 of mine.py: IndexError"):
        run(here, late)
    assert load_study(here.url, "tiny").trials[0].state == TrialState.FAIL
    run(here, TINY)
    trials = load_study(here.url, "tiny").trials
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert trials[0].state == TrialState.COMPLETE
