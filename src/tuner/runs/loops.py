"""One run of a study of a loop, from top to bottom: file, study, search, confirmation, report."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.pruners import MedianPruner

from tuner.case.assignments import parse_pairs, split_pairs
from tuner.case.source import source_of
from tuner.engines.cards import card_facts, cards_in_words, visible_cards
from tuner.engines.job import LoopJob
from tuner.engines.loops import LoopEngine
from tuner.errors import StoreError, TunerError, UsageError
from tuner.evidence.loops import confirm_loop
from tuner.machine import usable_cores
from tuner.naming import folder_name
from tuner.own.loops.events import Question, Told
from tuner.own.loops.file import read_loop
from tuner.runs.holding import at_work
from tuner.runs.loop_searching import calls_at_least, search_loop
from tuner.runs.observer import (
    Message,
    Stage,
    StoppableEngine,
    StopRequested,
    telling,
)
from tuner.runs.record import Record
from tuner.runs.settings import direction_of, refuse_ray_for_loop
from tuner.runs.steps import StudyRun, measure_importance, report_on
from tuner.runs.tries import refuse_other_than_fixed, with_trials_of
from tuner.search.loop_samplers import SAMPLER
from tuner.search.loops import PRUNER
from tuner.study.arms import arms_of
from tuner.study.loops import LoopConfig
from tuner.study.opening import open_study, remove_if_empty
from tuner.study.schema import TRIED
from tuner.study.store import settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import optuna

    from tuner.engines.compute import Compute
    from tuner.own.loops.file import LoopFile
    from tuner.runs.observer import Observer
    from tuner.runs.settings import StudySettings

SCORE = "score"  # default name of a score


@dataclass(frozen=True, slots=True)
class LoopMachine:
    """The machine on which the calls of a loop run.

    Attributes:
        slots: calls at once.
    """

    slots: int

    @classmethod
    def of(cls, compute: Compute) -> LoopMachine:
        """Return this machine with this many workers; None for one per GPU, or one per core.

        Raises:
            UsageError: there are more than this machine can take, or a Ray cluster was asked for.
        """
        refuse_ray_for_loop(compute)
        compute.check()
        return cls(compute.workers or len(visible_cards()) or usable_cores())

    def engine(self, at_most: int | None = None) -> LoopEngine:
        """Make an engine."""
        slots = min(self.slots, at_most or self.slots)
        return LoopEngine(slots, cards=visible_cards())

    def facts(self) -> dict[str, Any]:
        """Return the GPUs that calls may use; the manifest has the rest."""
        return {"cards": card_facts()} if visible_cards() else {}

    def in_words(self, workers: int) -> str | None:
        """Return which GPUs calls see, one each; None if there are none."""
        cards = visible_cards()
        return cards_in_words(card_facts(), cards, workers) if cards else None


def run_loop_study(settings: StudySettings, observer: Observer) -> StudyRun:
    """Make a study of a loop, or continue it.

    Raises:
        TunerError: as the parts raise it; finished work is kept in the database.
        KeyboardInterrupt: it was interrupted; finished work is kept too.
    """
    loop = read_loop(settings.case)
    name = folder_name(settings.name or loop.path.stem)
    config = _config(settings, loop)
    tries = [parse_pairs(split_pairs(typed), "--try") for typed in settings.tries]
    for typed, values in zip(settings.tries, tries, strict=True):
        refuse_other_than_fixed(typed, values or {}, config.fixed)
    machine = LoopMachine.of(settings.compute)
    workplace = settings.workplace
    for warning in loop.warnings:
        observer.tell(Message(f"{warning}."))
    with at_work(workplace, name):
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
                    "No baseline was given, so it is the middle of each range. Give what you "
                    "have now with --baseline NAME=VALUE, or BASELINE = {...} in the file."
                )
            )
        _enqueue(study, {**config.baseline, **config.fixed}, tries)
        try:
            return StudyRun(name, _run(study, config, machine, settings, observer))
        except KeyboardInterrupt:
            settle(study)
            raise
        except StopRequested:
            settle(study)
            return StudyRun(name, None)
        except StoreError:
            raise  # the next run settles running trials: the database cannot be written now
        except TunerError as error:
            settle(study)  # none of its trials runs any more
            if isinstance(error, UsageError):
                remove_if_empty(study)  # so that the corrected command can use the name
            raise


def _config(settings: StudySettings, loop: LoopFile) -> LoopConfig:
    direction = direction_of(loop, settings.direction)
    named = parse_pairs(settings.baseline, "--baseline") or loop.baseline
    return LoopConfig(
        reference=settings.case,
        source=source_of(settings.case),
        name=f"{loop.path.stem}:{loop.function}",
        metric=settings.score or loop.metric or SCORE,
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
    """Enqueue a person's own configurations, each once, completed by fixed or baseline values."""
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
            search_loop(study, config, engine, settings, observer)
        measure_importance(study, engine.slots, observer)
        arms = arms_of(study)
        if settings.confirms and "baseline" not in arms:
            say("Nothing to confirm yet: the baseline has no complete trial.")
        elif settings.confirms and "best" not in arms:
            say(
                "Nothing to confirm yet: every complete trial breaks a constraint of the loop. "
                "Continue with a larger --trials, or give a configuration that keeps them with "
                "--try."
            )
        elif settings.confirms:
            observer.tell(Stage("confirming on fresh seeds", confirms=True))
            with record.timing("confirmation_seconds"):
                stoppable = StoppableEngine[LoopJob, Question | Told](engine, observer)
                confirm_loop(study, config, stoppable, calls_at_least(settings), say)
    return report_on(study, settings.workplace, observer)
