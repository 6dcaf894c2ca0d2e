"""torchvision's own downloads, from a local server or without one."""

from __future__ import annotations

import gc
import gzip
import hashlib
import socket
import struct
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import pytest
from torchvision.datasets import MNIST

from tests.data.making import make_small
from tuner.data.sources import downloading, flowers102, mnist
from tuner.data.sources.folders import Folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = [name.rsplit("/", 1)[1] for name in mnist.FILES]


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


# torchvision and urllib do not close failed responses, which may be collected at any time.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def sockets_that_others_leave() -> Iterator[None]:
    """Collect unclosed sockets here, so that they cause no warning in later tests."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with four gzipped files, served as the only mirror of MNIST."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    resources = []
    for name in NAMES:
        dimensions = 3 if "images" in name else 1
        idx = bytes([0, 0, 8, dimensions]) + struct.pack(">i", 1) * dimensions + b"\7"
        packed = gzip.compress(idx, mtime=0)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(MNIST, "resources", resources)
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_download_is_unpacked_and_says_nothing_on_a_pipe(
    mirror: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mnist.download(tmp_path / "data")
    assert all((tmp_path / "data" / name).is_file() for name in mnist.FILES)
    assert capfd.readouterr() == ("", "")
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_a_download_that_breaks_half_way_ends_in_the_stand_in(
    mirror: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    third = mirror / f"{NAMES[2]}.gz"
    third.unlink() if damage == "missing" else third.write_bytes(b"a page that asks to log in")
    own = tmp_path / "own"
    found = Folders(own=own).find(mnist.FILES, mnist.read, mnist.download, make_small)
    assert found.name == "small"
    assert list(own.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert socket.getdefaulttimeout() is None


def test_without_a_network_both_data_sets_fail_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    nowhere = f"http://127.0.0.1:{closed_port}/"
    monkeypatch.setattr(MNIST, "mirrors", [nowhere])
    monkeypatch.setattr(flowers102, "SERVER", nowhere)
    for download in (mnist.download, flowers102.download):
        with pytest.raises(URLError):
            download(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises((URLError, TimeoutError)), downloading.network(url):
            pytest.fail("downloaded from a server that says nothing")


def test_a_server_that_speaks_something_else_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def answer() -> None:
            with odd.accept()[0] as line:
                line.recv(1000)
                line.sendall(b"220 mail.example.org ESMTP\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{odd.getsockname()[1]}/"
        with pytest.raises(Exception, match="220 mail"), downloading.network(url):
            pytest.fail("downloaded from a mail server")
        thread.join()
