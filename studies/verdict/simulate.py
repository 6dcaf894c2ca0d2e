"""How often a verdict is right, in worlds with a known truth; writes worlds.csv.

    PYTHONPATH=. python studies/verdict/simulate.py            # about an hour on one core
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

from tests.evidence.rates import Tally, of_looks, of_macro_f1, of_race, of_sizes
from tests.evidence.worlds import CLASSES, WORLDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.evidence.rates import Design

ROWS = (20, 50, 100, 171, 500, 983, 2_000, 10_000)
SEEDS = (6, 24)
ERRORS = (0, 1, 2, 3)
DESIGNS: tuple[Design, ...] = ("fresh", "shared", "shared, seeds alone")
TABLE = Path(__file__).parent / "worlds.csv"
COLUMNS = (
    *("kind", "world", "rows", "seeds", "errors", "worlds", "better", "worse", "baseline_won"),
    *("coverage", "mean_seeds"),
)


def many(rows: int, errors: float) -> int:
    """Return in how many worlds: where arms are equal, rates near 2 % are to be told from 2.5 %."""
    return 1_000 if errors else 10_000 if rows <= 2_000 else 4_000


def tallies(only: str) -> Iterator[tuple[dict[str, Any], Tally]]:
    kinds = [only] if only else ["sizes", "race", "looks", "macro"]
    if "sizes" in kinds:
        for name, world in WORLDS.items():
            for rows in ROWS:
                for seeds in SEEDS:
                    for errors in ERRORS:
                        key = {"kind": "sizes", "world": name, "rows": rows, "seeds": seeds}
                        found = of_sizes(world, rows, seeds, errors, many(rows, errors))
                        yield {**key, "errors": errors}, found
    if "race" in kinds:
        for name, sizes in (("classes", (20, 171, 983, 10_000)), ("absolute", (171, 983))):
            for rows, design, errors in product(sizes, DESIGNS, (0, 3)):
                worlds = 1_000 if "alone" in design else 4_000 if rows < 10_000 else 2_000
                found = of_race(
                    WORLDS[name],
                    rows,
                    validation=max(50, rows // 2),
                    design=design,
                    errors=errors,
                    worlds=worlds if errors == 0 else 400,
                )
                key = {"kind": f"race, {design}", "world": name, "rows": rows}
                yield {**key, "seeds": "6 to 24", "errors": errors}, found
    if "looks" in kinds:
        for name, (rows, seeds) in product(
            ("classes", "absolute"), ((171, 6), (171, 24), (983, 6))
        ):
            key = {"kind": "20 looks", "world": name, "rows": rows, "seeds": seeds}
            yield {**key, "errors": 0}, of_looks(WORLDS[name], rows, seeds, 20, 2_000)
    if "macro" in kinds:
        for rows, seeds, errors in product((50, 171, 983), SEEDS, ERRORS):
            key = {"kind": "macro F1", "world": "classes", "rows": rows, "seeds": seeds}
            worlds = 1_000 if errors == 0 else 300
            yield {**key, "errors": errors}, of_macro_f1(CLASSES, rows, seeds, errors, worlds)


def row_of(found: Tally) -> dict[str, Any]:
    shares = {
        column: f"{found.share(verdict):.4f}"
        for column, verdict in (
            ("better", "better"),
            ("worse", "worse"),
            ("baseline_won", "baseline"),
        )
    }
    seeds = f"{fmean(found.seeds):.1f}" if found.seeds else ""
    coverage = f"{found.coverage:.4f}" if found.intervals else ""
    return {"worlds": found.worlds, **shares, "coverage": coverage, "mean_seeds": seeds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", choices=["sizes", "race", "looks", "macro"])
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
