"""One run of a study of a loop, from top to bottom: file, study, search, confirmation, report."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.pruners import MedianPruner

from tuner.case.assignments import parse_pairs
from tuner.case.source import source_of
from tuner.engines.cards import card_facts, in_words, visible_cards
from tuner.engines.job import LoopJob
from tuner.engines.loops import LoopEngine
from tuner.errors import StoreError, TunerError, UsageError
from tuner.evidence.comparison import FEWEST_TO_PROVE
from tuner.evidence.finalists import most_seeds
from tuner.evidence.loops import confirm_loop
from tuner.evidence.stopping import CEILING, reason_to_stop
from tuner.machine import usable_cores
from tuner.naming import folder_name
from tuner.own.loops.events import Question, Told
from tuner.own.loops.file import read_loop
from tuner.runs.budget import Budget, enough_by, forget_the_end
from tuner.runs.observer import (
    Message,
    Opened,
    SearchEnded,
    Stage,
    StoppableEngine,
    StopRequested,
    telling,
)
from tuner.runs.record import Record
from tuner.runs.searching import SearchWatch
from tuner.runs.settings import direction_of, refuse_ray_for_loop
from tuner.runs.steps import measure_importance, report_on
from tuner.runs.tries import total_with_tries, with_trials_of
from tuner.search.loops import PRUNER, SAMPLER, LoopCoordinator
from tuner.search.mirror import Mirror
from tuner.study.arms import arms_of
from tuner.study.lock import only_writer
from tuner.study.loops import LoopConfig
from tuner.study.opening import open_study, remove_if_empty
from tuner.study.schema import TRIED
from tuner.study.store import settle
from tuner.study.trials import finished

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.compute import Compute
    from tuner.own.loops.file import LoopFile
    from tuner.runs.observer import Observer
    from tuner.runs.settings import StudySettings
    from tuner.search.lineup import Running

SCORE = "score"  # what a score is called that nobody has named


@dataclass(frozen=True, slots=True)
class LoopMachine:
    """The machine that the calls of a loop run on.

    Attributes:
        slots: calls at once.
    """

    slots: int

    @classmethod
    def of(cls, compute: Compute) -> LoopMachine:
        """Return this machine, with so many workers; None: one a GPU, or one a core.

        Raises:
            UsageError: there are more than this machine can take, or a Ray cluster is asked for.
        """
        refuse_ray_for_loop(compute)
        compute.check()
        return cls(compute.workers or len(visible_cards()) or usable_cores())

    def engine(self, at_most: int | None = None) -> LoopEngine:
        """Make an engine."""
        slots = min(self.slots, at_most or self.slots)
        return LoopEngine(slots, cards=visible_cards())

    def facts(self) -> dict[str, Any]:
        """Return the GPUs that calls may use; nothing else, the manifest has it."""
        return {"cards": card_facts()} if visible_cards() else {}

    def in_words(self, workers: int) -> str | None:
        """Say which GPUs calls see, one each; None: there are none."""
        cards = visible_cards()
        return in_words(card_facts(), cards, workers) if cards else None


def run_loop_study(settings: StudySettings, observer: Observer) -> tuple[str, Path | None]:
    """Make a study of a loop, or continue it; return its name, and report.md if it has ended.

    Raises:
        TunerError: as the parts raise it; the database then holds all that finished.
    """
    loop = read_loop(settings.case)
    name = folder_name(settings.name or loop.path.stem)
    config = _config(settings, loop)
    tries = [parse_pairs([*typed.split(",")], "--try") for typed in settings.tries]
    machine = LoopMachine.of(settings.compute)
    workplace = settings.workplace
    with only_writer(workplace.url, name):
        study, config = open_study(
            workplace.url,
            name,
            config,
            lambda _: MedianPruner(n_startup_trials=5),
            accept=settings.accept_changes,
        )
        if config.made_up:
            observer.tell(
                Message(
                    "No baseline was named, so it is made up: the middle of each range. Name what "
                    "you have now with --baseline NAME=VALUE, or BASELINE = {...} in the file."
                )
            )
        _enqueue(study, config.baseline, tries)
        try:
            return name, _run(study, config, machine, settings, observer)
        except (KeyboardInterrupt, StopRequested):
            settle(study)
            return name, None
        except StoreError:
            raise  # the next run settles what runs: the database cannot be written now
        except TunerError as error:
            settle(study)  # nothing of it runs any more
            if isinstance(error, UsageError):
                remove_if_empty(study)  # so that the name is free for the corrected command
            raise


def _config(settings: StudySettings, loop: LoopFile) -> LoopConfig:
    direction = direction_of(loop, settings.direction)
    named = parse_pairs(settings.baseline, "--baseline") or loop.baseline
    return LoopConfig(
        reference=settings.case,
        source=source_of(settings.case),
        name=f"{loop.path.stem}:{loop.function}",
        metric=settings.metric or loop.metric or SCORE,
        direction=direction,
        baseline=named or {},
        made_up=named is None,
        recipe=parse_pairs(settings.recipe, "--recipe") or loop.recipe,
        guesses=loop.guesses,
        seed=settings.seed,
        fixed=parse_pairs(settings.fix, "--fix") or {},
        order=settings.order,
        has_test=loop.has_test,
        sampler=SAMPLER,
        pruner=PRUNER,
    )


def _enqueue(
    study: optuna.Study, baseline: Mapping[str, Any], tries: Iterable[dict[str, Any] | None]
) -> None:
    """Queue configurations of a person's own, each once; the rest of each is the baseline's."""
    known = [trial.user_attrs.get(TRIED) for trial in study.get_trials(deepcopy=False)]
    for values in tries:
        if values not in known:
            study.enqueue_trial({**baseline, **(values or {})}, user_attrs={TRIED: values or {}})


def _run(
    study: optuna.Study,
    config: LoopConfig,
    machine: LoopMachine,
    settings: StudySettings,
    observer: Observer,
) -> Path:
    """Search, confirm and report; return the report."""
    settings = with_trials_of(study, settings)
    say = telling(observer)
    with closing(machine.engine()) as engine:
        record = Record(study, settings, engine.slots, machine)
        if where := machine.in_words(engine.slots):
            say(where)
        with record.timing("search_seconds"):
            _search(study, config, engine, settings, observer)
        measure_importance(study, engine.slots, observer)
        if settings.confirms and "baseline" not in arms_of(study):
            say("Nothing to confirm yet: the baseline has no complete trial.")
        elif settings.confirms:
            observer.tell(Stage("confirming on fresh seeds"))
            with record.timing("confirmation_seconds"):
                stoppable = StoppableEngine[LoopJob, Question | Told](engine, observer)
                confirm_loop(study, config, stoppable, _calls(settings), say)
    return report_on(study, settings.workplace, observer)


def _calls(settings: StudySettings) -> int:
    """Return on how many fresh seeds a loop is called at least."""
    return FEWEST_TO_PROVE if settings.seeds is None else settings.seeds


def _search(
    study: optuna.Study,
    config: LoopConfig,
    engine: LoopEngine,
    settings: StudySettings,
    observer: Observer,
) -> None:
    deadline = settings.timeout and time.monotonic() + settings.timeout
    auto = settings.trials is None
    total = CEILING if settings.trials is None else settings.trials
    forget_the_end(study, settings.trials, settings.budget)
    if not auto:
        total = total_with_tries(study, total)
    mirror = Mirror(study)
    slots, seeds = engine.slots, _calls(settings)
    budget = Budget.of(
        mirror.study,
        settings,
        slots,
        observer,
        rounds=seeds,
        models=seeds,
        most=most_seeds(seeds),
        audits=False,
    )
    observer.tell(
        Opened(
            mirror.study,
            config.metric,
            f"found by the loop itself, {config.reference}",
            finished(study),
            total,
            at_most=auto or budget is not None,
            seeds=_calls(settings),
            slots=engine.slots,
            budget=None if budget is None else budget.left,
        )
    )
    watch = _Watch(observer, budget)
    enough = enough_by(reason_to_stop if auto else None, budget.reason_to_stop if budget else None)
    LoopCoordinator(mirror, config, engine, watch).search(total, deadline, enough)
    observer.tell(SearchEnded())
    if unread := _fixed_in_vain(study, config):
        observer.tell(Message(unread))
    if settle(study):
        observer.tell(Message(f"Time limit reached after {finished(study)} of {total} trials."))


def _fixed_in_vain(study: optuna.Study, config: LoopConfig) -> str | None:
    """Say which names of --fix no trial has asked for; None: there are none."""
    asked_for = set().union(*(trial.params for trial in study.get_trials(deepcopy=False)))
    unread = sorted(config.fixed.keys() - asked_for)
    if not unread:
        return None
    return (
        f"No trial asked for {', '.join(unread)}, which --fix names, so --fix has no effect. The "
        f"loop asked for {', '.join(sorted(asked_for)) or 'nothing'}."
    )


class _Watch(SearchWatch):
    """Asks whether to stop, too: the engine of a loop's search is not asked."""

    def __init__(self, observer: Observer, budget: Budget | None) -> None:
        super().__init__(observer)
        self.budget = budget

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        if self.observer.wants_stop():
            raise StopRequested
        super().update(running, ended)
        if ended is not None and self.budget is not None:
            self.budget.tell()
