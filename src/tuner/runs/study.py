"""One run of a study, from top to bottom: data, study, search, confirmation, report."""

from __future__ import annotations

import shutil
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from tuner.case.assignments import split_pairs
from tuner.case.loading import load_case
from tuner.case.reference import is_loop
from tuner.case.source import source_of
from tuner.case.space import parse_fixed
from tuner.case.space import remarks as space_remarks
from tuner.data import cache, reading
from tuner.data.sources.folders import Folders
from tuner.engines.cards import give_back
from tuner.engines.choosing import choose_backend
from tuner.errors import CaseError, StoreError, UsageError
from tuner.evidence.confirmation import confirm
from tuner.evidence.trials.audit import audit
from tuner.evidence.trials.repetition import other_machine
from tuner.naming import default_name, folder_name
from tuner.runs.holding import at_work
from tuner.runs.inheritance import check_parent, plan_of, take_over
from tuner.runs.loops import run_loop_study
from tuner.runs.observer import Message, Stage, StoppableEngine, StopRequested, telling
from tuner.runs.record import Record
from tuner.runs.searching import search
from tuner.runs.steps import StudyRun, measure_importance, report_on
from tuner.runs.tries import enqueue_tries, parse_tries, with_trials_of
from tuner.search.pruner import PRUNER, pruner_named
from tuner.search.sampler import sampler_for
from tuner.study.arms import arms_of
from tuner.study.configuration import StudyConfig
from tuner.study.designing import design_for
from tuner.study.opening import open_study
from tuner.study.schema import PARENT, REMARKS, SEED_MATTERS, SESSIONS
from tuner.study.store import facts_of, load_study, settle
from tuner.training.plan import plan_for
from tuner.training.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import optuna

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.engines.choosing import Backend
    from tuner.runs.observer import Observer
    from tuner.runs.settings import StudySettings
    from tuner.training.rehearsal import Rehearsal


def run_study(settings: StudySettings, observer: Observer) -> StudyRun:
    """Make a study, or continue it.

    Raises:
        TunerError: as the parts raise it; finished work is kept in the database.
        KeyboardInterrupt: it was interrupted; finished work is kept too.
    """
    settings.check()
    if is_loop(settings.case):
        if settings.parent is not None:
            raise UsageError("--from takes trials over for a case, not for a loop; leave it out")
        return run_loop_study(settings, observer)
    config = _config(settings, observer)
    case, dataset, workplace = config.case, config.dataset, settings.workplace
    tries = parse_tries(case, config.fixed, settings.tries)
    name = _name(settings, dataset.name, config.fixed)
    backend = choose_backend(settings.compute)
    rehearsal = _rehearse(config, settings, observer)
    parent = _parent(config, settings)
    choose = (
        partial(backend.plan, case, dataset, settings.precision)
        if parent is None
        else partial(plan_of, parent)
    )
    begin = None if parent is None else partial(_begin, parent, config, settings, observer)
    with at_work(workplace, name):
        study, config = open_study(
            workplace.url,
            name,
            config,
            pruner_named,
            choose,
            settings.precision,
            accept=settings.accept_changes,
            begin=begin,
        )
        if study.user_attrs.get(SEED_MATTERS) != rehearsal.seed_matters:
            study.set_user_attr(SEED_MATTERS, rehearsal.seed_matters)
        for difference in other_machine(study.user_attrs.get(SESSIONS, [])):
            observer.tell(Message(f"Results may change from here on: {difference}."))
        cache.store(dataset, workplace.cache)
        _remark(study, dataset, observer)
        enqueue_tries(study, tries, telling(observer))
        try:
            report = _run(study, config, backend, settings, observer, rehearsal)
        except KeyboardInterrupt:
            settle(study)
            raise
        except StopRequested:
            settle(study)
            return StudyRun(name, None)
    return StudyRun(name, report)


def _config(settings: StudySettings, observer: Observer) -> StudyConfig:
    """Read the case and its data, report what was found there, and return the configuration.

    Raises:
        TunerError: as the parts raise it.
    """
    case = load_case(settings.case)
    source = source_of(settings.case)
    workplace = settings.workplace
    _check_typed(case, settings)
    dataset = case.dataset(Folders(given=settings.data_dir, own=workplace.data))
    case = case.settled(dataset).scored_by(settings.metric)
    if dataset.table is not None:
        observer.tell(Message(dataset.table.in_words()))
    if dataset.inspection:
        observer.tell(Message(in_columns(dataset.inspection)))
    return StudyConfig(
        case=case,
        reference=settings.reference,
        source=source,
        dataset=dataset,
        data_folder=cache.folder_of(workplace.cache, dataset.identity),
        seed=settings.seed,
        fixed=parse_fixed(case, settings.fix),
        order=settings.order,
        sampler=sampler_for(dataset),
        pruner=PRUNER,
        design=design_for(case, dataset),
        metric=settings.metric,
        limits=settings.limits,
    )


