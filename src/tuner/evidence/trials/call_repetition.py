"""Where a repeated call of a loop first differs from the stored one."""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.engines.job import Failed
from tuner.own.loops.events import Reported
from tuner.seeds import Stream, derive
from tuner.study.schema import CURVE, FAILURE, HYPERPARAMETERS, SEED
from tuner.training.blame import without_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna.trial import FrozenTrial

    from tuner.engines.job import Finished
    from tuner.own.loops.events import Question, Told
    from tuner.study.loops import LoopConfig


def first_difference_of_call(
    config: LoopConfig,
    trial: FrozenTrial,
    event: Finished | Failed,
    events: Sequence[Question | Told],
) -> str | None:
    """Return where a repeated call differs from the stored trial; None if it is bit-identical.

    Args:
        event: how the repeated call ended; ignored for a pruned trial.
        events: what it reported; reports beyond the last of a pruned trial are ignored.
    """
    reports = [one for one in events if isinstance(one, Reported)]
    for name, there, here in _pairs(config, trial, event, reports):
        if there != json.loads(json.dumps(here)):
            return f"{name}: {there} stored, {here} now"
    return None


def _pairs(
    config: LoopConfig, trial: FrozenTrial, event: Finished | Failed, reports: Sequence[Reported]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield everything to be compared, as (name, stored, now), in the order of its origin."""
    stored, pruned = trial.user_attrs, trial.state == TrialState.PRUNED
    yield "seed", stored[SEED], derive(config.seed, Stream.TRIAL, trial.number)
    before = stored.get(CURVE, [])
    compared = reports[: len(before)] if pruned else reports
    for count, (was, now) in enumerate(zip_longest(before, compared), start=1):
        yield f"report {count}", was and [was[1], was[4]], now and [float(now.step), now.value]
    if pruned:
        return
    failed = isinstance(event, Failed)
    yield "state", trial.state.name, "FAIL" if failed else "COMPLETE"
    reason = stored.get(FAILURE)
    now_reason = without_line(event.reason) if isinstance(event, Failed) else None
    yield "failure", reason and without_line(reason), now_reason
    if not isinstance(event, Failed):
        outcome = event.outcome
        yield "value", trial.values and trial.values[0], outcome and outcome.value
        yield "hyperparameters", stored[HYPERPARAMETERS], outcome and dict(outcome.params)
