"""The cost of pruning: which trials are sampled, the estimate for all, and whole audits."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from tests.making import TINY, make_brief, open_as_command
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed, Finished, run_all
from tuner.evidence.trials.audit import audit, drawn
from tuner.evidence.trials.sampled import interval
from tuner.search.jobs import search_job
from tuner.search.scoring import History
from tuner.seeds import Stream, derive
from tuner.study.schema import AUDIT
from tuner.study.store import open_evidence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import optuna

    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint


def trial(number: int, *, pruned: bool, work: float = 1.0, reached: int = 2) -> FrozenTrial:
    facts = {
        "hyperparameters": {"epochs": 10},
        "seed": number,
        "work": work,
        "curve": [[1, reached, 1.0, 0.5, 0.5]],
    }
    state = TrialState.PRUNED if pruned else TrialState.COMPLETE
    made = create_trial(state=state, value=0.5, user_attrs=facts)
    made.number = number
    return made


def test_three_of_fifty_are_drawn_and_a_tenth_of_the_work() -> None:
    fifty = [trial(number, pruned=number % 2 == 1) for number in range(50)]
    assert len(drawn(fifty, 0)) == 1, "each would cost 5, and a tenth of all is 5"
    cheap = [trial(number, pruned=number % 2 == 1, reached=10) for number in range(50)]
    assert len(drawn(cheap, 0)) == 3
    assert [one.number for one in drawn(cheap, 0)] != [one.number for one in drawn(cheap, 1)]
    assert all(one.state == TrialState.PRUNED for one in drawn(cheap, 0))
    assert drawn(fifty[:20], 0) == [], "a single one would cost too much"
    assert drawn([], 0) == []


def test_every_pruned_trial_is_drawn_as_often() -> None:
    trials = [
        trial(number, pruned=number < 10, reached=10, work=number + 1) for number in range(50)
    ]
    seen = [one.number for seed in range(500) for one in drawn(trials, seed)]
    assert len(seen) == 3 * 500
    assert all(100 < seen.count(number) < 200 for number in range(10)), "dear ones as well"


@pytest.mark.parametrize(
    ("found", "audited", "among", "expected"),
    [
        (0, 3, 38, (0, 26)),
        (3, 3, 3, (3, 3)),
        (0, 1, 1, (0, 0)),
        (1, 2, 40, (1, 39)),
        (0, 20, 40, (0, 4)),
    ],
)
def test_the_interval(found: int, audited: int, among: int, expected: tuple[int, int]) -> None:
    assert interval(found, audited, among) == expected


def test_the_interval_holds_the_truth_in_19_of_20_samples() -> None:
    from scipy.stats import hypergeom

    for truth in range(0, 31, 5):
        held = sum(
            hypergeom.pmf(found, 30, truth, 6)
            for found in range(max(0, truth - 24), min(6, truth) + 1)
            if interval(found, 6, 30)[0] <= truth <= interval(found, 6, 30)[1]
        )
        assert held >= 0.95


def pruned_study(folder: Path, count: int) -> tuple[optuna.Study, StudyConfig]:
    """A study with this many trials that were pruned after their first epoch, and no other."""
    url = f"sqlite:///{folder}/studies.db"
    study, config = open_as_command(url, "study", make_brief(TINY, folder))
    fixed = FixedTrial(asdict(config.case.baseline))
    values = asdict(config.case.suggest(fixed))

    def on_end(_: int, event: Finished | Failed, points: Sequence[ReportPoint]) -> None:
        assert isinstance(event, Finished)
        history = History(config.case, values["epochs"])
        for point in points:
            history.take(point)
        facts = {
            "hyperparameters": values,
            "seed": derive(config.seed, Stream.TRIAL, len(study.trials)),
            "curve": history.curve(),
            "work": points[-1].work,
        }
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED,
                value=history.score,
                params=fixed.params,
                distributions=fixed.distributions,
                intermediate_values=history.stages,
                user_attrs=facts,
            )
        )

    for _ in range(count):
        seed = derive(config.seed, Stream.TRIAL, len(study.trials))
        job = replace(search_job(config, values, seed), stop_after=1)
        run_all(InProcessEngine(), {0: job}, on_end)
    return study, config


def test_pruned_trials_are_trained_to_their_end_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.evidence.trials.audit.SHARE_OF_WORK", 4.0)
    study, config = pruned_study(tmp_path, 2)
    monkeypatch.setattr("tuner.evidence.trials.audit.MOST", 50)
    said: list[str] = []
    trials = study.get_trials()

    class StopsAfterOne(InProcessEngine):
        left = 1

        def start(self, key: int, job: Any) -> None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            super().start(key, job)

    expected = [2, 3]
    with pytest.raises(KeyboardInterrupt):
        audit(study, config, StopsAfterOne(), said.append)
    assert len(open_evidence(study).trials) == 1, "what has ended is kept"
    audit(study, config, InProcessEngine(), said.append)
    found = study.user_attrs[AUDIT]
    assert [one["trial"] for one in found["trials"]] == expected
    assert found["pruned"] == 2
    for one in found["trials"]:
        assert one["differs"] is None, "it began as the search did, bit for bit"
        assert one["score"] is not None
    count = len(said)
    assert count == len(expected) == len(open_evidence(study).trials)
    audit(study, config, InProcessEngine(), said.append)
    assert len(said) == count, "nothing is trained twice"
    assert study.user_attrs[AUDIT] == found
    assert study.get_trials() == trials, "they enter no choice"
