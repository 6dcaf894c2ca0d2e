"""`python -m tuner.retrain STUDY`: train an arm or a trial again, and save the model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.cli import DATABASE, add_case_and_data, run, whole_number
from tuner.seeds import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser; it imports nothing that is slow to import."""
    made = argparse.ArgumentParser(
        prog="tuner retrain",
        description="Train an arm or a trial of a study on all development data, and write a "
        "bundle: weights as safetensors with a manifest.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--arm", choices=("best", "baseline", "recipe"), help="default best")
    which.add_argument("--trial", type=whole_number(0), metavar="N", help="a complete trial")
    made.add_argument(
        "--seed",
        type=whole_number(0, LARGEST),
        metavar="S",
        help="default: the first confirmation seed",
    )
    made.add_argument("--storage", metavar="URL", default=DATABASE, help=f"default {DATABASE}")
    made.add_argument("--out", type=Path, metavar="DIR", help="default storage/bundles/STUDY/ID")
    add_case_and_data(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    from tuner.retrain.training import retrain  # imports torch and Optuna

    folder = retrain(
        arguments.storage,
        arguments.study,
        arm=arguments.arm,
        number=arguments.trial,
        seed=arguments.seed,
        out=arguments.out,
        case_file=arguments.case,
        data_dir=arguments.data_dir,
    )
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    run(main)
