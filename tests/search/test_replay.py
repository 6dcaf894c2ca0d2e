"""Which decisions of an interrupted search are repeated: one table row per case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from tuner.search.replay import Replay, stages_alongside
from tuner.study.schema import ALONGSIDE

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def trial(
    number: int,
    state: TrialState,
    stages: int = 0,
    alongside: dict[int, int] | None = None,
) -> FrozenTrial:
    """A trial with this many stages; when it ended, others had reached `alongside`."""
    made = create_trial(
        state=state,
        value=0.5 if state == TrialState.COMPLETE else None,
        params={"x": 0.5},
        distributions={"x": FloatDistribution(0, 1)},
        intermediate_values=dict.fromkeys(range(1, stages + 1), 0.5),
        user_attrs={} if alongside is None else {ALONGSIDE: stages_alongside(alongside)},
    )
    made.number = number
    return made


def decisions(trials: list[FrozenTrial], repeated: int, new: int = 1) -> str:
    """Return whether the pruner is asked at each stage, y or n; the repeated ones come first."""
    replay = Replay(trials)
    asked = [replay.needs_decision(repeated=True) for _ in range(repeated)]
    asked += [replay.needs_decision(repeated=False) for _ in range(new)]
    return "".join("y" if one else "n" for one in asked)


@pytest.mark.parametrize(
    ("trials", "repeated", "expected"),
    [
        pytest.param([], 0, "y", id="nothing was interrupted"),
        pytest.param([trial(0, TrialState.WAITING)], 0, "y", id="queued, never begun"),
        pytest.param([trial(0, TrialState.WAITING, 3)], 3, "nnyy", id="one alone"),
        pytest.param(
            [trial(0, TrialState.COMPLETE, 20), trial(1, TrialState.WAITING, 3)],
            3,
            "nnyy",
            id="another had ended before it began",
        ),
        pytest.param(
            [
                trial(0, TrialState.PRUNED, 5, alongside={1: 2}),
                trial(1, TrialState.WAITING, 3),
            ],
            3,
            "nnyy",
            id="another had ended before its last stage",
        ),
        pytest.param(
            [
                trial(0, TrialState.FAIL, 5, alongside={1: 3}),
                trial(1, TrialState.WAITING, 3),
            ],
            3,
            "nnny",
            id="another has ended since its last stage",
        ),
        pytest.param(
            [
                trial(0, TrialState.COMPLETE, 20, alongside={1: 3, 2: 1}),
                trial(1, TrialState.WAITING, 3),
                trial(2, TrialState.WAITING, 1),
            ],
            4,
            "nnnny",
            id="another has ended since the last stage of two",
        ),
        pytest.param(
            [
                trial(0, TrialState.COMPLETE, 20, alongside={1: 3}),
                trial(1, TrialState.WAITING, 3),
                trial(2, TrialState.WAITING, 1),
            ],
            4,
            "nnnyy",
            id="one of two began after another had ended",
        ),
        pytest.param(
            [
                trial(0, TrialState.COMPLETE, 20, alongside={1: 3, 2: 20}),
                trial(1, TrialState.WAITING, 3),
                trial(2, TrialState.COMPLETE, 20),
            ],
            3,
            "nnny",
            id="what an ended trial had reached does not count",
        ),
    ],
)
def test_only_what_nobody_has_decided_is_decided(
    trials: list[FrozenTrial], repeated: int, expected: str
) -> None:
    assert decisions(trials, repeated) == expected
