"""One run of the ablate command: the path, the reverse, the smallest change, the report."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import optuna
from rich.console import Console

from tuner.cli import INTERRUPTED, STORAGE
from tuner.engines.choosing import choose_place
from tuner.errors import StudyError
from tuner.evidence.ablation import Ablation, OutOfTime, facts_of_ablation
from tuner.evidence.changes import Mixture
from tuner.evidence.confirmation import configuration_of
from tuner.evidence.trainings import Trainings
from tuner.naming import folder_name
from tuner.report.writing import write_report
from tuner.study.arms import arms_of
from tuner.study.attributes import ABLATION
from tuner.study.lock import only_writer
from tuner.study.publishing import publish_report
from tuner.study.reopening import brief_of
from tuner.study.store import load_study

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence

    from tuner.evidence.ablation import Subset


def run_ablation(arguments: Namespace) -> int:
    """Do what `python -m tuner.ablate` was asked to; return the exit status.

    Raises:
        StudyError: there is no gain to explain: the best is the baseline, or one is missing.
        TunerError: as the parts raise it; what was trained by then is kept.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    study = load_study(arguments.storage, arguments.study)
    with only_writer(arguments.storage, arguments.study):
        try:
            ablation = _measure(study, arguments, console)
        except KeyboardInterrupt:
            console.print("\nStopped. What was trained is kept; the same command goes on.")
            return INTERRUPTED
        out = arguments.out or STORAGE / "reports" / folder_name(arguments.study)
        report = write_report(study, arguments.storage, out)
        publish_report(study, report)
    if not ablation.complete:
        console.print(
            f"The time was over before everything was measured: {len(ablation.path)} of "
            f"{len(ablation.changes)} changes are on the path. The same command goes on."
        )
    console.print(f"Report: {report}")
    return 0


def _measure(study: optuna.Study, arguments: Namespace, console: Console) -> Ablation:
    """Train what the ablation asks for, and store what came of it on the study."""
    arms = arms_of(study)
    if "baseline" not in arms or arms["baseline"] is arms["best"]:
        raise StudyError(
            f"study {arguments.study!r} has nothing to explain: "
            + ("its best is the baseline" if arms.get("baseline") else "its baseline is missing")
            + "; go on with the search"
        )
    brief = brief_of(study, arguments.case, arguments.data_dir)
    mixture = Mixture(
        brief.case, configuration_of(arms["baseline"]), configuration_of(arms["best"])
    )
    deadline = arguments.budget and time.monotonic() + arguments.budget
    with closing(choose_place(arguments).engine(brief.plan)) as engine:
        trainings = Trainings(study, brief, engine, console.print)
        score = _scorer(trainings, mixture, engine.slots, deadline)
        ablation = Ablation(mixture.changes, arguments.seeds, brief.case.direction, score)
        ablation.run()
    facts = facts_of_ablation(ablation, arms["baseline"].number, arms["best"].number)
    before = study.user_attrs.get(ABLATION)
    if before and _is_poorer(facts, before):
        console.print(
            f"The report keeps what was measured before, on {before['rounds']} folds, until this "
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
