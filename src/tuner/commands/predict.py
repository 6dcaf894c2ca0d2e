"""`tuner predict BUNDLE INPUT...`: classes for images, or tables with an added column."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.commands.names import check_bundle, check_inputs
from tuner.commands.options import add_case
from tuner.commands.parsing import Parser
from tuner.commands.results import results_alone

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner predict",
        description="Use a model that tuner retrain has written. Images: name image files; each "
        "gets a line with its class and the probability of that class. Tables: name CSV files "
        "with the model's columns (UTF-8, commas between cells, decimal points); for a model of "
        "`tuner study table`, CSV or Parquet files like the one it was trained on. The same rows "
        "are written as CSV, with a column 'prediction' added, and for classes a column "
        "'probability', that of the predicted class ('tuner prediction' where the model has a "
        "column of that name). --json has the probabilities of all classes.",
    )
    made.add_argument(
        "bundle",
        metavar="BUNDLE",
        help="the bundle's folder, the ZIP file of it that the service gives out, or its URL in S3",
    )
    made.add_argument(
        "inputs", metavar="INPUT", type=Path, nargs="+", help="image, CSV or Parquet files"
    )
    made.add_argument("--json", action="store_true", help="write JSON instead")
    add_case(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    check_bundle(arguments.bundle)
    check_inputs(arguments.inputs)
    with results_alone():
        from tuner.bundle.bundle import open_bundle  # imports torch
        from tuner.bundle.files import reader_of
        from tuner.bundle.finding import at_hand
        from tuner.bundle.prediction import predict_files, predict_tables

        with at_hand(arguments.bundle) as folder:
            bundle = open_bundle(folder, arguments.case)
        if bundle.remark is not None:
            sys.stderr.write(f"tuner: {bundle.remark}\n")
        read = reader_of(bundle)
        if read is None:
            result = predict_tables(bundle, arguments.inputs, as_json=arguments.json)
        else:
            result = predict_files(bundle, read, arguments.inputs, as_json=arguments.json)
    sys.stdout.write(result)
    return 0
