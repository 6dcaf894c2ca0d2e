"""The pages in a real browser: no serious finding of axe-core, narrow and wide, light and dark."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
import uvicorn

from tests.making import TINY
from tests.waiting import SECONDS_TO_HANG
from tuner.serve.app import application
from tuner.serve.orders.requests import ablation_request, retrain_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

    from tuner.serve.service import Service
    from tuner.serve.tables import Job

pytestmark = pytest.mark.slow
AXE = Path(__file__).parent / "axe" / "axe.min.js"
# Width and colours are independent, so two views show everything that four would.
VIEWS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((320, "light"), (1400, "dark"))
PAGES = (
    *("/tuner/", "/tuner/?q=nothing", "/tuner/studies/tiny", "/tuner/studies/queued"),
    *(
        "/tuner/studies/tiny/report",
        "/tuner/compare",
        "/tuner/compare?study=tiny%230&study=tiny%231",
    ),
    *("/tuner/models", "/tuner/machine", "/tuner/machine/waste", "/tuner/studies/tiny/delete"),
    *("/tuner/new", "/tuner/new?case=tiny", "/tuner/new?door=table", "/tuner/new?door=images"),
    *("/tuner/acts", "/tuner/login", "/tuner/nothing"),
)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Chromium of this machine, with a profile of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as running:
        made = running.chromium.launch(
            executable_path=program, timeout=1000 * SECONDS_TO_HANG, args=["--no-sandbox"]
        )
        yield made
        made.close()


def page_of(browser: Browser, **options: Any) -> Page:
    """Return a new page with generous timeouts."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(1000 * SECONDS_TO_HANG)
    return page


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    """Yield the address of that service; its jobs wait, because nobody starts them."""
    made = uvicorn.Server(
        uvicorn.Config(application(service), port=0, lifespan="off", log_level="warning")
    )
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    while not made.started:
        time.sleep(0.05)
    port = made.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    made.should_exit = made.force_exit = True
    thread.join()


def opened(page: Page, address: str) -> None:
    # A page of a live study never stops loading: its events continue.
    page.goto(address, wait_until="load")


