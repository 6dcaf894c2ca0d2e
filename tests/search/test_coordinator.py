from __future__ import annotations

import contextlib
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from tests.making import (
    TINY,
    InterruptsAt,
    history,
    make_brief,
    make_engine,
    open_as_command,
    search,
)
from tuner.data.dataset import LockedSplit
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed
from tuner.errors import StudyError
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.study.schema import OPENINGS
from tuner.study.store import load_study
from tuner.study.trials import finished

if TYPE_CHECKING:
    from tuner.data.examples import Examples
    from tuner.study.configuration import StudyConfig

TOTAL = 14


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """A study of 14 trials on one worker, without an interruption."""
    folder = tmp_path_factory.mktemp("undisturbed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    config = make_brief(TINY, folder)
    return history(search(f"sqlite:///{folder}/studies.db", config, TOTAL))


def test_a_study_begins_with_baseline_and_recipe(undisturbed: list[dict[str, object]]) -> None:
    arms = [trial["attributes"].get("arm") for trial in undisturbed]  # type: ignore[attr-defined]
    assert arms == ["baseline", "recipe"] + [None] * (TOTAL - 2)
    assert [trial["number"] for trial in undisturbed] == list(range(TOTAL))


def test_a_study_prunes_fails_and_completes(undisturbed: list[dict[str, object]]) -> None:
    states = {trial["state"] for trial in undisturbed}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    failed = [t for t in undisturbed if t["state"] == TrialState.FAIL]
    reasons = {t["attributes"]["failure"] for t in failed}  # type: ignore[index]
    assert {re.sub(r"line \d+ of", "line N of", str(reason)) for reason in reasons} == {
        "line N of tiny.py: MemoryError: no room for this model"
    }
    traces = {t["attributes"]["traceback"] for t in failed}  # type: ignore[index]
    assert all("Traceback" in trace and 'tiny.py", line' in trace for trace in traces)


@pytest.mark.slow
@settings(max_examples=4, suppress_health_check=list(HealthCheck))
@given(moments=st.tuples(st.integers(1, 45), st.integers(1, 45)))
def test_interrupted_twice_equals_undisturbed(
    moments: tuple[int, int],
    undisturbed: list[dict[str, object]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("interrupted")
    url = f"sqlite:///{folder}/studies.db"
    config = make_brief(TINY, folder)
    for moment in moments:
        with contextlib.suppress(KeyboardInterrupt):
            search(url, config, TOTAL, observer=InterruptsAt(moment))
    assert history(search(url, config, TOTAL)) == undisturbed


@pytest.mark.slow
def test_two_workers_repeat_themselves_and_survive_an_interrupt(tmp_path: Path) -> None:
    engine = make_engine(2)
    try:
        config = make_brief(TINY, tmp_path)
        studies = [
            search(f"sqlite:///{tmp_path}/{name}.db", config, TOTAL, engine=engine)
            for name in ("first", "second")
        ]
        url = f"sqlite:///{tmp_path}/third.db"
        for moment in (9, 20):
            with pytest.raises(KeyboardInterrupt):
                search(url, config, TOTAL, engine=engine, observer=InterruptsAt(moment))
        studies.append(search(url, config, TOTAL, engine=engine))
    finally:
        engine.close()
    first, second, third = map(history, studies)
    assert first == second
    assert first == third


def test_the_total_counts_what_was_there(config: StudyConfig, url: str) -> None:
    assert finished(search(url, config, 4)) == 4
    assert finished(search(url, config, 4)) == 4
    assert finished(search(url, config, 6)) == 6


def test_trials_left_running_are_settled(config: StudyConfig, url: str) -> None:
    study, opened = open_as_command(url, "study", config)
    coordinator = Coordinator(Mirror(study), opened, make_engine(1), InterruptsAt(1))
    with pytest.raises(KeyboardInterrupt):
        coordinator.search(3)
    assert next(t.state for t in load_study(url, "study").trials) == TrialState.RUNNING
    study, _ = open_as_command(url, "study", config)
    assert TrialState.RUNNING not in {trial.state for trial in study.trials}
    assert finished(search(url, config, 3)) == 3


def test_a_baseline_that_fails_three_times_ends_the_study(tmp_path: Path, url: str) -> None:
    config = make_brief(TINY, tmp_path)
    broken = replace(config.case, baseline=replace(config.case.baseline, breaks=True))
    config = replace(config, case=broken)
    for _ in range(2):  # the second time, in a new study
        with pytest.raises(StudyError, match=r"baseline failed 3 times.*MemoryError: no room"):
            search(url, config, 10)
    attempts = [t for t in load_study(url, "study").trials if t.user_attrs.get("arm") == "baseline"]
    assert [trial.state for trial in attempts] == [TrialState.FAIL] * 3


def test_a_baseline_whose_workers_are_lost_is_no_fault_of_the_case(
    config: StudyConfig, url: str
) -> None:
    class Losing(InProcessEngine):
        def next(self, key: int, timeout: float) -> Failed:
            self.stop(key)
            return Failed("its worker was lost twice", may_pass=True)

    study, opened = open_as_command(url, "study", config)
    with pytest.raises(StudyError, match=r"lost twice\. .* Run the same command again to retry$"):
        Coordinator(Mirror(study), opened, Losing()).search(3)


def test_a_baseline_that_the_machine_lost_is_trained_where_the_total_is_reached(
    config: StudyConfig, url: str
) -> None:
    study, opened = open_as_command(url, "study", config)
    lost = study.ask()
    lost.set_user_attr("failure", "its worker was lost twice")
    study.tell(lost, state=TrialState.FAIL)
    for _ in range(2):  # the same command again adds nothing
        Coordinator(Mirror(study), opened, make_engine(1)).search(1)
        trials = study.get_trials()
        attempts = [trial.state for trial in trials if trial.user_attrs.get("arm") == "baseline"]
        assert attempts == [TrialState.FAIL, TrialState.COMPLETE]
        assert len(trials) == 3  # the recipe was queued before it


def failing_case(folder: Path, line: str) -> Path:
    """Write the tiny case, with this line in `build` instead of its MemoryError."""
    text = Path(TINY).read_text(encoding="utf-8")
    file = folder / "mine.py"
    broken = text.replace('raise MemoryError("no room for this model")', line)
    file.write_text(broken.replace("breaks: bool = False", "breaks: bool = True"), encoding="utf-8")
    return file


@pytest.mark.slow
def test_a_baseline_that_fails_the_same_way_each_time_ends_the_study_at_once(
    tmp_path: Path, url: str
) -> None:
    """The fixed case can use the same name, as if the study had never existed."""
    config = make_brief(str(failing_case(tmp_path, 'raise IndexError("out of range")')), tmp_path)
    message = (
        r"^the baseline failed: line 68 of mine.py: IndexError: out of range. Fix the case, and "
        "run the same command again$"
    )
    with pytest.raises(StudyError, match=message):
        search(url, config, 10)
    (attempt,) = [t for t in load_study(url, "study").trials if t.state == TrialState.FAIL]
    assert attempt.user_attrs["arm"] == "baseline"
    assert 'mine.py", line 68, in build' in attempt.user_attrs["traceback"]
    fixed = make_brief(TINY, tmp_path)
    again = search(url, fixed, 3)
    assert [trial.number for trial in again.trials] == [0, 1, 2]
    assert history(again) == history(search(url, fixed, 3, name="never failed"))


def test_a_study_with_a_result_is_not_begun_anew(tmp_path: Path, url: str) -> None:
    config = make_brief(TINY, tmp_path)
    search(url, config, 2)
    study = load_study(url, "study")
    failed = create_trial(state=TrialState.FAIL, user_attrs={"arm": "baseline", "failure": "x"})
    study.add_trial(failed)
    assert len(open_as_command(url, "study", config)[0].trials) == 3


def test_a_deadline_ends_the_search_and_leaves_the_rest_to_settle(
    config: StudyConfig, url: str
) -> None:
    study, opened = open_as_command(url, "study", config)
    Coordinator(Mirror(study), opened, make_engine(1)).search(1000, deadline=time.monotonic())
    assert finished(study) <= 1
    assert [trial.number for trial in study.trials] == [0, 1]  # those that were enqueued
    later = history(search(url, config, 4))
    assert later == history(search(url, config, 4, name="without a deadline"))


def test_a_fixed_hyperparameter_is_not_searched(tmp_path: Path, url: str) -> None:
    config = make_brief(TINY, tmp_path, width=7)
    study = search(url, config, 6)
    widths = [trial.params["width"] for trial in study.trials]
    assert widths == [4, 8, 7, 7, 7, 7]


def test_other_seeds_search_elsewhere(tmp_path: Path) -> None:
    drawn = []
    for seed in (0, 1):
        config = make_brief(TINY, tmp_path, seed)
        drawn.append(
            [t.params for t in search(f"sqlite:///{tmp_path}/{seed}.db", config, 4).trials]
        )
    assert drawn[0][:2] == drawn[1][:2]
    assert drawn[0][2:] != drawn[1][2:]


def test_the_test_split_stays_closed_during_a_search(config: StudyConfig, url: str) -> None:
    """Both in this process and in a worker, which reads the cached data itself."""
    undisturbed = history(search(url, config, 4, name="with its test split"))
    (config.data_folder / "test.safetensors").unlink()

    def refuse() -> Examples:
        raise AssertionError("opened")

    dataset = replace(config.dataset, test=LockedSplit(config.dataset.test.rows, refuse))
    study = search(url, replace(config, dataset=dataset), 4)
    assert history(study) == undisturbed
    assert OPENINGS not in study.user_attrs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"width": 400}, "enqueued with width=400, which the search space does not have (line "),
        ({"width": "x", "dropout": 0.1}, "width='x', dropout=0.1, which the search space does not"),
        ({"step_lr": None}, "step_lr=None, which"),
    ],
)
def test_a_trial_enqueued_elsewhere_with_values_out_of_range_fails_and_the_search_goes_on(
    config: StudyConfig, url: str, values: dict[str, object], said: str
) -> None:
    search(url, config, 2)
    study = load_study(url, "study")
    study.enqueue_trial(values)
    study.enqueue_trial({"width": 3})
    found = search(url, config, 4)
    refused, other = found.trials[2:]
    assert refused.state == TrialState.FAIL
    assert said in refused.user_attrs["failure"]
    assert other.user_attrs["hyperparameters"]["width"] == 3
    assert finished(found) == 4