def _check_typed(case: Case, settings: StudySettings) -> None:
    """Refuse wrong names and values before the data is read, which may take minutes.

    Before the case is scaled to its data, its space has everything that any data allows, so what
    is refused here is wrong for all data.

    Raises:
        UsageError: --fix or --try has an unknown name or an impossible value.
    """
    with suppress(CaseError):  # `suggest` may need what `load` sets
        parse_fixed(case, settings.fix)
        for typed in settings.tries:
            parse_fixed(case, split_pairs(typed), "--try")


def _rehearse(config: StudyConfig, settings: StudySettings, observer: Observer) -> Rehearsal:
    """Try the case on a few rows, and report what looks wrong; return what was found.

    Raises:
        CaseError: it cannot be trained.
    """
    case, dataset = config.case, config.dataset
    rehearsal = rehearse(case, dataset, plan_for(case.task, images=dataset.pixels is not None))
    give_back()
    said = space_remarks(case, None if settings.budget else settings.trials)
    for remark in (*rehearsal.remarks, *said):
        observer.tell(Message(remark))
    return rehearsal


def _parent(config: StudyConfig, settings: StudySettings) -> optuna.Study | None:
    """Return the study named with --from, whose trials this one begins with; None: none is named.

    Raises:
        UsageError: there is no such study.
        StudyError: something besides the search space is different.
    """
    if settings.parent is None:
        return None
    parent = load_study(settings.workplace.url, settings.parent)
    check_parent(parent, config, settings.precision, accept=settings.accept_changes)
    return parent


def _begin(
    parent: optuna.Study,
    config: StudyConfig,
    settings: StudySettings,
    observer: Observer,
    study: optuna.Study,
) -> None:
    """Copy the trials of another study into a new one."""
    observer.tell(Message(take_over(study, parent, config)))
    taken = study.user_attrs[PARENT]["taken"]
    if settings.trials is not None and taken >= settings.trials:
        observer.tell(
            Message(
                f"They count among --trials, which is {settings.trials}: so the search has "
                f"nothing left to do. To continue the search, ask for more than {taken} with "
                "--trials."
            )
        )


def in_columns(pairs: Sequence[tuple[str, str]]) -> str:
    """Return findings in the data as text, with one line per subject."""
    width = max(len(subject) for subject, _ in pairs)
    return "\n".join(f"{subject:<{width}}  {said}" for subject, said in pairs)


def _remark(study: optuna.Study, dataset: Dataset, observer: Observer) -> None:
    """Report and store what looks wrong with the data, before anything trains."""
    remarks = dataset.findings.remarks() if dataset.findings else []
    remarks += reading.remarks(dataset.reading)
    if study.user_attrs.get(REMARKS) != remarks:
        study.set_user_attr(REMARKS, remarks)
    for remark in remarks:
        observer.tell(Message(f"About the data: {remark}"))


def _name(settings: StudySettings, data: str, fixed: Mapping[str, Any]) -> str:
    """Return the name of a study: the one that was given, or that of its data.

    With --fix, the name of the data is followed by the fixed values, to tell it from the study
    without. Earlier versions used the name of the data alone: if there is such a study with the
    same --fix, it is continued.
    """
    if settings.name is not None:
        return folder_name(settings.name)
    if fixed:
        with suppress(StoreError, UsageError):
            stored = facts_of(load_study(settings.workplace.url, data))
            if stored.get("fixed") == fixed:
                return folder_name(data)
    return folder_name(default_name(data, fixed))


def _run(
    study: optuna.Study,
    config: StudyConfig,
    backend: Backend,
    settings: StudySettings,
    observer: Observer,
    rehearsal: Rehearsal,
) -> Path:
    """Search, confirm and report; return the path of report.md."""
    workplace = settings.workplace
    settings = with_trials_of(study, settings)
    say = telling(observer)
    with closing(StoppableEngine(backend.engine(config.plan), observer)) as engine:
        record = Record(study, settings, engine.slots, backend, rehearsal.not_repeatable)
        if where := backend.in_words(engine.slots):
            say(where)
        with record.timing("search_seconds"):
            budget = search(study, config, engine, settings, observer)
        measure_importance(study, engine.slots, observer)
        if settings.confirms and (why_not := _nothing_to_confirm(study, config)):
            say(why_not)
        elif settings.confirms:
            asked, models = settings.seeds, workplace.confirmation(study.study_name)
            if asked is None and budget is not None:
                asked = budget.models_that_fit(study)
            observer.tell(Stage("confirming on fresh seeds", confirms=True))
            with record.timing("confirmation_seconds"):
                confirm(study, config, engine, asked, models, say)
            shutil.rmtree(models, ignore_errors=True)  # their scores are stored
        if budget is None or budget.left > 0:
            observer.tell(Stage("training pruned trials to their end, to see what pruning cost"))
            with record.timing("audit_seconds"):
                audit(study, config, engine, say)
    return report_on(study, workplace, observer)


def _nothing_to_confirm(study: optuna.Study, config: StudyConfig) -> str | None:
    """Return why there is nothing to confirm yet; None if there is."""
    arms = arms_of(study)
    if "baseline" not in arms:
        return "Nothing to confirm yet: the baseline has no complete trial."
    if "best" not in arms:
        limits = config.limits.in_words()
        return f"Nothing to confirm yet: each trained model has more than {limits}."
    return None
