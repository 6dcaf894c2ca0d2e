"""Write the tables of README.md from worlds.csv.

python studies/verdict/table.py
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
START, END = "<!-- tables: begin -->", "<!-- tables: end -->"
Row = dict[str, str]
Cells = dict[tuple[str, str, str, str], dict[int, Row]]  # kind, world, rows, seeds; then the errors


def percent(*shares: float | str) -> str:
    """Write shares as percentages; the largest of several comes last."""
    return " to ".join(f"{100 * float(one):.1f} %" for one in shares)


def markdown(heads: list[str], lines: list[list[str]]) -> str:
    rules = ["---" if number == 0 else "---:" for number in range(len(heads))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rules, *lines)) + "\n"


def power(cell: dict[int, Row]) -> list[str]:
    return [percent(cell[errors]["better"]) for errors in (1, 2, 3)]


def least_coverage(cell: dict[int, Row]) -> float:
    return min(float(row["coverage"]) for row in cell.values())


def worst(cells: Cells) -> str:
    """Over all numbers of test rows, the worst of each column."""
    groups: dict[tuple[str, str], list[dict[int, Row]]] = defaultdict(list)
    for (kind, world, _, seeds), cell in cells.items():
        if kind == "sizes":
            groups[world, seeds].append(cell)
    lines = [
        [
            world,
            seeds,
            percent(max(float(cell[0]["better"]) for cell in group)),
            percent(max(float(cell[0]["worse"]) for cell in group)),
            percent(min(float(cell[0]["coverage"]) for cell in group)),
            percent(min(map(least_coverage, group))),
        ]
        for (world, seeds), group in groups.items()
    ]
    heads = ["world", "seeds", "better, most", "worse, most", "coverage, least", "with a gain"]
    return markdown(heads, lines)


def sizes(cells: Cells, kind: str, worlds: tuple[str, ...]) -> str:
    lines = [
        [
            world,
            f"{int(rows):,}",
            seeds,
            percent(cell[0]["better"]),
            percent(cell[0]["worse"]),
            percent(cell[0]["coverage"]),
            percent(least_coverage(cell)),
            *power(cell),
        ]
        for (found, world, rows, seeds), cell in cells.items()
        if found == kind and world in worlds
    ]
    heads = ["world", "rows", "seeds", "better", "worse", "coverage", "with a gain"]
    return markdown([*heads, "power at 1", "at 2", "at 3"], lines)


def races(cells: Cells) -> str:
    lines = [
        [
            f"{world}: {kind.removeprefix('race, ')}",
            f"{int(rows):,}",
            percent(cell[0]["better"]),
            percent(cell[0]["worse"]),
            percent(cell[0]["coverage"]),
            percent(cell[3]["better"]),
            percent(cell[3]["coverage"]),
            " and ".join(cell[errors]["mean_seeds"] for errors in (0, 3)),
        ]
        for (kind, world, rows, _), cell in cells.items()
        if kind.startswith("race")
    ]
    heads = ["world: models tested", "rows", "better", "worse", "coverage", "power at 3"]
    return markdown([*heads, "coverage at 3", "seeds, equal and at 3"], lines)


def looks(cells: Cells) -> str:
    lines = [
        [world, rows, seeds, *(percent(cell[0][name]) for name in ("better", "worse", "coverage"))]
        for (kind, world, rows, seeds), cell in cells.items()
        if kind == "20 looks"
    ]
    heads = ["world", "rows", "seeds", "any of 20 better", "any worse", "coverage of one"]
    return markdown(heads, lines)


def main() -> None:
    cells: Cells = defaultdict(dict)
    with (HERE / "worlds.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["kind"], row["world"], row["rows"], row["seeds"]
            cells[key][int(row["errors"])] = row
    tables = [
        ("Two arms, the worst over 20 to 10,000 test rows", worst(cells)),
        ("Two arms, by test rows", sizes(cells, "sizes", ("classes", "absolute"))),
        ("With the race in front", races(cells)),
        ("Twenty looks at one test set", looks(cells)),
        ("Macro F1 over five unequal classes", sizes(cells, "macro F1", ("classes",))),
    ]
    text = "\n".join(f"### {title}\n\n{table}" for title, table in tables)
    page = HERE / "README.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}\n\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
