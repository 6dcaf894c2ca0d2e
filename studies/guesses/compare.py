"""Compare guesses with baselines and with draws at random, and a portfolio with draws of the prior.

    python studies/guesses/compare.py studies/guesses/trained.csv

Only data sets of which all configurations were trained are compared. What is chosen is chosen by
`search`; what is printed is the `truth` of it, on two other folds.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from statistics import fmean

DRAWS, RANDOM = 4, 6  # as `measure.py` trains them
REGRESSIONS = ("diabetes", "california")
PICTURES = ("digits-pictures", "flowers-drawn-pictures", "flowers-a", "flowers-b")
Scores = tuple[float, float]  # in the search, and the truth; more is better
WORST = (-1e9, -1e9)


def read(path: Path) -> dict[str, dict[tuple[str, int], Scores]]:
    """Return the scores of each data set's configurations; those of a regression negated."""
    found: dict[str, dict[tuple[str, int], Scores]] = defaultdict(dict)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sign = -1 if row["data"] in REGRESSIONS else 1
            known = row["search"] != ""
            scores = (sign * float(row["search"]), sign * float(row["truth"])) if known else WORST
            found[row["data"]][row["kind"], int(row["number"])] = scores
    return {name: one for name, one in found.items() if len(one) == 3 + DRAWS + RANDOM}


def chosen(scores: list[Scores]) -> float:
    """Return the truth of what the search scores highest; of equal ones, the mean."""
    best = max(search for search, _ in scores)
    return fmean(truth for search, truth in scores if search == best)


def of_random(one: dict[tuple[str, int], Scores], count: int, first: list[Scores]) -> float:
    """Return the mean truth over all ways to draw so many at random after the first ones."""
    drawn = [one["random", number] for number in range(RANDOM)]
    return fmean(chosen([*first, *some]) for some in combinations(drawn, count))


def rows_of(found: dict[str, dict[tuple[str, int], Scores]]) -> list[list[str]]:
    """Return a row a data set: what is trained alone, and what is chosen at equal trials."""
    rows = []
    for name, one in found.items():
        arms = [one["baseline", 0], one["recipe", 0]]
        guess, draws = one["guess", 0], [one["draw", number] for number in range(DRAWS)]
        sign = -1 if name in REGRESSIONS else 1
        values = (
            *(truth for _, truth in (*arms, guess)),
            of_random(one, 1, arms),
            chosen([*arms, guess]),
            of_random(one, 1 + DRAWS, arms),
            chosen([*arms, guess, *draws]),
        )
        rows.append([name, *(f"{sign * value:.3f}" for value in values)])
    return rows


def portfolio(found: dict[str, dict[tuple[str, int], Scores]], count: int) -> list[list[str]]:
    """Leave one data set out: draws chosen greedily on the others of its kind, against any draws.

    A draw of the prior is the same draw on all data sets, scaled to each.
    """
    rows = []
    for kind in (PICTURES, tuple(name for name in found if name not in PICTURES)):
        known = [name for name in kind if name in found]
        for left_out in known:
            others = [found[name] for name in known if name != left_out]
            if not others:
                continue
            picked: list[int] = []
            while len(picked) < count:
                rest = [number for number in range(DRAWS) if number not in picked]
                picked.append(max(rest, key=lambda one: _worth(others, [*picked, one])))
            one = found[left_out]
            guess = one["guess", 0]
            mine = chosen([guess, *(one["draw", number] for number in picked)])
            any_of_them = fmean(
                chosen([guess, *(one["draw", number] for number in some)])
                for some in combinations(range(DRAWS), count)
            )
            spread = _spread(one)
            rows.append([left_out, str(picked), f"{(mine - any_of_them) / spread:+.2f}"])
    return rows


def _worth(data: list[dict[tuple[str, int], Scores]], numbers: list[int]) -> float:
    """Return how good the best of some draws and the guess is, each data set in its own spread."""
    return fmean(
        max(one["guess", 0][1], *(one["draw", number][1] for number in numbers)) / _spread(one)
        for one in data
    )


def _spread(one: dict[tuple[str, int], Scores]) -> float:
    """Return how far the truths of a data set's guess and draws lie apart."""
    truths = [one["guess", 0][1], *(one["draw", number][1] for number in range(DRAWS))]
    return max(max(truths) - min(truths), 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path)
    found = read(parser.parse_args().trained)
    header = [
        "data",
        "baseline",
        "recipe",
        "guess",
        "3: random",
        "3: guess",
        "7: random",
        "7: guesses",
    ]
    for row in [header, *rows_of(found)]:
        print(" | ".join(row))
    for row in [["left out", "portfolio", "better by"], *portfolio(found, 2)]:
        print(" | ".join(row))


if __name__ == "__main__":
    main()
