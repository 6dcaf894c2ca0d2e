"""Compare guesses with baselines and with draws at random, and a portfolio with draws of the prior.

    python studies/guesses/compare.py studies/guesses/trained.csv

Only data sets of which all configurations were trained are compared. What is chosen is chosen by
the mean of two folds, as a search would; what is printed is its mean on the two others, over all
ways to part the four.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from measure import DRAWS, RANDOM, SCORES

from data import FOLDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DRAWN = 4  # that a search tries after the guess
PICKED = 2, 4  # sizes of portfolios
PAIRS = (
    ("3: guess", "3: random"),
    ("7: guess, random", "7: random"),
    ("7: guesses", "7: guess, random"),
)
REGRESSIONS = "diabetes", "california"
TABLES = "wine", "breast_cancer", "diabetes", "digits", "california"
WORST = (-1e9,) * FOLDS  # diverged

Scores = tuple[float, ...]  # a fold each; more is better
Found = dict[tuple[str, int], Scores]


@dataclass(frozen=True)
class Parting:
    """Two folds that choose, and two that say what the chosen is worth."""

    choosing: tuple[int, ...]

    def search(self, scores: Scores) -> float:
        return fmean(scores[fold] for fold in self.choosing)

    def truth(self, scores: Scores) -> float:
        return fmean(scores[fold] for fold in range(FOLDS) if fold not in self.choosing)

    def chosen(self, candidates: Iterable[Scores]) -> float:
        """Return the truth of what scores highest; of equal ones, the mean."""
        known = list(candidates)
        best = max(map(self.search, known))
        return fmean(self.truth(one) for one in known if self.search(one) == best)


PARTINGS = [Parting(two) for two in combinations(range(FOLDS), 2)]


def read(path: Path) -> dict[str, Found]:
    """Return the scores of each data set's configurations; those of a regression negated."""
    found: dict[str, Found] = defaultdict(dict)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sign = -1 if row["data"] in REGRESSIONS else 1
            folds = [row[name] for name in SCORES]
            scores = tuple(sign * float(one) for one in folds) if folds[0] else WORST
            found[row["data"]][row["kind"], int(row["number"])] = scores
    return {name: one for name, one in found.items() if len(one) == 3 + DRAWS + RANDOM}


def of_some(first: Sequence[Scores], others: Sequence[Scores], count: int) -> float:
    """Return the mean truth over all ways to try so many others after the first ones."""
    return fmean(
        parting.chosen([*first, *some])
        for parting in PARTINGS
        for some in combinations(others, count)
    )


def at_equal_trials(one: Found) -> dict[str, float]:
    """Return what is trained alone, and what is chosen of as many trials."""
    given = [one["baseline", 0], one["recipe", 0]]
    guess = one["guess", 0]
    at_random = [one["random", number] for number in range(RANDOM)]
    draws = [one["draw", number] for number in range(DRAWS)]
    return {
        "baseline": fmean(given[0]),
        "recipe": fmean(given[1]),
        "guess": fmean(guess),
        "3: random": of_some(given, at_random, 1),
        "3: guess": of_some([*given, guess], [], 0),
        "7: random": of_some(given, at_random, 1 + DRAWN),
        "7: guess, random": of_some([*given, guess], at_random, DRAWN),
        "7: guesses": of_some([*given, guess], draws, DRAWN),
    }


def spread(one: Found) -> float:
    """Return the standard deviation of the space: of configurations drawn from it at random."""
    return stdev(fmean(one["random", number]) for number in range(RANDOM))


def portfolio(left_out: str, found: Mapping[str, Found], count: int) -> tuple[list[int], float]:
    """Pick draws greedily on all data sets but one; return them, and their gain over any draws.

    A draw of the prior is the same draw on all data sets, scaled to each.
    """
    others = [one for name, one in found.items() if name != left_out]
    picked: list[int] = []
    while len(picked) < count:
        rest = [number for number in range(DRAWS) if number not in picked]
        picked.append(max(rest, key=lambda number: _worth(others, [*picked, number])))
    one = found[left_out]
    draws = [one["draw", number] for number in range(DRAWS)]
    mine = of_some([one["guess", 0], *(draws[number] for number in picked)], [], 0)
    return picked, (mine - of_some([one["guess", 0]], draws, count)) / spread(one)


def _worth(data: Iterable[Found], numbers: Sequence[int]) -> float:
    """Return how good the best of some draws and the guess is, each data set in its own spread."""
    return fmean(
        max(fmean(one[key]) for key in (("guess", 0), *(("draw", number) for number in numbers)))
        / spread(one)
        for one in data
    )


def _print(cells: Iterable[str]) -> None:
    print("|", " | ".join(cells), "|")


def _mean(gains: Sequence[float]) -> str:
    return f"{fmean(gains):+.2f} ± {stdev(gains) / math.sqrt(len(gains)):.2f}"


def print_trials(found: Mapping[str, Found]) -> None:
    rows = {name: at_equal_trials(one) for name, one in found.items()}
    for place, (name, row) in enumerate(rows.items()):
        if not place:
            _print(["data", *row])
        sign = -1 if name in REGRESSIONS else 1
        _print([name, *(f"{sign * value:.3f}" for value in row.values())])
    for kind, names in kinds(found).items():
        for new, old in PAIRS:
            gains = [(rows[one][new] - rows[one][old]) / spread(found[one]) for one in names]
            print(f"{kind}, {new} against {old}: {_mean(gains)} of the space's spread")


def kinds(found: Mapping[str, Found]) -> dict[str, list[str]]:
    return {
        kind: names
        for kind, names in (
            ("pictures", [name for name in found if name not in TABLES]),
            ("tables", [name for name in found if name in TABLES]),
        )
        if len(names) > 1
    }


def print_portfolios(found: Mapping[str, Found]) -> None:
    for kind, names in kinds(found).items():
        known = {name: found[name] for name in names}
        for count in PICKED:
            picked = {name: portfolio(name, known, count) for name in names}
            for name, (numbers, gain) in picked.items():
                _print([name, ", ".join(map(str, numbers)), f"{gain:+.2f}"])
            gains = [gain for _, gain in picked.values()]
            print(f"{kind}, portfolio of {count} against any {count} draws: {_mean(gains)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path)
    found = read(parser.parse_args().trained)
    print_trials(found)
    print_portfolios(found)


if __name__ == "__main__":
    main()
