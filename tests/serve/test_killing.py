"""`kill -9` on the service, on a study's process, and on both, in the middle of a study."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import optuna
import psutil
import pytest

from tests.disturbing import SLOW
from tests.making import history
from tests.serve.making import served, until_done
from tests.waiting import wait_until
from tuner.commands.study import main as study_main
from tuner.study.store import evidence_name, load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import httpx2 as httpx

pytestmark = pytest.mark.slow
SEEDS = 3


def undisturbed(home: Path, trials: int) -> list[list[dict[str, Any]]]:
    """Return the result of the study if nothing is killed."""
    words = ["--trials", str(trials), "--seeds", str(SEEDS), "--workers", "1", "--home", str(home)]
    assert study_main([SLOW, *words]) == 0
    return histories(home)


def histories(home: Path) -> list[list[dict[str, Any]]]:
    """Return the search and the trainings after it, as far as they must repeat."""
    url = Workplace.at(home).url
    search = load_study(url, "tiny")
    after = history(optuna.load_study(study_name=evidence_name("tiny"), storage=url))
    for one in after:
        one["attributes"].pop("key")  # contains the random identity of the study
    return [history(search), after]


def children(service: int) -> list[psutil.Process]:
    """Return the processes of studies that a service has started."""
    found = psutil.Process(service).children(recursive=True)
    return [one for one in found if "tuner.serve.jobs.child" in " ".join(one.cmdline())]


def until_more_than(client: httpx.Client, finished: int) -> None:
    """Wait until the study has finished more trials; resume it if the service has given it up."""

    def is_so() -> bool:
        study = client.get("/api/v1/studies/tiny").json()
        state = study["job"]["state"]
        assert state != "done", "it was too fast to be killed in its middle"
        if state == "failed":  # it died too often, so a person must resume it
            assert client.post("/api/v1/studies/tiny/resume", json={}).status_code == 200
        return bool(study["finished"] > finished and state == "running")

    wait_until(is_so)


def test_nothing_is_lost_or_doubled(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    kills, home = request.config.getoption("--kills"), tmp_path / "home"
    trials = 15 * kills
    asked = {"case": "slow", "name": "tiny", "trials": trials, "seeds": SEEDS}
    second = {"case": "tiny", "name": "later", "trials": 2, "seeds": 0}
    with ExitStack() as stack:
        process, client = stack.enter_context(served(home))
        for wanted in (asked, second):
            assert client.post("/api/v1/studies", json=wanted).status_code == 201
        finished = 0
        for victim in kills * ("service", "process", "both"):
            until_more_than(client, finished)
            workers = [] if victim == "service" else children(process.pid)
            finished = client.get("/api/v1/studies/tiny").json()["finished"]
            if victim != "process":
                process.kill()
                process.wait()
            for one in workers:
                os.kill(one.pid, signal.SIGKILL)
            if victim != "process":
                stack.close()
                process, client = stack.enter_context(served(home))
        study = until_done(client)
        assert study["job"]["state"] == "done", study["job"]["last_words"]
        assert study["finished"] == study["total"] == trials
        later = until_done(client, "later")
        assert later["job"]["state"] == "done", later["job"]["last_words"]
        assert len(client.get("/api/v1/jobs").json()["jobs"]) == 2
    assert histories(home) == undisturbed(tmp_path / "undisturbed", trials)
