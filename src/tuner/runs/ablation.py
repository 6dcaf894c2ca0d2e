"""One run of the ablate command: the path, the reverse, the smallest change, the report."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tuner.engines.choosing import choose_backend
from tuner.errors import StudyError
from tuner.evidence.ablation import Ablation, OutOfTime, facts_of_ablation
from tuner.evidence.changes import Mixture
from tuner.evidence.confirmation import configuration_of
from tuner.evidence.trainings import Trainings
from tuner.naming import FOR_FOLDER, folder_name
from tuner.report.writing import write_report
from tuner.runs.observer import Message, StoppableEngine, StopRequested
from tuner.study.arms import arms_of
from tuner.study.dashboard import publish_report
from tuner.study.lock import only_writer
from tuner.study.reopening import config_of
from tuner.study.schema import ABLATION
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import optuna

    from tuner.evidence.ablation import Subset
    from tuner.runs.observer import Observer
    from tuner.runs.settings import AblationSettings


def run_ablation(settings: AblationSettings, observer: Observer) -> Path | None:
    """Measure which change bought the gain; return the report, or None where it was stopped.

    Raises:
        StudyError: there is no gain to explain: the best is the baseline, or one is missing.
        TunerError: as the parts raise it; what was trained by then is kept.
    """
    stored = settings.stored
    workplace = stored.workplace
    study = load_study(workplace.url, stored.study)
    with only_writer(workplace.url, stored.study):
        try:
            ablation = _measure(study, settings, observer)
        except (KeyboardInterrupt, StopRequested):
            return None
        out = settings.out or workplace.report(folder_name(stored.study, FOR_FOLDER))
        report = write_report(study, workplace, out)
        publish_report(study, report, workplace.artifacts)
    if not ablation.complete:
        observer.tell(
            Message(
                "The time budget ran out before everything was measured: "
                f"{len(ablation.path)} of {len(ablation.changes)} changes are on the path. Run the "
                "same command again to continue."
            )
        )
    return report


def _measure(study: optuna.Study, settings: AblationSettings, observer: Observer) -> Ablation:
    """Train what the ablation asks for, and store what came of it on the study."""
    stored = settings.stored
    arms = arms_of(study)
    if "baseline" not in arms or arms["baseline"].number == arms["best"].number:
        raise StudyError(
            f"study {stored.study!r} has nothing to explain: "
            + ("its best is the baseline" if arms.get("baseline") else "its baseline is missing")
            + "; continue the search (a larger --trials)"
        )
    config = config_of(study, stored.workplace, stored.case_file, stored.data_dir)
    mixture = Mixture(
        config.case, configuration_of(arms["baseline"]), configuration_of(arms["best"])
    )

    def say(text: str) -> None:
        observer.tell(Message(text))

    deadline = settings.budget and time.monotonic() + settings.budget
    backend = choose_backend(settings.compute)
    with closing(StoppableEngine(backend.engine(config.plan), observer)) as engine:
        trainings = Trainings(study, config, engine, say)
        score = _scorer(trainings, mixture, engine.slots, deadline)
        ablation = Ablation(mixture.changes, settings.seeds, config.case.direction, score)
        ablation.run()
    facts = facts_of_ablation(ablation, arms["baseline"].number, arms["best"].number)
    before = study.user_attrs.get(ABLATION)
    if before and _is_poorer(facts, before):
        say(
            f"The report keeps the earlier measurement on {before['rounds']} folds until this one "
            "has come as far."
        )
    else:
        study.set_user_attr(ABLATION, facts)
    return ablation


def _is_poorer(facts: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether an ablation of the same two trials had come further than this one."""
    same = all(facts[name] == before[name] for name in ("baseline", "best", "changes"))
    now, then = ((one["complete"], len(one["path"])) for one in (facts, before))
    return same and now < then


def _scorer(
    trainings: Trainings, mixture: Mixture, at_once: int, deadline: float | None
) -> Callable[[Sequence[Subset], int], list[float | None]]:
    """Return what trains subsets of the changes in a round, as long as there is time."""

    def score(subsets: Sequence[Subset], index: int) -> list[float | None]:
        wanted = [mixture.configuration(subset) for subset in subsets]
        for start in range(0, len(wanted), at_once):
            if deadline is not None and time.monotonic() > deadline:
                raise OutOfTime
            trainings.train((one, index) for one in wanted[start : start + at_once])
        return trainings.scores(wanted, index)

    return score
