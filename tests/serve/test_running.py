"""The page about running the service and its example files, as far as they can be tested."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import pytest

from tuner.commands.serve import parser

RUNNING = Path(__file__).parents[2] / "src" / "tuner" / "serve" / "running"
PAGE = (RUNNING / "README.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", "")
TYPED = re.findall(r"(?:^|/bin/|entrypoint tuner )(tuner [a-z]+ .*)", SHELL, re.M)
UNIT = RUNNING / "tuner.service"


@pytest.mark.parametrize("line", TYPED)
def test_its_commands_are_understood(line: str) -> None:
    _, command, *arguments = shlex.split(line)
    assert import_module(f"tuner.commands.{command}").parser().parse_args(arguments) is not None


def unit() -> ConfigParser:
    found = ConfigParser(interpolation=None, strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(UNIT.read_text(encoding="utf-8"))
    return found


def test_the_unit_starts_what_there_is() -> None:
    service = unit()["Service"]
    program, command, *arguments = shlex.split(service["ExecStart"])
    assert (Path(program).name, command) == ("tuner", "serve")
    parsed = parser().parse_args(arguments)
    state = f"/var/lib/{service['StateDirectory']}"
    assert parsed.home.is_relative_to(state), "it can write nowhere else"
    assert service["WorkingDirectory"] == state
    assert service["KillMode"] == "mixed", "the service itself asks its studies to stop"


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd on this machine")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/tuner/bin/tuner", "/bin/true")
    copy = tmp_path / "tuner.service"
    copy.write_text(text.replace("User=tuner", "User=root").replace("Group=tuner", "Group=root"))
    ended = subprocess.run(
        [analyze, "verify", str(copy)], capture_output=True, text=True, check=False
    )
    said = [line for line in ended.stderr.splitlines() if "tuner.service" in line]
    assert said == []


def steps() -> list[tuple[str, str]]:
    """Return the steps of the Containerfile."""
    text = (RUNNING / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_container_copies_and_starts_what_there_is() -> None:
    root = RUNNING.parents[3]
    for word, rest in steps():
        if word == "COPY":
            *sources, _ = rest.split()
            assert all((root / one).exists() for one in sources), rest
        if word == "ENTRYPOINT":
            program, command, *arguments = [str(one) for one in json.loads(rest)]
            assert (program, command) == ("tuner", "serve")
            parsed = parser().parse_args(arguments)
            assert parsed.port == int(dict(steps())["EXPOSE"])
    words = [word for word, _ in steps()]
    assert words[0] == "FROM"
    assert words.index("USER") < words.index("VOLUME"), "the volume is the user's"
    assert "USER" in words
    assert "root" not in dict(steps())["USER"]
    extras = re.search(
        r"\[([a-z0-9,]+)\]", " ".join(rest for word, rest in steps() if word == "RUN")
    )
    assert extras is not None
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"^{one} = \[", project, re.M) for one in extras[1].split(","))
