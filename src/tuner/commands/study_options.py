"""The options of `tuner study`, of which `tuner submit` takes some too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.options import above_zero, seconds, whole_number
from tuner.seeds import LARGEST

if TYPE_CHECKING:
    import argparse


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


def add_parent(made: argparse.ArgumentParser) -> None:
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


def add_loop(made: argparse.ArgumentParser) -> None:
    """Add the options for a loop whose file does not contain these settings."""
    group = made.add_argument_group("a training loop of your own (FILE.py:FUNCTION)")
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
