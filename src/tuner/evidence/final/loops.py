"""The final calls of a loop: on new seeds, whose scores take part in no choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tuner.case.metric import sign_of
from tuner.errors import StudyError
from tuner.evidence.final.odometer import record_opening
from tuner.evidence.rounds.calls import TESTED
from tuner.evidence.rounds.opposed import are_opposed
from tuner.evidence.rows.predictions import packed, unpacked
from tuner.study.schema import ROW_LOSSES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import optuna

    from tuner.evidence.jobs import Configuration
    from tuner.evidence.rounds.calls import Calls
    from tuner.study.loops import LoopConfig


def final_calls(
    study: optuna.Study,
    calls: Calls,
    configurations: Mapping[int, Configuration],
    needed: Collection[int],
    count: int,
) -> tuple[list[int], dict[int, list[float]], bool]:
    """Call each configuration on new seeds; return these rounds, and its scores in them.

    The last result tells whether the test scores run against the validation scores.

    Scores are those on test rows, if there are any. A round in which a call gives no score, because
    it diverged, crashed or gave up, is left out for all, and a further one is called. If more calls
    of a configuration give no score than are wanted, the configuration itself is left out, unless
    it is needed.

    Raises:
        StudyError: a call failed, or too many of a needed configuration gave no score.
    """
    if calls.config.has_test:
        reason = f"final evaluation of {len(configurations)} configurations on {count} seeds"
        test = {"configurations": sorted(configurations), "count": count}
        record_opening(study, name_of_test_rows(calls.config), reason, test=test)
    rounds, with_scores = _rounds_with_scores(calls, configurations, needed, count)
    found, validation = {}, {}
    for number in with_scores:
        own = calls.trials_of(configurations[number], rounds)
        validation[number] = [trial.values[0] for trial in own]
        tested = [trial.user_attrs[TESTED] for trial in own]
        found[number] = [
            test["score"] if test else trial.values[0]
            for test, trial in zip(tested, own, strict=True)
        ]
    return rounds, found, are_opposed(validation, found)


def _rounds_with_scores(
    calls: Calls,
    configurations: Mapping[int, Configuration],
    needed: Collection[int],
    count: int,
) -> tuple[list[int], list[int]]:
    """Call until each has scores in `count` rounds; return the rounds, and which have."""
    left, rounds, called = dict(configurations), list[int](), 0
    while len(rounds) < count:
        new = range(called, called + count - len(rounds))
        calls.train((one, index) for index in new for one in left.values())
        called, failed = new.stop, set[int]()
        for number, one in list(left.items()):
            stored = calls.without_score(one)
            own = {index: stored[index] for index in sorted(stored) if index < called}
            if len(own) <= count:
                failed |= own.keys()
                continue
            told = f"{len(own)} new calls of trial {number} gave no score"
            if number in needed:
                raise StudyError(
                    f"{told}, more than the {count} that were to be compared. The first one: "
                    f"{own[min(own)]}"
                )
            calls.say(f"{told}; it is left out of the comparison.")
            del left[number]
        rounds = [index for index in range(called) if index not in failed]
    return rounds[:count], list(left)


def name_of_test_rows(config: LoopConfig) -> str:
    """Return the name by which looks at a loop's test rows are counted: that of its file."""
    return f"the test rows of {config.source.file}"


def keep_rows(
    calls: Calls,
    configurations: Mapping[int, Configuration],
    numbers: Iterable[int],
    rounds: Sequence[int],
) -> str | None:
    """Store the losses of the test rows, if the loop returned them; return their name."""
    sign, kept = sign_of(calls.config.direction), {}
    for number in numbers:
        own = [
            trial.user_attrs[TESTED] for trial in calls.trials_of(configurations[number], rounds)
        ]
        rows = [unpacked(test["rows"]) for test in own if test and test["rows"]]
        if len(rows) < len(rounds) or len({len(one) for one in rows}) > 1:
            return name_of_test_rows(calls.config) if calls.config.has_test else None
        kept[number] = -sign * np.stack(rows)
    for number, losses in kept.items():
        calls.study.set_user_attr(f"{ROW_LOSSES}{number}", packed(losses))
    return name_of_test_rows(calls.config)