def serious(page: Page) -> list[tuple[str, str]]:
    """Return the serious findings of axe-core: the rule, and its first place."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document)")
    return [
        (one["id"], one["nodes"][0]["html"])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def test_axe_finds_nothing_serious_and_nothing_overflows(
    service: Service, browser: Browser, address: str
) -> None:
    submit(service)
    wrong: list[object] = []
    broken: list[str] = []
    for width, scheme in VIEWS:
        view = {"width": width, "height": 900}
        page = page_of(browser, viewport=view, color_scheme=scheme, bypass_csp=True)
        page.on("pageerror", lambda error: broken.append(str(error)))
        for path in PAGES:
            opened(page, address + path)
            place = (path, width, scheme)
            wrong += [(*place, *one) for one in serious(page)]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wrong.append((*place, "is wider than the window"))
        page.context.close()
    assert (wrong, broken) == ([], [])


def test_no_page_breaks_its_own_policy(service: Service, browser: Browser, address: str) -> None:
    submit(service)
    page = page_of(browser)
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
    for path in PAGES[:-1]:  # except the missing page, which the browser logs
        opened(page, address + path)
    assert said == []


def test_a_study_is_begun_by_keyboard(service: Service, browser: Browser, address: str) -> None:
    page = page_of(browser)
    opened(page, f"{address}/tuner/new?case=tiny")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(40):
        if page.evaluate("document.activeElement.textContent") == "Start":
            break
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/tuner/studies/tiny%202")
    assert [job.study for job in service.queue.all()] == ["tiny 2"]


def test_a_file_is_uploaded_from_the_page(
    service: Service, browser: Browser, address: str, tmp_path: Path
) -> None:
    table = tmp_path / "houses.csv"
    table.write_text("size,price\n1,2\n", encoding="utf-8")
    page = page_of(browser)
    opened(page, f"{address}/tuner/new?door=table")
    page.set_input_files("input[type=file]", table)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_url("**data=uploads*houses.csv")
    assert "Its columns: size, price" in page.content()
    opened(page, f"{address}/tuner/new?door=table")
    page.set_input_files("input[type=file]", table)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_text("there is already data named").wait_for()


def test_a_study_on_paper_is_whole_and_has_nothing_to_press(browser: Browser, address: str) -> None:
    page = page_of(browser, viewport={"width": 1400, "height": 900})
    opened(page, f"{address}/tuner/studies/tiny")
    page.locator(".uplot canvas").wait_for()  # drawn for a wide window
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    assert page.evaluate(
        "document.querySelector('.uplot canvas').getBoundingClientRect().right < 720"
    )
    assert not page.get_by_role("button").filter(visible=True).count()


def test_what_a_study_prints_is_shown_at_its_end(
    service: Service, browser: Browser, address: str
) -> None:
    from tuner.serve.jobs.logs import log_of

    job = submit(service)
    log = log_of(service.workplace, job.id)
    log.parent.mkdir(exist_ok=True)
    log.write_text("\n".join(f"line {number}" for number in range(60)), encoding="utf-8")
    page = page_of(browser)
    opened(page, f"{address}/tuner/studies/{job.study}")
    page.locator(".chart:not(:empty)").wait_for()  # the first event has come
    left = "log.scrollHeight - log.clientHeight - log.scrollTop"
    assert abs(page.evaluate(f"() => {{ return {left}; }}")) < 8


def test_what_can_be_done_with_a_study_comes_as_it_ends(
    service: Service, browser: Browser, address: str
) -> None:
    from tuner.serve.orders.requests import study_request

    service.queue.submit(study_request({"case": "tiny", "trials": 40}, service.shelf), "ann")
    page = page_of(browser)
    opened(page, f"{address}/tuner/studies/tiny")
    page.get_by_label("Try a configuration").fill("dropout=0.5")
    assert not page.get_by_role("button", name="Archive it").is_visible()
    page.locator(".uplot").wait_for()  # the first event has come
    job = service.queue.claim("a service")
    assert job is not None
    service.queue.end(job.id, "a service", "done", "")
    page.get_by_role("button", name="Archive it").wait_for()
    assert page.get_by_label("Try a configuration").input_value() == "dropout=0.5"


def test_a_page_shows_by_itself_that_a_model_and_a_measurement_have_ended(
    service: Service, browser: Browser, address: str
) -> None:
    shelf = service.shelf
    measuring = service.queue.submit(ablation_request("tiny", TINY, shelf, 2, None), "ann")
    page = page_of(browser)
    page.goto(f"{address}/tuner/studies/tiny")
    page.fill("[name=tags]", "not yet set")
    changes = page.locator("#changes")
    assert "measuring the changes of tiny" in changes.inner_text()
    service.queue.cancel(measuring.id)
    changes.get_by_role("button", name="Measure it").wait_for()
    assert page.input_value("[name=tags]") == "not yet set"
    making = service.queue.submit(retrain_request("tiny", TINY, "best", shelf), "ann")
    page.goto(f"{address}/tuner/models")
    assert "training the best of tiny" in page.inner_text("#models")
    service.queue.cancel(making.id)
    page.get_by_text("training the best of").wait_for(state="detached")


def test_an_answer_never_stands_below_other_rows(browser: Browser, address: str) -> None:
    page = page_of(browser)
    form = """<form id="predict" data-predict="/predict"><textarea name="rows"></textarea>
        <button>Predict</button><output id="prediction"></output></form>
        <script src="/tuner/static/tuner.js"></script>"""
    page.route("**/form", lambda route: route.fulfill(body=form, content_type="text/html"))
    held: list[Route] = []
    page.route("**/predict", lambda route: held.append(route))
    opened(page, f"{address}/form")
    predict = page.get_by_role("button", name="Predict")
    page.fill("textarea", "first")
    with page.expect_request("**/predict"):
        predict.click()
    page.fill("textarea", "second")
    with page.expect_event("requestfailed") as given_up:
        predict.click()
    assert given_up.value.post_data == "first"
    while len(held) < 2:
        page.wait_for_timeout(10)
    held[1].fulfill(json={"predictions": [{"prediction": held[1].request.post_data}]})
    page.locator("#prediction", has_text="second").wait_for()


def submit(service: Service) -> Job:
    from tuner.serve.orders.requests import study_request

    wanted = study_request({"case": "tiny", "name": "queued"}, service.shelf)
    return service.queue.submit(wanted, "ann")
