"""S3 for tests: moto's server over HTTP, and a proxy that can interrupt an upload."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

SECRET = "wJalrXUtnFEMI-of-the-tests"
BUCKET = "models"


@contextmanager
def s3_server() -> Iterator[str]:
    """Yield the URL of a server that ends afterwards."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def settings(endpoint: str) -> dict[str, str]:
    """Return the environment variables that a user sets for AWS's tools."""
    return {
        "AWS_ACCESS_KEY_ID": "AKIATESTS",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def use(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set these variables, and create the bucket."""
    import s3fs

    for name, value in settings(endpoint).items():
        monkeypatch.setenv(name, value)
    files = s3fs.S3FileSystem(anon=False, skip_instance_cache=True)
    files.call_s3("create_bucket", Bucket=BUCKET)


@contextmanager
def wire_that_kills(server: str, after: int) -> Iterator[tuple[str, list[int]]]:
    """A proxy to a server that kills a process in the middle of an upload.

    Args:
        after: number of bytes to pass on first.

    Yields:
        Its URL, and a list for the id of the process.
    """
    host, _, port = server.removeprefix("http://").partition(":")
    listening = socket.create_server(("127.0.0.1", 0))
    victims: list[int] = []
    sent = [0]

    def pump(source: socket.socket, target: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(2**16):
                sent[0] += len(chunk) if counts else 0
                if sent[0] > after and victims:
                    with suppress(ProcessLookupError):
                        os.kill(victims[0], signal.SIGKILL)
                    break
                target.sendall(chunk)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    opened: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                there = socket.create_connection((host, int(port)))
                opened.extend((client, there))
                for one in ((client, there, True), (there, client, False)):
                    threading.Thread(target=pump, args=one, daemon=True).start()

    waiting = threading.Thread(target=accept, daemon=True)
    waiting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", victims
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        waiting.join()
        for one in opened:
            one.close()
