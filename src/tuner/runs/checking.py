"""Checks a loop before a long study: does it repeat, does its seed matter, what does it cost."""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from tuner.engines.job import Failed, Finished, LoopJob
from tuner.engines.loops import LoopEngine
from tuner.errors import CaseError
from tuner.own.loops.events import Question, Reported, Told
from tuner.own.loops.file import read_loop
from tuner.own.loops.names import read_by_both
from tuner.own.loops.setting import unread_names
from tuner.report.sections.loop import overwritten
from tuner.report.wording import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tuner.engines.job import LoopRunner
    from tuner.own.loops.events import Outcome
    from tuner.own.loops.file import LoopFile

SEEDS = (1, 1, 2)  # two calls that must be equal, and one that may differ
MORE_SEEDS = (3, 4)  # if the latter does not differ
LEAK = 1.05  # factor by which each further call increases the memory
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, in a sentence or two.

    Attributes:
        good: whether there is nothing to do about it.
    """

    good: bool
    text: str


@dataclass(slots=True)
class _Seen:
    """The reports of a call within its time."""

    reports: list[Reported] = field(default_factory=list)
    ended: Finished | Failed | None = None
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome | None:
        return self.ended.outcome if isinstance(self.ended, Finished) else None


def check_loop(reference: str, seconds: float) -> list[Finding]:
    """Call a loop a few times, for `seconds` at most, and return the findings.

    Raises:
        CaseError: the file cannot be used, or the first call fails.
        UsageError: the file defines no such function.
    """
    loop = read_loop(reference)

    def called_with(seed: int, repeats: int = 0) -> LoopJob:
        return LoopJob(
            loop=reference,
            number=0,
            seed=seed,
            direction=loop.direction or "maximize",  # it changes nothing here
            preset=loop.baseline or {},
            preset_in="BASELINE",
            repeats=repeats,
        )

    with closing(LoopEngine(2)) as engine:
        tested = replace(called_with(SEEDS[0], repeats=2), test=loop.has_test)
        jobs = [tested, *map(called_with, SEEDS[1:])]
        first, same, *others = _seen(engine, jobs, seconds)
        if not _seed_matters(first, others).good:  # two seeds may give the same result by chance
            others += _seen(engine, [*map(called_with, MORE_SEEDS)], seconds)
    if isinstance(first.ended, Failed):
        raise CaseError(f"{reference}: {first.ended.reason}\n{first.ended.traceback}".rstrip())
    return [
        _cost(first, seconds),
        *(Finding(False, f"{warning}.") for warning in loop.warnings),
        *_unread(first, loop.baseline or {}),
        _repeats(first, same),
        _seed_matters(first, others),
        *_in_common(first, others),
        *_left_behind(first, others),
        _pruning(first),
        *_test_rows(loop),
        *_tested(loop, first),
    ]


def _seen(engine: LoopRunner, jobs: list[LoopJob], seconds: float) -> list[_Seen]:
    began = time.monotonic()
    seen = [_Seen() for _ in jobs]
    for key, job in enumerate(jobs):
        engine.start(key, job)
    while time.monotonic() < began + seconds and any(one.ended is None for one in seen):
        for key, one in enumerate(seen):
            if one.ended is not None:
                continue
            event: Question | Told | Finished | Failed | None = engine.next(key, 0.1)
            if isinstance(event, Reported):
                one.reports.append(event)
                one.seconds = time.monotonic() - began
            elif isinstance(event, Finished | Failed):
                one.ended, one.seconds = event, time.monotonic() - began
    for key in range(len(jobs)):
        engine.stop(key)
    return seen


def _cost(first: _Seen, seconds: float) -> Finding:
    reports = len(first.reports)
    if first.ended is None:
        if not reports:
            return Finding(
                False,
                f"It reported nothing within {seconds:g} s, so its cost is not known, nor "
                "whether it repeats. Try again with a larger --seconds.",
            )
        return Finding(
            True,
            f"A report takes about {duration(first.seconds / reports)}; the call had not ended "
            f"after {seconds:g} s and {reports} reports.",
        )
    outcome = first.outcome
    took = first.ended.seconds if isinstance(first.ended, Finished) else first.seconds
    memory = f" and {outcome.memory / MIB:,.0f} MiB" if outcome else ""
    again = 1 + (len(outcome.again) if outcome else 0)
    return Finding(
        True,
        f"A call takes about {duration(took / again)}{memory}: 50 trials take about "
        f"{duration(50 * took / again)} of one worker, less the time that pruning saves.",
    )


def _unread(first: _Seen, baseline: Mapping[str, object]) -> Iterator[Finding]:
    if first.outcome and (wrong := unread_names(baseline.keys(), first.outcome.params.keys())):
        yield Finding(False, f"The baseline of the file cannot be trained: {wrong}.")


def _repeats(first: _Seen, same: _Seen) -> Finding:
    difference = next(_differences(first, same), None)
    if difference is None:
        if not first.reports and first.outcome is None:
            return Finding(True, "It is not known yet whether it repeats.")
        return Finding(True, "Two calls with the same seed are equal, bit for bit.")
    return Finding(
        False,
        f"Two calls with the same seed first differ {difference}. Something is drawn from a "
        "generator that tuner does not seed, or depends on the clock or on threads: seed it with "
        "tuner.seed(). Trials of this loop cannot be repeated.",
    )


def _seed_matters(first: _Seen, others: Sequence[_Seen]) -> Finding:
    if any(next(_differences(first, other), None) is not None for other in others):
        return Finding(True, "Another seed gives another result, as it should.")
    if not first.reports and first.outcome is None:
        return Finding(True, "It is not known yet whether the seed matters.")
    return Finding(
        False,
        "Another seed changes nothing: the loop sets its own seed, or uses no random numbers. So "
        "more calls prove nothing. Use tuner.seed() instead of a fixed seed.",
    )


def _differences(one: _Seen, other: _Seen) -> Iterator[str]:
    """Yield where two calls differ, up to the end of the shorter one."""
    for count, (a, b) in enumerate(zip_longest(one.reports, other.reports), start=1):
        if a is None or b is None:
            if one.ended is not None and other.ended is not None:
                yield f"in the number of reports: {len(one.reports)} and {len(other.reports)}"
            return
        if a.step != b.step or not _is_same(a.value, b.value):
            yield f"at report {count} (step {a.step}): {a.value!r} and {b.value!r}"
    if one.outcome and other.outcome and one.outcome.value != other.outcome.value:
        yield f"in the score: {one.outcome.value!r} and {other.outcome.value!r}"


def _is_same(one: float, other: float) -> bool:
    """Whether two reports are equal, counting NaN as equal to itself."""
    return one == other or (math.isnan(one) and math.isnan(other))


def _in_common(first: _Seen, others: Sequence[_Seen]) -> Iterator[Finding]:
    """Yield a finding on files that two calls with different seeds have used."""
    if names := _names_in_common(first, others):
        yield Finding(False, f"{overwritten(names)}.")


def _names_in_common(first: _Seen, others: Sequence[_Seen]) -> list[str]:
    used = {name for one in others if one.outcome for name in one.outcome.shared_files}
    return [name for name in (first.outcome.shared_files if first.outcome else ()) if name in used]


def _left_behind(first: _Seen, others: Sequence[_Seen]) -> Iterator[Finding]:
    """Yield findings on what calls leave to the next in the same process."""
    outcome = first.outcome
    if outcome is None or not outcome.again:
        return
    again = outcome.again
    grown = sorted(set.intersection(*(set(one.grown) for one in again)))
    if grown:
        yield Finding(
            False,
            f"{', '.join(grown)} grows with each call. tuner runs each call in a process of its "
            "own, so this costs nothing here; elsewhere it is a leak.",
        )
    clash = _names_in_common(first, others)  # which may be the reason
    if any(one.value != outcome.value for one in again) and not clash:
        yield Finding(
            False,
            "A second call in the same process gives another result, with the same seed: a global "
            "is changed by a call. tuner runs each call in a process of its own, so trials do not "
            "see it; your own script does.",
        )
    if outcome.memory * LEAK**2 < again[-1].memory:
        yield Finding(
            False,
            f"The memory grows from call to call: {outcome.memory / MIB:,.0f}, then "
            f"{again[-1].memory / MIB:,.0f} MiB after {len(again)} more.",
        )


def _pruning(first: _Seen) -> Finding:
    if first.reports:
        return Finding(
            True,
            f"It reports ({len(first.reports)} times within this check), so bad trials can end "
            "early. No callback of a framework is needed.",
        )
    return Finding(
        False,
        "It reported no score on the way, so no trial can end early. Use trial.report(score, "
        "epoch) with trial.should_prune(), or yield the score after each epoch.",
    )


def _test_rows(loop: LoopFile) -> Iterator[Finding]:
    if loop.other_test:
        yield Finding(
            True,
            f"The function `test` of the file is not used: {loop.other_test}. To score models on "
            "test rows, yield scores, return the model, and let test(model) return a score for "
            "each test row.",
        )
        return
    if not loop.has_test:
        yield Finding(
            True,
            "The file has no function `test`, so a verdict will cover the luck of training, but "
            "not new rows. Add test(model), which returns a score for each test row.",
        )
        return
    if both := read_by_both(loop.path, loop.function, "test"):
        yield Finding(
            False,
            f"Both {loop.function} and test read {', '.join(both)}. If these hold test rows, a "
            "model may have been trained or chosen on them.",
        )
    else:
        yield Finding(True, f"{loop.function} and test share no variable of the file.")


def _tested(loop: LoopFile, first: _Seen) -> Iterator[Finding]:
    """Say whether `test` gives what a verdict needs, and nothing of its scores."""
    result = first.outcome.test if first.outcome else None
    if not loop.has_test or first.outcome is None:
        return
    if result is None or result.rows is None:
        yield Finding(
            True,
            "test gives one number, so a verdict will cover the luck of training, but not new "
            "rows. Return a score for each test row.",
        )
        return
    yield Finding(True, f"test gives a score for each of {len(result.rows):,} rows.")
