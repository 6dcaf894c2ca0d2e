"""A service for tests: a real database, with studies of the tiny case."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import uvicorn
from PIL import Image
from starlette.testclient import TestClient

from tests.making import TINY
from tests.waiting import SECONDS_TO_HANG, wait_until
from tuner.serve.app import application
from tuner.serve.service import Service
from tuner.serve.web.connections import MOST_CONNECTIONS, configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.workplace import Workplace

HOST = "http://localhost:8080"


def make_service(workplace: Workplace, *, loopback: bool = True) -> Service:
    """Return a service whose jobs wait: without its application, nothing runs them."""
    return Service.at(
        workplace,
        hosts=frozenset({"localhost", "127.0.0.1"}),
        loopback=loopback,
        cases=Path(TINY).parent,
        workers=1,
    )


def client_of(service: Service, token: str = "") -> TestClient:
    """Return a client of a service, as for a program."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    made = TestClient(
        application(service), HOST, follow_redirects=False, raise_server_exceptions=True
    )
    made.headers.update(headers)
    return made


def form_key(client: TestClient, path: str) -> str:
    """Return the key in the forms of a page."""
    found = re.search(r'name="form_key" value="([0-9a-f]+)"', client.get(path).text)
    assert found is not None, f"no form on {path}"
    return found[1]


@contextmanager
def listening(service: Service, most: int = MOST_CONNECTIONS) -> Iterator[str]:
    """Run a service on a socket; its jobs wait, because nothing runs them.

    Args:
        most: connections at once.
    """
    options = {"port": 0, "lifespan": "off", "log_level": "error"}
    server = uvicorn.Server(configuration(application(service), most, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def served(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    words = ["--port", "0", "--home", str(home), "--cases", str(Path(TINY).parent), *options]
    with subprocess.Popen(
        [sys.executable, "-m", "tuner.serve", "--workers", "1", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert found, line + process.stdout.read()
            with httpx.Client(base_url=found[0], timeout=SECONDS_TO_HANG) as client:
                yield process, client
        finally:
            process.kill()


def until_done(client: httpx.Client, study: str = "tiny") -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/api/v1/studies/{study}").json()
        return None if found["job"]["state"] in {"queued", "running"} else found

    found = wait_until(ended)
    assert found
    return found


TABLE = "size,town,price\n" + "".join(
    f"{n % 37 + n % 7 / 10},{'ab'[n % 2]},{3 * (n % 37) + n % 5 + 0.5}\n" for n in range(120)
)


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 10, 10)).save(made, "PNG")
    return made.getvalue()


PICTURE = picture()
