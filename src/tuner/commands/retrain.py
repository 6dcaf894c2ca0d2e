"""`python -m tuner.retrain STUDY`: train an arm or a trial again, and save the model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.commands.names import check_changes, check_stored_study
from tuner.commands.options import add_case_and_data, add_workplace, stored_of, whole_number
from tuner.commands.parsing import Parser
from tuner.depot.contract import MOST_MODELS
from tuner.errors import UsageError
from tuner.runs.settings import RetrainingSettings
from tuner.seeds import LARGEST

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner retrain",
        description="Train an arm or a trial of a study on all development data, and save the "
        "model as a bundle: weights as safetensors with a manifest. Prints the bundle's folder.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    which = made.add_mutually_exclusive_group()
    which.add_argument(
        "--arm",
        choices=("best", "baseline", "recipe"),
        help="the best (default), the baseline or the recipe",
    )
    which.add_argument("--trial", type=whole_number(0), metavar="N", help="this complete trial")
    which.add_argument(
        "--only",
        metavar="NAME,NAME",
        help="the baseline with only these changes of the best, for example the smallest change "
        "that tuner ablate has found. It is trained on fresh seeds and compared with the baseline "
        "on the test rows, once; a loop is called, and not compared",
    )
    made.add_argument(
        "--seeds",
        type=whole_number(0),
        metavar="N",
        help="with --only: fresh seeds on which it is compared with the baseline on the test rows "
        "(default: as many as the study's confirmation; 0: not at all)",
    )
    seeds = made.add_mutually_exclusive_group()
    seeds.add_argument(
        "--seed",
        type=whole_number(0, LARGEST),
        metavar="S",
        help="seed of the training (default: the first seed of the confirmation)",
    )
    seeds.add_argument(
        "--models",
        type=whole_number(1, MOST_MODELS),
        default=1,
        metavar="N",
        help="train this many models, which differ only in their seeds, and save them as one "
        "ensemble: its answer is the mean of theirs, and takes N times as long (default: "
        "1). The first ones are those of the confirmation",
    )
    add_workplace(made)
    made.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the bundle (default: bundles/STUDY/ID in the storage folder)",
    )
    add_case_and_data(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    if arguments.seeds is not None and not arguments.only:
        raise UsageError("--seeds is only used with --only; --seed chooses the seed of the model")
    only = tuple(filter(None, (arguments.only or "").split(",")))
    if arguments.only is not None and not only:
        raise UsageError("--only names no change; write it like --only epochs,learning_rate")
    check_stored_study(arguments)
    check_changes(arguments, only)
    from tuner.runs.models.retraining import retrain  # imports torch and Optuna
    from tuner.runs.quiet import quieten_optuna

    quieten_optuna()
    settings = RetrainingSettings(
        stored=stored_of(arguments),
        arm=arguments.arm or "best",
        trial=arguments.trial,
        only=only,
        seeds=arguments.seeds,
        seed=arguments.seed,
        models=arguments.models,
        out=arguments.out,
    )

    def tell(text: str) -> None:
        sys.stderr.write(f"tuner: {text}\n")

    bundle = retrain(settings, tell)
    sys.stdout.write(f"{bundle}\n")
    return 0
