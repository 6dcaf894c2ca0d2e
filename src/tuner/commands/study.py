"""`python -m tuner.study CASE`: search, compare on fresh seeds, and write a report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case.loading import case_names
from tuner.case.reference import DOORS, door_of
from tuner.commands.doors import add_door, reference_of
from tuner.commands.ending import INTERRUPTED
from tuner.commands.names import check_new_study
from tuner.commands.options import (
    AUTO,
    above_zero,
    add_compute,
    add_workplace,
    compute_of,
    seconds,
    start_importing,
    whole_number,
    workplace_of,
)
from tuner.commands.parsing import Parser
from tuner.runs.settings import DEFAULT_TRIALS, MOST_TRIALS, StudySettings
from tuner.seeds import LARGEST
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
    _add_parent(made)
    add_repeatability(made)
    _add_loop(made)
    return made


def add_budget(made: argparse.ArgumentParser) -> None:
    """Add the options that limit how much is trained."""
    made.add_argument(
        "--trials",
        type=whole_number(1, auto=True),
        metavar="N",
        help="number of finished trials in the end, earlier runs included (default 50; with "
        "--budget as many as fit); auto: 30 to 100, until the last half has gained less than the "
        "noise of a score",
    )
    made.add_argument(
        "--budget",
        type=seconds,
        metavar="TIME",
        help="time for the whole study, earlier runs and the confirmation included (90s, 10m, "
        "1h30m): the search stops asking for trials so that the rest fits; with --trials, "
        "whichever ends first",
    )
    made.add_argument(
        "--seeds",
        type=whole_number(0),
        metavar="N",
        help="models per arm that are scored on the test split, in one look (default: 4, and "
        "4 more for a second look if the first proves nothing; a loop is called on 6 to "
        "24 fresh seeds; 0 skips the confirmation and leaves the test split unopened)",
    )
    made.add_argument(
        "--timeout",
        type=seconds,
        metavar="TIME",
        help="stop the search after this time (90s, 10m, 1h30m); then confirm and report what "
        "there is",
    )


def add_space(made: argparse.ArgumentParser) -> None:
    """Add the options that determine which configurations are trained."""
    made.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="NAME=VALUE,...",
        help="use this value and do not search it (can be repeated); baseline and recipe stay as "
        "they are",
    )
    made.add_argument(
        "--try",
        dest="tries",
        action="append",
        default=[],
        metavar="NAME=VALUE,...",
        help="train this configuration as the next trial (can be repeated), even if --trials "
        "has been reached; hyperparameters that are not named have the baseline's value. "
        "A study that was finished ends after it; add --trials or --budget to continue "
        "the search",
    )


def _add_parent(made: argparse.ArgumentParser) -> None:
    """Add the option that starts a new study with the trials of another."""
    made.add_argument(
        "--from",
        dest="parent",
        metavar="STUDY",
        help="begin a new study with the finished trials of this one that fit its search space: "
        "another --fix, or ranges that were changed in the case (then with --accept-changes). "
        "They count among --trials",
    )


def add_repeatability(made: argparse.ArgumentParser) -> None:
    """Add the options that determine the numbers of a study."""
    made.add_argument(
        "--seed", type=whole_number(0, LARGEST), default=0, help="seed of the study (default 0)"
    )
    made.add_argument(
        "--order",
        choices=("work", "arrival"),
        default="work",
        help="how results of parallel trials are ordered: 'work' makes the study repeatable bit "
        "for bit (default); 'arrival' keeps many workers busier but cannot be repeated",
    )
    made.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="number format of a new study's convolutions and matrix products (default: bfloat16 "
        "for classes of images where the processor computes in it, else float32)",
    )
    made.add_argument(
        "--metric",
        metavar="NAME",
        help="what to search for, and to report first: the name of one of scikit-learn's scorers "
        "(roc_auc, f1_macro, neg_root_mean_squared_error, ...), or one of the case's own; a "
        "training loop reports its own score",
    )
    made.add_argument(
        "--max-parameters",
        type=whole_number(1),
        metavar="N",
        help="train no model with more parameters; guesses are made smaller, baseline and recipe "
        "are trained anyway",
    )
    made.add_argument(
        "--max-latency-ms",
        type=above_zero,
        metavar="MS",
        help="train no model that takes longer for one row, measured on this machine before the "
        "training (such a study cannot be repeated bit for bit)",
    )
    made.add_argument(
        "--max-cost",
        type=above_zero,
        metavar="X",
        help="train no configuration that computes more than X times as much as the baseline "
        "(counted from shapes and epochs); guesses are made smaller than twice that; "
        "recipe and --try are trained anyway. With --budget, X follows from the speed of "
        "this machine",
    )
    made.add_argument(
        "--accept-changes",
        action="store_true",
        help="continue a study although its case, its data or tuner's training code has changed "
        "since; the study and its report keep a note of it",
    )


def _add_loop(parser: argparse.ArgumentParser) -> None:
    """Add the options for a loop whose file does not contain these settings."""
    group = parser.add_argument_group("a training loop of your own (FILE.py:FUNCTION)")
    group.add_argument(
        "--direction",
        choices=("maximize", "minimize"),
        help="whether higher or lower scores are better (or DIRECTION = ... in the file)",
    )
    group.add_argument(
        "--score", metavar="NAME", help="what its score is called (or METRIC = ... in the file)"
    )
    group.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="NAME=VALUE,...",
        help="a value that you have now, to be beaten (can be repeated; or BASELINE = {...} "
        "in the file); a hyperparameter that is not named has the middle of its range",
    )
    group.add_argument(
        "--recipe",
        action="append",
        default=[],
        metavar="NAME=VALUE,...",
        help="what a textbook would change by hand (can be repeated; or RECIPE = {...})",
    )


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
