"""A study that is killed at any write to its database, any number of times, ends the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy import Insert
from sqlalchemy.orm import Session

from tests.making import TINY, history, make_brief, make_engine, search
from tests.sampling import one_in
from tuner.search import write_behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine
    from tuner.search.lineup import Running
    from tuner.study.configuration import StudyConfig

pytestmark = pytest.mark.xdist_group("interrupts")  # its fixtures are made once

TOTAL = 12
WRITES = (
    "create_new_study",
    "create_new_trial",
    "set_study_user_attr",
    "set_trial_state_values",
    "set_trial_user_attr",
)


class InterruptsAtEnds:
    """Presses Ctrl-C as soon as a trial has ended."""

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        if ended is not None:
            raise KeyboardInterrupt


class Breaker:
    """Stops the process at every n-th write to a database, as by Ctrl-C, without cleaning up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
        self.every, self.written = every, 0
        for name in WRITES:
            monkeypatch.setattr(RDBStorage, name, self._breaking(getattr(RDBStorage, name)))
        monkeypatch.setattr(Session, "execute", self._breaking(Session.execute, only=Insert))
        monkeypatch.setattr(write_behind, "SECONDS_BEHIND", 0.0)

    def _breaking(self, write: Callable[..., Any], only: type = object) -> Callable[..., Any]:
        """Count the calls with an argument of some kind, and interrupt the n-th."""

        def breaking(*arguments: Any, **options: Any) -> Any:
            if any(isinstance(one, only) for one in arguments):
                self.written += 1
                if self.written % self.every == 0:
                    raise KeyboardInterrupt
            return write(*arguments, **options)

        return breaking


@pytest.fixture(scope="module", params=one_in(2, [2, 1]), ids=["two workers", "one worker"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = make_engine(request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_brief(tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    return make_brief(TINY, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def undisturbed(
    engine: Engine, module_brief: StudyConfig, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/studies.db"
    return history(search(url, module_brief, TOTAL, engine=engine))


def until_done(run: Callable[[], optuna.Study]) -> tuple[optuna.Study, int]:
    """Return the finished study, and the number of interruptions."""
    for interrupts in range(200):
        try:
            return run(), interrupts
        except KeyboardInterrupt:
            pass
    raise AssertionError("no progress between interrupts")


@pytest.mark.slow
def test_interrupted_at_the_end_of_every_trial(
    engine: Engine, module_brief: StudyConfig, undisturbed: list[dict[str, Any]], url: str
) -> None:
    study, interrupts = until_done(
        lambda: search(url, module_brief, TOTAL, engine=engine, observer=InterruptsAtEnds())
    )
    assert interrupts == TOTAL
    assert history(study) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("every", [23, 37])
def test_killed_at_every_so_many_writes(
    engine: Engine,
    module_brief: StudyConfig,
    undisturbed: list[dict[str, Any]],
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    every: int,
) -> None:
    Breaker(monkeypatch, every)
    study, interrupts = until_done(lambda: search(url, module_brief, TOTAL, engine=engine))
    assert interrupts >= 2
    assert history(study) == undisturbed
