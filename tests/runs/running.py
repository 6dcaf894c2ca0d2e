"""Runs a study of a case in this process, and stores the messages to its observer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.engines.compute import Compute
from tuner.report.facts.gathering import gather
from tuner.runs.observer import Event, Message, Silent
from tuner.runs.settings import StudySettings
from tuner.runs.study import run_study
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.workplace import Workplace


class Listening(Silent):
    """Stores the messages that it is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Message):
            self.messages.append(event.text)


NUMBERS = """
def numbered(folders):
    from tuner import Examples, make_dataset

    rows = [points(count, seed) for count, seed in ((60, 0), (40, 1))]
    parts = [Examples(features=one.features, targets=5 + one.features[:, :1] ** 2) for one in rows]
    return make_dataset(name="tiny", source="two clouds", development=parts[0], test=parts[1],
                        validation=KFold(3), columns=("x", "y"))

CASE = __import__("dataclasses").replace(CASE, task="regression", load=numbered)
"""


def run(case: str, workplace: Workplace, **settings: Any) -> Listening:
    observer = Listening()
    wanted: dict[str, Any] = {"trials": 3, "seeds": 2, **settings}
    command = f"tuner study {case}"
    compute = Compute(workers=1)
    run_study(
        StudySettings(case=case, workplace=workplace, command=command, compute=compute, **wanted),
        observer,
    )
    return observer


def facts(workplace: Workplace) -> Mapping[str, Any]:
    return gather(load_study(workplace.url, "tiny"), workplace)
