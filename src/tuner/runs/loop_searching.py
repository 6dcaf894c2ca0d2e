"""The search of an open study of a loop, and the messages for the observer of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState

from tuner.evidence.final.finalists import most_seeds
from tuner.evidence.statistics.comparison import FEWEST_TO_PROVE
from tuner.report.facts.told_by_loop import files_of_several
from tuner.report.sections.loop import overwritten
from tuner.runs.budget import Budget, PlannedConfirmation
from tuner.runs.observer import Message, Opened, StopRequested
from tuner.runs.search_end import SearchEnd
from tuner.runs.searching import SearchWatch
from tuner.search.loop_running import RunningLoop
from tuner.search.loops import NAMED, LoopCoordinator
from tuner.search.mirror import Mirror
from tuner.study.limits import broken_constraints
from tuner.study.schema import ARM
from tuner.study.trials import finished

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.loops import LoopEngine
    from tuner.runs.observer import Observer
    from tuner.runs.settings import StudySettings
    from tuner.search.lineup import Running
    from tuner.study.loops import LoopConfig


def calls_at_least(settings: StudySettings) -> int:
    """Return the minimum number of fresh seeds on which a loop is called."""
    return FEWEST_TO_PROVE if settings.seeds is None else settings.seeds


def search_loop(
    study: optuna.Study,
    config: LoopConfig,
    engine: LoopEngine,
    settings: StudySettings,
    observer: Observer,
) -> None:
    """Search an open study until it has its trials, or time is up."""
    end = SearchEnd.of(study, settings)
    mirror = Mirror(study)
    slots, seeds = engine.slots, calls_at_least(settings)
    planned = PlannedConfirmation(rounds=seeds, models=seeds, fewest=seeds, most=most_seeds(seeds))
    budget = Budget.of(mirror.study, settings, slots, observer, planned, audits=False)
    observer.tell(
        Opened(
            mirror.study,
            config.metric,
            f"found by the loop itself, {config.reference}",
            finished(study),
            end.total,
            at_most=end.auto or budget is not None,
            rounds=seeds,
            models=(seeds, most_seeds(seeds)) if settings.confirms else (),
            slots=engine.slots,
            budget=None if budget is None else budget.left,
        )
    )
    watch = LoopWatch(observer, budget)
    end.reach(study, LoopCoordinator(mirror, config, engine, watch), budget, observer)
    if unread := _fixed_in_vain(study, config):
        observer.tell(Message(unread))


def _fixed_in_vain(study: optuna.Study, config: LoopConfig) -> str | None:
    """Return which names of --fix no trial has asked for; None if all were asked for."""
    asked_for = set().union(*(trial.params for trial in study.get_trials(deepcopy=False)))
    unread = sorted(config.fixed.keys() - asked_for)
    if not unread:
        return None
    return (
        f"No trial asked for {', '.join(unread)}, which --fix names, so --fix has no effect. The "
        f"loop asked for {', '.join(sorted(asked_for)) or 'nothing'}."
    )


class LoopWatch(SearchWatch):
    """A `SearchWatch` that also asks the observer whether to stop, as the engine of loops does not.

    It also reports early if a name that the user gave may be wrong, or if there will be no recipe:
    the names that a loop asks for are only known while it runs.
    """

    def __init__(self, observer: Observer, budget: Budget | None) -> None:
        super().__init__(observer)
        self.budget = budget
        self._reported: set[int] = set()  # trials with a report
        self._ended: list[FrozenTrial] = []  # their files are compared, until some are reported

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        """Tell the observer what has happened, and report mistakes that the user can correct.

        Raises:
            StopRequested: the observer asked for it.
        """
        if self.observer.wants_stop():
            raise StopRequested
        super().update(running, ended)
        for one in running:
            if isinstance(one, RunningLoop) and one.history.points:
                self._look_at(one)
        if ended is not None:
            self._tell_of(ended)

    def _look_at(self, running: RunningLoop) -> None:
        """Report, at a trial's first report, which of its names the loop has not asked for."""
        if running.number in self._reported:
            return
        self._reported.add(running.number)
        if unasked := _unasked(running):
            self.observer.tell(Message(unasked))

    def _tell_of(self, ended: FrozenTrial) -> None:
        arm, broken = ended.user_attrs.get(ARM), broken_constraints(ended)
        if arm and broken:
            told = ", ".join(f"{name} ({value:g}, above 0)" for name, value in broken.items())
            self.observer.tell(
                Message(
                    f"The {arm} breaks a constraint of the loop: {told}. It is compared, but it "
                    "cannot be the best."
                )
            )
        self._compare_files(ended)
        if arm == "recipe" and ended.state == TrialState.FAIL:
            self.observer.tell(
                Message(
                    "The recipe failed, so this study continues without one. For a study with a "
                    "recipe, correct it and choose another --name."
                )
            )
        if self.budget is not None:
            self.budget.tell()

    def _compare_files(self, ended: FrozenTrial) -> None:
        """Report once which files several trials have used."""
        before, self._ended = files_of_several(self._ended), [*self._ended, ended]
        names = files_of_several(self._ended)
        if names and not before:
            self.observer.tell(Message(f"{overwritten(names)}."))


def _unasked(running: RunningLoop) -> str | None:
    """Return which of a person's names a loop has not asked for yet; None if it has for all."""
    facts, asked_for = running.trial.user_attrs, sorted(running.trial.params)
    wrong = sorted(running.named.keys() - set(asked_for)) if NAMED & facts.keys() else []
    if not wrong:
        return None
    arm = f" ({facts[ARM]})" if ARM in facts else ""
    return (
        f"Trial {running.number}{arm} names {', '.join(wrong)}. By its first report the loop asked "
        f"only for {', '.join(asked_for) or 'nothing'}. If it never asks for {', '.join(wrong)}, "
        "the trial fails."
    )
