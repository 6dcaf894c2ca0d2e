"""`python -m tuner.predict BUNDLE INPUT...`: images in, classes out; tables in, a column added."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.commands.options import add_case

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser; it imports nothing that is slow to import."""
    made = argparse.ArgumentParser(
        prog="tuner predict",
        description="Use a bundle that tuner.retrain has written. For a model of images, name "
        "image files: a line each with class and probability comes out. For a model of tables, "
        "name CSV files with the model's columns: the same rows with a column 'prediction' come "
        "out.",
    )
    made.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle's folder")
    made.add_argument("inputs", metavar="INPUT", type=Path, nargs="+", help="image or CSV files")
    made.add_argument("--json", action="store_true", help="write JSON instead")
    add_case(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    from tuner.bundle.bundle import open_bundle  # imports torch
    from tuner.bundle.prediction import predict_images, predict_tables

    bundle = open_bundle(arguments.bundle, arguments.case)
    predict = predict_tables if bundle.interface.columns else predict_images
    sys.stdout.write(predict(bundle, arguments.inputs, as_json=arguments.json))
    return 0
