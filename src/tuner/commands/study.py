"""`python -m tuner.study CASE`: search, compare on fresh seeds, and write a report."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case.loading import case_names
from tuner.case.reference import DOORS, door_of
from tuner.commands.doors import add_door, options_of_other_doors, reference_of
from tuner.commands.ending import INTERRUPTED
from tuner.commands.names import check_new_study
from tuner.commands.options import (
    AUTO,
    add_compute,
    add_workplace,
    compute_of,
    start_importing,
    workplace_of,
)
from tuner.commands.parsing import Parser
from tuner.commands.study_options import (
    add_budget,
    add_loop,
    add_parent,
    add_repeatability,
    add_space,
)
from tuner.runs.settings import DEFAULT_TRIALS, MOST_TRIALS, StudySettings
from tuner.study.limits import Limits

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


CASE = "name of a case, path of a case file (.py), or a training loop of your own: FILE.py:FUNCTION"


def parser(door: str | None = None) -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports.

    Args:
        door: the door whose options to add; None for a case or a loop.
    """
    made = Parser(
        prog=f"tuner study {door}" if door else "tuner study",
        elsewhere=partial(options_of_other_doors, "tuner study", door),
        description="Search a case's hyperparameters with Optuna, train baseline, recipe and the "
        "best few again on fresh seeds and folds, open the test split once, and write a report. "
        "Run the same command again to continue where it stopped.",
        epilog=f"cases: {', '.join(case_names())}, or the path of a case file of your own. Without "
        f"code: {', '.join(f'tuner study {one} --help' for one in DOORS)}",
    )
    if door:
        add_door(made, door)
    else:
        made.add_argument("case", metavar="CASE", help=CASE)
    add_budget(made)
    made.add_argument(
        "--name", help="name of the study (default: the name of its data, with the values of --fix)"
    )
    add_workplace(made)
    made.add_argument("--data-dir", type=Path, metavar="DIR", help="folder with the raw data")
    add_compute(made)
    add_space(made)
    add_parent(made)
    add_repeatability(made)
    add_loop(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    door = door_of(given[0]) if given else None
    arguments = parser(door).parse_args(given[1:] if door else given)
    if door:
        arguments.case = reference_of(arguments, door)
    words = ["tuner", "study", *given]
    settings = settings_of(arguments, shlex.join(words))
    check_new_study(arguments, settings)
    start_importing(arguments)
    from rich.console import Console

    from tuner.commands.concluding import conclude
    from tuner.commands.watching import ConsoleObserver  # imports torch and Optuna
    from tuner.runs.quiet import quieten_optuna
    from tuner.runs.study import run_study
    from tuner.study.database.url import without_secrets

    quieten_optuna()
    console = Console(markup=False)
    again = shlex.join(without_secrets(word, settings.workplace.url) for word in words)
    try:
        with ConsoleObserver(console, settings.workplace) as observer:
            ended = run_study(settings, observer)
    except KeyboardInterrupt:
        console.print(
            f"\nStopped. Finished work is kept. To continue:\n  {again}",
            soft_wrap=True,
            highlight=False,
        )
        return INTERRUPTED
    if ended.report is not None:  # always true: a console does not stop a run
        conclude(console, ended.report, again)
    return 0


def _trials(arguments: argparse.Namespace) -> int | None:
    """Return the number of trials that a study ends with; None for as many as are worth it."""
    if arguments.trials is None:
        return DEFAULT_TRIALS if arguments.budget is None else MOST_TRIALS
    return None if arguments.trials == AUTO else int(arguments.trials)


def settings_of(arguments: argparse.Namespace, command: str) -> StudySettings:
    """Return the typed options as the settings of a run.

    Args:
        command: the command line, for the record.
    """
    return StudySettings(
        case=arguments.case,
        workplace=workplace_of(arguments),
        command=command,
        trials=_trials(arguments),
        trials_by_default=arguments.trials is None and arguments.budget is None,
        budget=arguments.budget,
        name=arguments.name,
        seed=arguments.seed,
        seeds=arguments.seeds,
        timeout=arguments.timeout,
        order=arguments.order,
        precision=arguments.precision,
        data_dir=arguments.data_dir,
        fix=tuple(arguments.fix),
        accept_changes=arguments.accept_changes,
        tries=tuple(arguments.tries),
        parent=arguments.parent,
        limits=Limits(
            parameters=arguments.max_parameters,
            latency_ms=arguments.max_latency_ms,
            cost=arguments.max_cost,
        ),
        direction=arguments.direction,
        score=arguments.score,
        metric=arguments.metric,
        baseline=tuple(arguments.baseline),
        recipe=tuple(arguments.recipe),
        compute=compute_of(arguments),
    )
