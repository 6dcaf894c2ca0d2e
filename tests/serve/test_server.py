"""The command itself: started, called over a socket, killed, started again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.serve.making import served
from tests.waiting import SECONDS_TO_HANG, wait_until
from tuner.commands.serve import main
from tuner.commands.token import main as token_main
from tuner.errors import UsageError
from tuner.machine import is_this_machine

CHILD = "tuner.serve.jobs.child"
STUDY = {"case": "tiny", "trials": 12, "seeds": 2}


@pytest.mark.slow
def test_the_web_process_starts_without_torch() -> None:
    code = "import sys, tuner.commands.serve, tuner.serve.app; print('torch' in sys.modules)"
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.slow
def test_a_watcher_does_not_hold_its_end(tmp_path: Path) -> None:
    with served(tmp_path / "home") as (process, client):
        assert client.post("/api/v1/studies", json=STUDY).status_code == 201
        with client.stream("GET", "/api/v1/studies/tiny/events") as watched:
            lines = watched.iter_lines()  # kept: without it the connection would be closed
            assert next(lines).startswith("id: ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS_TO_HANG) == 0
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()


@pytest.mark.slow
def test_no_password_is_in_a_list_of_processes(tmp_path: Path) -> None:
    if not Path("/proc").is_dir():
        pytest.skip("no /proc on this system")
    with served(tmp_path / "home") as (process, client):
        client.post("/api/v1/studies", json=STUDY)
        service = psutil.Process(process.pid)

        def study_process() -> list[list[str]]:
            return [words for one in service.children() if CHILD in (words := words_of(one))]

        for words in wait_until(study_process):
            assert not any("sqlite" in word for word in words)


def words_of(process: psutil.Process) -> list[str]:
    """Return the words of a process's command line; empty if it has ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("example.org", False),
    ],
)
def test_it_knows_which_addresses_are_this_machine_alone(host: str, alone: bool) -> None:
    assert is_this_machine(host) == alone


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "192.0.2.1"], "by --host 192.0.2.1, so the service does not start without a"),
        (["--allow-host", "x.example"], "by --allow-host x.example, so the service does not start"),
        (["--host", "0.0.0.0"], "say under which names"),
        (["--cases", "nowhere"], "is not a folder"),
    ],
)
def test_it_does_not_start_where_it_would_be_open(
    tmp_path: Path, options: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        main(["--home", str(tmp_path / "home"), "--port", "0", *options])


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(UsageError, match=f"nothing can listen on 127.0.0.1, port {port}"):
            main(["--home", str(tmp_path / "home"), "--port", port])


LIMITS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[1])))
from tuner.serve.web.connections import most_connections
print(most_connections(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("hard", "told"), [(4096, "1000 4096"), (400, "100 400")])
def test_it_asks_for_more_open_files_and_takes_fewer_connections_than_that(
    hard: int, told: str
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such limit")
    words = [sys.executable, "-c", LIMITS, str(hard)]
    assert subprocess.check_output(words, text=True).strip() == told


def test_tokens_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(tmp_path / "home")]
    assert token_main(["create", "ann", "--role", "admin", "--days", "9", *home]) == 0
    assert capsys.readouterr().out.startswith("tuner_")
    assert token_main(["list", *home]) == 0
    assert "ann" in capsys.readouterr().out
    assert token_main(["revoke", "ann", *home]) == 0
    capsys.readouterr()
    assert token_main(["list", *home]) == 0
    assert capsys.readouterr().out.startswith("There are no tokens, so only this machine can")
    with pytest.raises(UsageError, match="no token 'ann'"):
        token_main(["revoke", "ann", *home])
