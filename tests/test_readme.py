"""The README's statements, tested."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shlex
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from PIL import Image

from tests.commands.test_commands import COMMANDS
from tuner.case.metric import metric_named
from tuner.case.reference import door_of
from tuner.report.wording import mean_and_std, means_and_stds

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shell_of(text: str) -> str:
    """Return the commands to type."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


SHELL = shell_of(README)
EVERYWHERE = "\n".join(shell_of(page.read_text(encoding="utf-8")) for page in PAGES)
TYPED = [line.partition("#")[0] for line in SHELL.splitlines() if line.startswith("tuner ")]
SHOWN = {line.partition("#")[0] for line in EVERYWHERE.splitlines() if line.startswith("tuner ")}


def test_the_readme_shows_every_command() -> None:
    assert {shlex.split(line)[1] for line in TYPED} == set(COMMANDS)


@pytest.mark.parametrize("line", sorted(SHOWN))
def test_the_readmes_commands_are_understood(line: str) -> None:
    _, command, *arguments = shlex.split(line)
    door = door_of(arguments[0]) if command == "study" else None
    given = {"door": door} if door else {}
    parser = import_module(f"tuner.commands.{command}").parser(**given)
    parsed = parser.parse_args(arguments[1:] if door else arguments)
    assert parsed is not None


def test_its_first_line_runs_the_main_job() -> None:
    first = SHELL.splitlines()[0]
    *_, study = first.split(" && ")
    assert study.startswith(".venv/bin/python -m tuner.study ")
    arguments = shlex.split(study)[3:]
    assert import_module("tuner.commands.study").parser().parse_args(arguments).trials == 50


def test_continuous_integration_runs_its_test_line() -> None:
    pattern = re.search(r"grep -m1 -E '(.*?)' README.md", (ROOT / ".ci" / "run").read_text())
    assert pattern is not None
    lines = [line for line in README.splitlines() if re.search(pattern[1], line)]
    assert lines == [
        "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest"
    ]


def test_every_link_leads_somewhere() -> None:
    """Also those of the studies and of the code's own pages: modules and headings may move."""
    pages = {
        page for folder in ("docs", "src", "studies") for page in (ROOT / folder).rglob("*.md")
    }
    pages |= {*PAGES, ROOT / "storage" / "README.md"}
    links = [
        (page.relative_to(ROOT).as_posix(), link)
        for page in sorted(pages)
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert len({page for page, _ in links}) > len(PAGES)
    assert [one for one in links if not leads_somewhere(*one)] == []


def leads_somewhere(page: str, link: str) -> bool:
    """Whether the target of a page's link exists: a file, and its heading if one is named."""
    name, _, heading = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    if not heading or target.suffix != ".md":
        return target.exists()
    return target.exists() and heading in headings(target)


def headings(page: Path) -> set[str]:
    """Return headings as GitHub names them: lower case, hyphens for spaces, no punctuation."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}


def test_every_page_is_linked_from_the_readme() -> None:
    assert [page.name for page in PAGES[1:] if f"](docs/{page.name})" not in README] == []


@pytest.mark.parametrize("case", ["housing", "flowers", "mnist"])
def test_its_results_are_those_of_the_reports(case: str) -> None:
    facts = _report(case)
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{case}`, ")]
    metric, arms = facts["metric"]["name"], facts["arms"]
    cells = [cell.strip() for cell in row.split("|")[2:5]]
    tested = [arms[arm]["test"][metric] for arm in ("baseline", "recipe", "best")]
    assert cells == means_and_stds(metric_named(metric), tested)
    seeds = {len(arm["test"][metric]["values"]) for arm in arms.values()}
    assert {int(row.split("|")[5])} == seeds
    joint = arms["best"].get("ensemble")  # missing in studies older than ensembles
    summary = joint and {"mean": joint["scores"][metric], "std": None}
    told = mean_and_std(metric_named(metric), summary) if summary else "not known"
    assert row.split("|")[6].strip() == told


def test_what_it_says_of_a_table_is_in_the_report() -> None:
    facts = _report("california_housing")
    models = {**facts["arms"], **facts["rivals"]}
    dollars = {
        name: round(one["test"]["mae"]["mean"] * facts["data"]["target"]["std"])
        for name, one in models.items()
    }
    text = " ".join(README.split())
    assert f"{dollars['best']} dollars for the best network" in text
    assert f"{dollars['boosting']} for gradient boosting and {dollars['linear']} for" in text
    assert facts["rivals"]["boosting"]["against_best"]["verdict"] == "no proven gain"
    beside = (ROOT / "studies" / "california_housing" / "README.md").read_text(encoding="utf-8")
    for number in dollars.values():
        assert f"| {number} |" in beside


def test_what_it_prints_is_what_the_report_says() -> None:
    """Each sentence of the shortened output, up to where it was cut off."""
    (printed,) = re.findall(r"```text\n(Study 'housing'.*?)```", README, re.DOTALL)
    report = (ROOT / "studies" / "housing" / "report.md").read_text(encoding="utf-8")
    told = " ".join(report.replace("*", "").split())
    parts = [" ".join(part.split()) for part in re.split(r"\.\.\.|\n\n|\n(?=Score)", printed)]
    said = [part for part in parts if part.startswith(("Better:", "How sure:"))]
    assert len(said) == 2
    assert [part for part in said if part not in told] == []


def test_its_times_are_those_of_the_reports() -> None:
    """Search and confirmation, plus at most 12 seconds to start and to write the report."""
    said = re.findall(r"(\d+) (second|minute)s on `(\w+)`", README)
    assert {case for _, _, case in said} == {"housing", "flowers", "mnist"}
    for number, unit, case in said:
        whole = int(number) * {"second": 1, "minute": 60}[unit]
        parts = _report(case)["wall_seconds"]
        trained = parts["search"] + parts["confirmation"]
        assert 0.95 * trained < whole < 1.12 * trained + 12


def test_speeds_are_those_of_the_races() -> None:
    with (ROOT / "studies" / "speed" / "race.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["trials"] == "50"]

    took = {(r["case"], r["side"], int(r["seed"])): float(r["seconds"]) for r in rows}

    def ratio(case: str, seeds: range) -> float:
        """Return the time of plain Optuna over that of tuner: the median over races."""
        return median(took[case, "plain", seed] / took[case, "tuner", seed] for seed in seeds)

    before, now = range(1, 2), range(11, 14)
    text = " ".join((ROOT / "docs" / "search.md").read_text(encoding="utf-8").split())
    assert f"it was {ratio('mnist', before):.1f} times faster" in text
    assert "On `housing` they take about as long as plain Optuna's" in text
    assert ratio("housing", now) == pytest.approx(1, abs=0.2)
    assert "On `flowers` they are five times *slower*" in text
    assert 1 / ratio("flowers", now) == pytest.approx(5, rel=0.1)


def _report(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (ROOT / "studies" / case / "report.json").read_text(encoding="utf-8")
    )
    return found


@pytest.mark.parametrize(
    ("picture", "source", "end"),
    [("flowers/page.png", "report.md", "\n- "), ("housing/dashboard.png", "trials.csv", None)],
)
def test_its_pictures_show_the_studies_beside_them(
    picture: str, source: str, end: str | None
) -> None:
    path = ROOT / "studies" / picture
    text = (path.parent / source).read_text("utf-8")
    shown = text.partition(end)[0] if end else text
    with Image.open(path) as opened:
        told = opened.info["shown"]
    assert told == hashlib.sha256(shown.encode()).hexdigest(), (
        "take it again with studies/serve/pictures_of_readme.py"
    )
