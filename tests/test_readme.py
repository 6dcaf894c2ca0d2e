"""What the README says, tried."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from tests.commands.test_commands import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
TYPED = [line.partition("#")[0] for line in SHELL.splitlines() if line.startswith("tuner ")]


def test_the_readme_shows_every_command() -> None:
    assert {shlex.split(line)[1] for line in TYPED} == set(COMMANDS)


@pytest.mark.parametrize("line", TYPED)
def test_the_readmes_commands_are_understood(line: str) -> None:
    _, command, *arguments = shlex.split(line)
    parsed = import_module(f"tuner.commands.{command}").parser().parse_args(arguments)
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
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
