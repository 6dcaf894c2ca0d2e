"""`python -m tuner.report STUDY`: write a study's report again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.commands.names import check_stored_study
from tuner.commands.options import add_workplace, workplace_of
from tuner.commands.parsing import Parser
from tuner.errors import unknown_name
from tuner.language import ENGLISH, languages
from tuner.naming import FOR_FOLDER, folder_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner report",
        description="Write the report of a study: report.md, report.html, report.json, trials.csv "
        "and plots. It needs only the database: no data is read and nothing is trained.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    add_workplace(made)
    made.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the report (default: reports/STUDY in the storage folder)",
    )
    made.add_argument(
        "--language",
        default=ENGLISH,
        metavar="CODE",
        help="also write the report in this language: zh makes report.zh.md, report.zh.html "
        "and the pictures",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    check_stored_study(arguments)
    if arguments.language != ENGLISH and arguments.language not in languages():
        raise unknown_name("language", "languages", arguments.language, languages())
    from tuner.report.writing import write_report  # imports Optuna and matplotlib
    from tuner.study.store import load_study

    workplace = workplace_of(arguments)
    study = load_study(workplace.url, arguments.study)
    out = arguments.out or workplace.report(folder_name(arguments.study, FOR_FOLDER))
    sys.stdout.write(f"{write_report(study, workplace, out, arguments.language)}\n")
    return 0
