"""How often a verdict is right, in worlds with a known truth; writes worlds.csv.

    PYTHONPATH=. python studies/verdict/simulate.py            # about ten minutes on one core
    PYTHONPATH=. python studies/verdict/simulate.py --only race

Models and test rows are drawn anew in each world. `errors` is the true gain in its own standard
errors.
"""

from __future__ import annotations

import argparse
import csv
import time
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tests.evidence.rates import TWO_LOOKS, Tally, of_looks, of_macro_f1, of_race, of_sizes
from tests.evidence.worlds import CLASSES, WORLDS

from tuner.evidence.statistics.looks import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = (20, 171, 983, 10_000)
ERRORS = (0, 2, 3)
ONE_LOOK = (4, 24)  # models an arm, as --seeds has it
TABLE = Path(__file__).parent / "worlds.csv"
COLUMNS = (
    *("kind", "world", "rows", "models", "errors", "worlds", "better", "worse", "baseline_won"),
    *("coverage", "mean_models"),
)
KINDS = ("sizes", "one look", "race", "tests", "macro")


def many(errors: float) -> int:
    """Return in how many worlds; the standard error of a rate near 2 % is 0.4 points in 1,000."""
    return 300 if errors == 2 else 1_000


def tallies(only: str) -> Iterator[tuple[dict[str, Any], Tally]]:
    kinds = [only] if only else KINDS
    if "sizes" in kinds:
        for (name, world), rows, errors in product(WORLDS.items(), ROWS, ERRORS):
            key = {"kind": "sizes", "world": name, "rows": rows, "models": "4, 8"}
            worlds = many(errors)
            yield {**key, "errors": errors}, of_sizes(world, rows, TWO_LOOKS, errors, worlds)
    if "one look" in kinds:
        for name, rows, models in product(("classes", "squared"), (171,), ONE_LOOK):
            for errors in ERRORS:
                plan = Plan.of(1, models)
                found = of_sizes(WORLDS[name], rows, plan, errors, many(errors))
                key = {"kind": "one look", "world": name, "rows": rows, "models": models}
                yield {**key, "errors": errors}, found
    if "race" in kinds:
        for name, sizes in (("classes", (171, 983)), ("absolute", (171, 983))):
            for rows, errors in product(sizes, (0, 3)):
                validation = max(50, rows // 2)
                found = of_race(WORLDS[name], rows, validation, errors, many(errors))
                key = {"kind": "race", "world": name, "rows": rows, "models": "4, 8"}
                yield {**key, "errors": errors}, found
    if "tests" in kinds:
        for name, rows in product(("classes", "classes, two ways", "absolute"), (171,)):
            key = {"kind": "20 tests", "world": name, "rows": rows, "models": "4 to 14"}
            yield {**key, "errors": 0}, of_looks(WORLDS[name], rows, 20, 200)
    if "macro" in kinds:
        for rows, errors in product((50, 171), ERRORS):
            key = {"kind": "macro F1", "world": "classes", "rows": rows, "models": "4, 8"}
            worlds = 400 if errors == 0 else 200
            yield {**key, "errors": errors}, of_macro_f1(CLASSES, rows, errors, worlds)


def row_of(found: Tally) -> dict[str, Any]:
    shares = {
        column: f"{found.share(verdict):.4f}"
        for column, verdict in (
            ("better", "better"),
            ("worse", "worse"),
            ("baseline_won", "baseline"),
        )
    }
    models = f"{fmean(found.models):.1f}" if found.models else ""
    coverage = f"{found.coverage:.4f}" if found.intervals else ""
    return {"worlds": found.worlds, **shares, "coverage": coverage, "mean_models": models}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", choices=KINDS)
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    with arguments.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        start = time.monotonic()
        for key, found in tallies(arguments.only):
            writer.writerow({**key, **row_of(found)})
            file.flush()
            print(f"{time.monotonic() - start:6.0f} s", *key.values(), *row_of(found).values())


if __name__ == "__main__":
    main()
