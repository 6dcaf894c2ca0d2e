"""Pictures of each page, narrow and wide, of a service with a finished and a running study.

Needs Debian's chromium. The study of `studies/housing` is shown as finished; another is searched.

    python studies/serve/pictures.py --out /tmp/pictures
    python studies/serve/pictures.py --out docs/service --kept
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from load import served
from PIL import Image
from playwright.sync_api import sync_playwright

from tuner.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.PngImagePlugin import PngInfo
    from playwright.sync_api import Browser

STUDIES = Path(__file__).parents[1]
WIDTHS = (400, 1400)
COLOURS = 64  # of a picture that is kept: pages have few
TALLEST = 2000  # pixels of a picture
LIVE, OTHER = "housing, wider", "housing, quick"
PAGES = {
    "studies": "/tuner/",
    "study": "/tuner/studies/housing",
    "live": "/tuner/studies/housing%2C%20wider",
    "report": "/tuner/studies/housing/report",
    "compare": "/tuner/compare?study=housing&study=housing%2C%20quick",
    "models": "/tuner/models",
    "model": "",
    "new": "/tuner/new",
    "new_table": "/tuner/new?door=table",
    "machine": "/tuner/machine",
    "waste": "/tuner/machine/waste",
    "delete": "/tuner/studies/housing/delete",
    "hooks": "/tuner/hooks",
    "log": "/tuner/acts",
    "login": "/tuner/login",
    "api": "/tuner/api",
}
KEPT = (
    *(("studies", 1400), ("live", 1400), ("study", 400), ("report", 1400), ("compare", 1400)),
    *(("model", 1400), ("new", 400), ("machine", 1400)),
)


def prepared(home: Path) -> None:
    """Put a finished study with its report into a storage folder."""
    (home / "reports").mkdir(parents=True)
    shutil.copy(STUDIES / "housing" / "study.db", home / "studies.db")
    shutil.copytree(
        STUDIES / "housing", home / "reports" / "housing", ignore=shutil.ignore_patterns("*.db")
    )


def filled(client: Client) -> str:
    """Have a study finish, a model made and promoted, and a study run; return the model's page."""
    client.submit("housing", name=OTHER, trials=8, seeds=2)
    wait(client)
    client.tag("housing", "reference", "houses")
    client.tag(OTHER, "houses")
    client.retrain(OTHER)
    wait(client)
    (model,) = client.models()
    client.promote(OTHER, model["bundle"], reason="the first of its kind, for the pictures")
    client.submit("housing", name=LIVE, trials=200, seeds=0, seed=1)
    client.submit("housing", name="housing, next", trials=20)
    while client.study(LIVE)["finished"] < 6:
        time.sleep(1)
    return f"/tuner/models/{OTHER.replace(',', '%2C').replace(' ', '%20')}/{model['bundle']}"


def wait(client: Client) -> None:
    """Wait until no job is open."""
    while any(one["state"] in {"queued", "running"} for one in client.jobs()):
        time.sleep(1)
    failed = [one["last_words"] for one in client.jobs() if one["state"] == "failed"]
    if failed:
        raise SystemExit("\n".join(failed))


def taken(browser: Browser, url: str, pages: dict[str, str], folder: Path) -> None:
    """Take a picture of each page at each width."""
    for width in WIDTHS:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-GB")
        page = context.new_page()
        for name, path in pages.items():
            page.goto(url + path, wait_until="load")
            page.wait_for_timeout(1500)  # milliseconds, for curves and the report's frame
            wide = page.evaluate("document.documentElement.scrollWidth")
            height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
            page.screenshot(
                path=folder / f"{name}-{width}.png",
                full_page=True,
                clip={"x": 0, "y": 0, "width": width, "height": height},
            )
            if wide > width:
                print(f"{name} at {width} is {wide} wide")
        context.close()


def compressed(source: Path, target: Path, about: PngInfo | None = None) -> int:
    """Write a picture with few colours, and what it says about itself; return its bytes."""
    with Image.open(source) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(target, optimize=True, pnginfo=about)
    return target.stat().st_size


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the machine's chromium."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def main() -> int:
    """Take all pictures; keep some of them compressed, if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kept", action="store_true", help="only those of the docs, compressed")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home, all_of_them = Path(folder) / "storage", Path(folder) / "pictures"
        all_of_them.mkdir()
        prepared(home)
        with chromium() as browser, served(home, 1) as url:
            model = filled(Client(url))
            taken(browser, url, {**PAGES, "model": model}, all_of_them)
        if not arguments.kept:
            shutil.copytree(all_of_them, arguments.out, dirs_exist_ok=True)
            return 0
        sizes = [
            compressed(all_of_them / f"{name}-{width}.png", arguments.out / f"{name}-{width}.png")
            for name, width in KEPT
        ]
        print(f"{len(sizes)} pictures, {sum(sizes) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
