"""The README's two pictures: the report of `flowers`, and `housing` in optuna-dashboard.

Each picture carries what it shows, as `shown` says it; a test holds it against the study.
Needs Debian's chromium.

    python studies/serve/pictures_of_readme.py
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pictures import chromium, compressed
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

STUDIES = Path(__file__).parents[1]
REPORT = STUDIES / "flowers" / "page.png"
DASHBOARD = STUDIES / "housing" / "dashboard.png"
PORT = 8089


def shown(picture: Path) -> str:
    """Return a digest of what a picture shows: a report's first part, or a study's trials."""
    if picture == REPORT:
        text, _, _ = (picture.parent / "report.md").read_text("utf-8").partition("\n- ")
    else:
        text = (picture.parent / "trials.csv").read_text("utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def dashboard() -> Iterator[str]:
    """Run the dashboard over a copy of the study; yield the address of the study's page."""
    with tempfile.TemporaryDirectory() as home:
        shutil.copy(DASHBOARD.parent / "study.db", Path(home) / "studies.db")
        command = [sys.executable, "-m", "tuner", "dashboard", "--port", str(PORT), "--home", home]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            address = f"http://127.0.0.1:{PORT}/dashboard/studies/1"
            wait_for(address)
            yield address
            process.terminate()


def wait_for(address: str) -> None:
    """Wait until something answers."""
    for _ in range(60):
        try:
            urllib.request.urlopen(address).close()
        except urllib.error.URLError:
            time.sleep(1)
        else:
            return
    raise SystemExit(f"nothing answers at {address}")


def take(browser: Browser, address: str, picture: Path, width: int, height: int) -> None:
    """Take a picture of a page's top, in few colours, and write into it what it shows."""
    page = browser.new_page(viewport={"width": width, "height": height}, locale="en-GB")
    page.goto(address, wait_until="networkidle")
    page.wait_for_timeout(3000)  # milliseconds, for the curves
    about = PngInfo()
    about.add_text("shown", shown(picture))
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.png"
        page.screenshot(path=whole)
        compressed(whole, picture, about)
    page.close()


def main() -> int:
    """Take both pictures."""
    with chromium() as browser:
        take(browser, (REPORT.parent / "report.html").as_uri(), REPORT, 1000, 1150)
        with dashboard() as address:
            take(browser, address, DASHBOARD, 1300, 1230)
    return 0


if __name__ == "__main__":
    sys.exit(main())
