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
Cells = dict[tuple[str, str, str, str], dict[int, Row]]  # kind, world, rows, models; errors


def percent(*shares: float | str) -> str:
    """Write shares as percentages; the largest of several comes last."""
    return " to ".join(f"{100 * float(one):.1f} %" for one in shares)


def markdown(heads: list[str], lines: list[list[str]]) -> str:
    rules = ["---" if number == 0 else "---:" for number in range(len(heads))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rules, *lines)) + "\n"


def power(cell: dict[int, Row]) -> list[str]:
    return [percent(cell[errors]["better"]) if errors in cell else "-" for errors in (2, 3)]


def least_coverage(cell: dict[int, Row]) -> float:
    """The least where there is a gain; 1 where none was made."""
    return min((float(row["coverage"]) for errors, row in cell.items() if errors), default=1.0)


def of_kinds(cells: Cells, *kinds: str) -> Cells:
    """The cells of these kinds whose equal arms were made."""
    return {key: cell for key, cell in cells.items() if key[0] in kinds and 0 in cell}


def worst(cells: Cells) -> str:
    """Over all numbers of test rows, the worst of each column."""
    groups: dict[str, list[dict[int, Row]]] = defaultdict(list)
    for (_, world, _, _), cell in of_kinds(cells, "sizes").items():
        groups[world].append(cell)
    lines = [
        [
            world,
            percent(max(float(cell[0]["better"]) for cell in group)),
            percent(max(float(cell[0]["worse"]) for cell in group)),
            percent(min(float(cell[0]["coverage"]) for cell in group)),
            percent(min(map(least_coverage, group))),
        ]
        for world, group in groups.items()
    ]
    heads = ["world", "better, most", "worse, most", "coverage, least", "with a gain"]
    return markdown(heads, lines)


def sizes(cells: Cells, *kinds: str) -> str:
    lines = [
        [
            world,
            f"{int(rows):,}",
            models.replace(", ", " and "),
            percent(cell[0]["better"]),
            percent(cell[0]["worse"]),
            percent(cell[0]["coverage"]),
            percent(least_coverage(cell)) if len(cell) > 1 else "-",
            *power(cell),
            " and ".join(cell[errors]["mean_models"] for errors in (0, 3) if errors in cell),
        ]
        for (_, world, rows, models), cell in of_kinds(cells, *kinds).items()
    ]
    heads = ["world", "rows", "models", "better", "worse", "coverage", "with a gain"]
    return markdown([*heads, "power at 2", "at 3", "models met, equal and at 3"], lines)


def looks(cells: Cells) -> str:
    lines = [
        [world, rows, *(percent(cell[0][name]) for name in ("better", "worse", "coverage"))]
        for (kind, world, rows, _), cell in cells.items()
        if kind == "20 tests"
    ]
    heads = ["world", "rows", "any of 20 better", "any worse", "coverage of one"]
    return markdown(heads, lines)


def main() -> None:
    cells: Cells = defaultdict(dict)
    with (HERE / "worlds.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["kind"], row["world"], row["rows"], row["models"]
            cells[key][int(row["errors"])] = row
    tables = [
        ("Two looks, the worst over the numbers of test rows", worst(cells)),
        ("Two looks, by test rows", sizes(cells, "sizes")),
        ("One look, as `--seeds` has it", sizes(cells, "one look")),
        ("With the race in front", sizes(cells, "race")),
        ("Macro F1 over five unequal classes", sizes(cells, "macro F1")),
        ("Twenty tests of one test set", looks(cells)),
    ]
    text = "\n".join(f"### {title}\n\n{table}" for title, table in tables)
    page = HERE / "README.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}\n\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
