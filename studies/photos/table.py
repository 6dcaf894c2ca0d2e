"""Print the tables of what `measure.py` and `confirm.py` have trained.

python studies/photos/table.py studies/photos/trained.csv studies/photos/confirmed.csv
"""

from __future__ import annotations

import argparse
import csv
from ast import literal_eval
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from measure import SCREENED

VIEW = "mirror, closer 1.3"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path)
    parser.add_argument("confirmed", type=Path)
    arguments = parser.parse_args()
    with arguments.trained.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    screen([row for row in rows if row["part"] == "screen"])
    views(rows)
    paired([row for row in rows if row["part"] == "paired"])
    with arguments.confirmed.open(encoding="utf-8") as file:
        confirmed(list(csv.DictReader(file)))


def screen(rows: list[dict[str, Any]]) -> None:
    """Fit the mean of each set and the effect of each change, by least squares."""
    places = sorted({row["set"] for row in rows})
    columns = [[float(row["set"] == place) for row in rows] for place in places]
    for change in SCREENED.values():
        recipes = [literal_eval(row["recipe"]) for row in rows]
        columns.append([float(all(one.get(k) == v for k, v in change.items())) for one in recipes])
    design = np.array(columns).T
    print(f"\nscreen: {len(rows)} trainings; effect in points, and its standard error")
    for view in ("mirror", VIEW):
        scores = np.array([literal_eval(row["scores"])[view] for row in rows])
        found, _, rank, _ = np.linalg.lstsq(design, scores)
        left = scores - design @ found
        variance = (left**2).sum() / (len(rows) - rank)
        errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
        print(f"seen by: {view}")
        for name, effect, error in zip(
            SCREENED, found[len(places) :], errors[len(places) :], strict=True
        ):
            print(f"  {name:26} {effect:+.1f} ± {error:.1f}")


def views(rows: list[dict[str, Any]]) -> None:
    """What is gained by ways of use, over all trainings, against a photo and its mirror image."""
    print("\nways of use, against a photo and its mirror image")
    gains = defaultdict(list)
    for row in rows:
        scores = literal_eval(row["scores"])
        for view, score in scores.items():
            gains[view].append(score - scores["mirror"])
    for view, some in gains.items():
        print(f"  {view:26} {_written(some)}")


def paired(rows: list[dict[str, Any]]) -> None:
    """Differences to the reference on the same sets and seeds."""
    known: dict[str, dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        known[row["name"]][row["set"], row["seed"]] = row
    reference = known["reference"]
    print("\npaired with the reference")
    for name, own in known.items():
        both = sorted(own.keys() & reference.keys())
        seconds = [float(own[k]["seconds"]) / float(reference[k]["seconds"]) for k in both]
        texts = [
            _written([_score(own[k], view) - _score(reference[k], view) for k in both])
            for view in ("mirror", VIEW)
        ]
        print(f"  {name:20} {' | '.join(texts)} | {np.mean(seconds):.2f} of the time")


def _score(row: dict[str, Any], view: str) -> float:
    return float(literal_eval(row["scores"])[view])


def confirmed(rows: list[dict[str, Any]]) -> None:
    """Each arm against those before and after the changes, on the same sets and seeds."""
    known: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for row in rows:
        known[row["arm"]][row["set"], row["seed"]] = float(row["accuracy"])
    seconds = {arm: [float(row["seconds"]) for row in rows if row["arm"] == arm] for arm in known}
    print("\nby tuner itself")
    for arm, own in known.items():
        gains = [
            _written([own[k] - reference[k] for k in sorted(own.keys() & reference.keys())])
            for reference in (known["closer, both"], known.get("long", {}))
        ]
        print(f"  {arm:28} {' | '.join(gains)} | {np.mean(seconds[arm]):.0f} s of a processor")


def _written(numbers: list[float]) -> str:
    if not numbers:
        return "not paired"
    some = np.array(numbers)
    error = f"{some.std(ddof=1) / len(some) ** 0.5:.1f}" if len(some) > 1 else "-"
    return f"{some.mean():+.1f} ± {error} (n {len(some)})"


if __name__ == "__main__":
    main()
