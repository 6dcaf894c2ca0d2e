"""The search of an open study, and the messages to the observer of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.evidence.final.odometer import looks_at
from tuner.evidence.price import price_of
from tuner.evidence.rounds.race import ROUNDS
from tuner.evidence.statistics.looks import Plan
from tuner.runs.allowance import allow, seconds_of_guesses
from tuner.runs.budget import Budget, PlannedConfirmation
from tuner.runs.observer import Message, Opened, Searching, telling
from tuner.runs.search_end import SearchEnd
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.search.waiting_guesses import fit_guesses
from tuner.study.schema import ARM, TRACEBACK
from tuner.study.trials import finished

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine
    from tuner.runs.observer import Observer
    from tuner.runs.settings import StudySettings
    from tuner.search.lineup import Running
    from tuner.study.configuration import StudyConfig


class SearchWatch:
    """Sends the messages of a search to the observer, each traceback only once."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._shown: set[str] = set()

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        """Tell the observer that a point was reported, or that a trial has ended."""
        self.observer.tell(Searching(running, ended))
        trace = None if ended is None else ended.user_attrs.get(TRACEBACK)
        if ended is not None and trace is not None and trace not in self._shown:
            self._shown.add(trace)
            self.observer.tell(Message(f"Trial {ended.number} failed:\n{trace}"))


class CaseWatch(SearchWatch):
    """Also reports what the test can show, once the baseline has a score."""

    def __init__(
        self,
        observer: Observer,
        study: optuna.Study,
        config: StudyConfig,
        seeds: int | None,
        budget: Budget | None,
    ) -> None:
        super().__init__(observer)
        self.study, self.config, self.seeds, self.budget = study, config, seeds, budget

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        """Tell the observer, and report what the test can show and how many trials fit."""
        super().update(running, ended)
        if ended is None:
            return
        if ended.user_attrs.get(ARM) == "baseline" and self.seeds != 0:
            self._tell_price(ended)
        if self.budget is not None:
            self.budget.tell()

    def _tell_price(self, baseline: FrozenTrial) -> None:
        if baseline.values is None:
            return
        test, metric = self.config.dataset.test, self.config.case.metric
        tests = looks_at(self.study, test.identity()) + 1
        score = baseline.values[0]
        plan = Plan.of(tests, self.seeds)
        price = price_of(metric, score, test=test, plan=plan, tests=tests)
        if price is not None:
            self.observer.tell(Message(f"What the test can show, luck of training aside: {price}"))


def search(
    study: optuna.Study,
    config: StudyConfig,
    engine: Engine,
    settings: StudySettings,
    observer: Observer,
) -> Budget | None:
    """Search an open study until it has its trials, or its time is up.

    Returns:
        Its time budget; None if it has none.
    """
    end = SearchEnd.of(study, settings)
    mirror = Mirror(study)
    tests = looks_at(study, config.dataset.test.identity()) + 1  # the mirror has only this study
    models = Plan.of(tests, settings.seeds).models if settings.confirms else ()
    planned = PlannedConfirmation(
        rounds=_rounds(settings),
        models=max(models, default=0),
        fewest=min(models, default=0),
        most=max(models, default=0),
    )
    budget = Budget.of(mirror.study, settings, engine.slots, observer, planned)
    if budget is not None:
        config = allow(mirror.study, config, engine, budget.seconds, budget.say)
    fit_guesses(mirror.study, config, telling(observer))
    if budget is not None:
        budget.guesses = seconds_of_guesses(mirror.study, config)
    observer.tell(
        Opened(
            mirror.study,
            config.case.metric.name,
            config.dataset.source,
            finished(study),
            end.total,
            at_most=end.auto or budget is not None,
            rounds=planned.rounds,
            models=models,
            slots=engine.slots,
            budget=None if budget is None else budget.left,
            stands_in_for=config.dataset.stands_in_for,
        )
    )
    watch = CaseWatch(observer, study, config, settings.seeds, budget)
    end.reach(study, Coordinator(mirror, config, engine, watch), budget, observer)
    return budget


def _rounds(settings: StudySettings) -> int:
    return ROUNDS if settings.seeds is None else settings.seeds
