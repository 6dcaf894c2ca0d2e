"""One run of the placebo command: repeats a study's search on data without any signal."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from tuner.data import cache
from tuner.data.shuffling import shuffled
from tuner.engines.choosing import choose_backend
from tuner.errors import StudyError, UsageError
from tuner.evidence.jobs import configuration_of
from tuner.evidence.rounds.trainings import Trainings
from tuner.naming import FOR_FOLDER, folder_name
from tuner.runs.holding import at_work
from tuner.runs.observer import Stage, StoppableEngine, StopRequested, telling
from tuner.runs.publishing import write_and_publish
from tuner.runs.record import Record
from tuner.runs.searching import search
from tuner.runs.settings import StudySettings
from tuner.search.pruner import pruner_named
from tuner.study.arms import candidates_of
from tuner.study.loop_reopening import is_of_loop
from tuner.study.opening import open_study
from tuner.study.reopening import config_of
from tuner.study.schema import PLACEBO
from tuner.study.store import facts_of, load_study, placebo_name, settle
from tuner.study.trials import finished

if TYPE_CHECKING:
    from pathlib import Path

    import optuna

    from tuner.engines.choosing import Backend
    from tuner.runs.observer import Observer
    from tuner.runs.settings import PlaceboSettings
    from tuner.study.configuration import StudyConfig

ROUNDS = 6  # fresh folds on which the best of the placebo is trained again


def run_placebo(settings: PlaceboSettings, observer: Observer) -> Path | None:
    """Search shuffled data as a study searched its own; write the study's report again, return it.

    The search is a study of its own, which continues where it was interrupted. The test split stays
    closed.

    Returns:
        None if it was stopped before its end.

    Raises:
        UsageError: the study is of a loop, or a placebo itself.
        TunerError: as the parts raise it; finished work is kept.
    """
    stored, workplace = settings.stored, settings.stored.workplace
    study = load_study(workplace.url, stored.study)
    if is_of_loop(study):
        raise UsageError(
            f"study {stored.study!r} searches a loop. A loop reads its own data, so tuner cannot "
            "shuffle it; shuffle the targets in the loop, and make a study of that"
        )
    if facts_of(study).get("shuffled"):
        raise UsageError(
            f"study {stored.study!r} is a placebo itself; name the study that it was made from"
        )
    own = config_of(study, workplace, stored.case_file, stored.data_dir)
    data = shuffled(own.dataset, own.seed)
    folder = cache.store(data, workplace.cache)
    config = replace(own, dataset=data, data_folder=folder, identity="", shuffled=True)
    name = placebo_name(stored.study)
    trials = settings.trials or finished(study)
    with at_work(workplace, stored.study), at_work(workplace, name):
        placebo, config = open_study(workplace.url, name, config, pruner_named)
        backend = choose_backend(settings.compute)
        try:
            _measure(placebo, config, backend, settings, trials, observer)
        except (KeyboardInterrupt, StopRequested):
            settle(placebo)
            return None
        study.set_user_attr(PLACEBO, {"study": name, **placebo.user_attrs[PLACEBO]})
        observer.tell(Stage("writing the report"))
        tell = telling(observer)
        write_and_publish(placebo, workplace, workplace.report(name), tell)
        out = workplace.report(folder_name(stored.study, FOR_FOLDER))
        return write_and_publish(study, workplace, out, tell)


def _measure(
    placebo: optuna.Study,
    config: StudyConfig,
    backend: Backend,
    settings: PlaceboSettings,
    trials: int,
    observer: Observer,
) -> None:
    """Search, train the best again on fresh folds, and store the results."""
    say = telling(observer)
    asked = StudySettings(
        case=config.reference,
        workplace=settings.stored.workplace,
        command=settings.command,
        trials=trials,
        seeds=0,
        data_dir=settings.stored.data_dir,
        compute=settings.compute,
    )
    with closing(StoppableEngine(backend.engine(config.plan), observer)) as engine:
        record = Record(placebo, asked, engine.slots, backend)
        with record.timing("search_seconds"):
            search(placebo, config, engine, asked, observer)
        candidates = candidates_of(placebo)
        if not candidates:
            raise StudyError("no trial on shuffled targets is complete; ask for more --trials")
        observer.tell(Stage("training the best again on fresh folds"))
        best = candidates[0]
        trainings = Trainings(placebo, config, engine, say)
        fresh = [trainings.scores([configuration_of(best)], index)[0] for index in range(ROUNDS)]
    found = {
        "trials": finished(placebo),
        "best": best.number,
        "score": best.values[0],
        "fresh": fresh,
        "chance": facts_of(placebo)["trivial"]["metric"],
    }
    if placebo.user_attrs.get(PLACEBO) != found:
        placebo.set_user_attr(PLACEBO, found)
