"""What a study keeps of each run of its command: what was typed, where, and how long it took."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from tuner.machine import machine
from tuner.revision import full_version
from tuner.study.schema import SESSIONS
from tuner.study.url import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import optuna

    from tuner.runs.settings import StudySettings

    class HasFacts(Protocol):
        """Machines that fits run on."""

        def facts(self) -> dict[str, Any]:
            """Return what a study has to remember of them."""


class Record:
    """The entry of this run among the study's sessions: what was typed, where, and how long.

    Args:
        not_repeatable: operations of its trainings that may compute other numbers each time.
    """

    def __init__(
        self,
        study: optuna.Study,
        settings: StudySettings,
        workers: int,
        backend: HasFacts,
        not_repeatable: Sequence[str] = (),
    ) -> None:
        self.study, self.before = study, study.user_attrs.get(SESSIONS, [])
        words = shlex.split(settings.command)
        url = settings.workplace.url
        self.entry: dict[str, Any] = {
            "command": shlex.join(without_secrets(word, url) for word in words),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "workers": workers,
            "data_dir": settings.data_dir and str(settings.data_dir),
            "machine": machine(),
            "version": full_version(),
            **backend.facts(),
            **({"not_repeatable": list(not_repeatable)} if not_repeatable else {}),
        }
        self._write()

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Note how many seconds a part of the run has taken, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.entry[part] = time.monotonic() - began
            self._write()

    def _write(self) -> None:
        self.study.set_user_attr(SESSIONS, [*self.before, self.entry])
