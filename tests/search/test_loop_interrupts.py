"""A search over a loop that is interrupted between any two events ends the same.

The loops are generators in this process, so that an interrupt can come anywhere.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner
from optuna.trial import TrialState, create_trial

from tests.making import history
from tuner.case.source import source_of
from tuner.engines.job import Finished, LoopJob
from tuner.own.loops.events import Outcome, Reported, ShouldPrune, Suggest
from tuner.search.loop_answers import Answers
from tuner.search.loops import LoopCoordinator
from tuner.search.mirror import Mirror
from tuner.search.replay import stages_alongside
from tuner.study.loops import LoopConfig
from tuner.study.opening import open_study
from tuner.study.schema import ALONGSIDE
from tuner.study.store import settle

if TYPE_CHECKING:
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.loops import LoopEngine

TOTAL = 12
Loop = Generator[Any, Any, None]


def loop(number: int, seed: int) -> Loop:
    """Some loops ask at each report whether to stop, some at every second, some never obey."""
    draw = random.Random(seed)
    x = yield Suggest("x", FloatDistribution(0, 1))
    for step in range(4 + number % 4):
        yield Reported(step, x + draw.random())
        ends = (number % 3 == 0 or step % 2 == 1) and (yield ShouldPrune())
        if ends and number % 5:
            yield Finished(0.1)
    yield Finished(0.1, Outcome(x + draw.random(), {"x": x}))


class Engine:
    """Calls loops in this process, and is interrupted at a given event."""

    def __init__(self, slots: int, interrupt_at: int = -1) -> None:
        self.slots, self.left = slots, interrupt_at
        self.calls: dict[int, Loop] = {}
        self.answers: dict[int, Any] = {}

    def start(self, key: int, job: LoopJob) -> None:
        self.calls[key] = loop(job.number, job.seed)

    def next(self, key: int, timeout: float) -> Any:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        event = self.calls[key].send(self.answers.pop(key, None))
        if isinstance(event, Finished):
            del self.calls[key]
        return event

    def answer(self, key: int, value: Any) -> None:
        self.answers[key] = value

    def stop(self, key: int) -> None:
        self.calls.pop(key, None)
        self.answers.pop(key, None)


def searched(folder: Path, engine: Engine) -> tuple[optuna.Study, bool]:
    """Return the study after one run of the command, and whether the run was completed."""
    file = folder / "train.py"
    file.write_text("def objective(trial):\n    pass\n", encoding="utf-8")
    config = LoopConfig(
        reference=f"{file}:objective",
        source=source_of(f"{file}:objective"),
        name="train",
        metric="score",
        direction="maximize",
        baseline={"x": 0.5},
        made_up=False,
        recipe=None,
        seed=0,
        fixed={},
    )
    study, config = open_study(
        f"sqlite:///{folder}/studies.db",
        "train",
        config,
        lambda _: MedianPruner(n_startup_trials=2),
    )
    try:
        coordinator = LoopCoordinator(Mirror(study), config, cast("LoopEngine", engine))
        coordinator.search(TOTAL)
    except KeyboardInterrupt:
        settle(study)
        return study, False
    return study, True


def remembered(study: optuna.Study) -> list[dict[str, Any]]:
    return [one for one in history(study) if one["state"].is_finished()]


@pytest.mark.slow
@pytest.mark.parametrize(("slots", "every"), [(2, 14), (2, 3), (3, 9), (1, 9)])
def test_interrupted_at_any_event(tmp_path: Path, slots: int, every: int) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    undisturbed, _ = searched(whole, Engine(slots))
    states = {trial.state for trial in undisturbed.trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}
    for event in count(every // 2, every):
        folder = tmp_path / str(event)
        folder.mkdir()
        study, ended = searched(folder, Engine(slots, event))
        if ended:
            assert event > 60, "it was hardly interrupted"
            return
        study, ended = searched(folder, Engine(slots))
        assert ended
        assert remembered(study) == remembered(undisturbed), f"interrupted at event {event}"


@pytest.mark.slow
def test_interrupted_again_and_again(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    undisturbed, _ = searched(whole, Engine(2))
    draw = random.Random(0)
    for _ in range(200):
        study, ended = searched(tmp_path, Engine(2, draw.randrange(8, 30)))
        if ended:
            break
    assert ended
    assert remembered(study) == remembered(undisturbed)


def ended(number: int, alongside: dict[int, int], **kept: Any) -> FrozenTrial:
    """A trial, with what it has stored about those running beside it."""
    facts = {ALONGSIDE: stages_alongside(alongside), **kept}
    made = create_trial(state=TrialState.COMPLETE, value=0.5, user_attrs=facts)
    made.number = number
    return made


def test_answers_are_those_that_the_last_to_end_has_kept() -> None:
    trials = [
        ended(0, {}),
        ended(1, {3: 2}, answered_alongside={"3": {"reports": 2, "ends": []}}),
        ended(2, {3: 5, 4: 1}, answered_alongside={"3": {"reports": 5, "ends": [5]}, "4": {}}),
    ]
    found = Answers.kept_of(3, trials)
    assert (found.before, found.ends) == (5, {5})
    assert found.as_kept() == {"reports": 0, "ends": []}, "of this call, it has asked nothing yet"
    assert Answers.kept_of(5, trials) == Answers(before=0), "nobody has ended beside it"


def test_a_study_that_was_begun_before_keeps_its_rule() -> None:
    """Its trials have stored no answers, so their reports must suffice."""
    trials = [
        ended(1, {3: 2}),
        ended(2, {3: 5}, answered_alongside={"3": {"reports": 5, "ends": []}}),
    ]
    assert Answers.kept_of(3, trials).before is None
