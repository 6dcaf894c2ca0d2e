"""All studies of a store at once: their names, contents and evidence."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState
from sqlalchemy import bindparam, text

from tuner.errors import UsageError, unknown_name
from tuner.naming import folder_name
from tuner.study.arms import TELLING
from tuner.study.dashboard import on_record
from tuner.study.schema import EVIDENCE, FACTS, OPENINGS, PLACEBO, SESSIONS
from tuner.study.service_tables import forget_rows, rename_rows
from tuner.study.store import evidence_name, placebo_name
from tuner.study.trials import COUNTING, counts
from tuner.unpromised.by_optuna import row_of_study, row_of_trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.storages import RDBStorage

# Optuna has no call that renames a study, so two of its tables are written here.
RENAME = text("UPDATE studies SET study_name = :new WHERE study_name = :old")
RETELL = text(
    "UPDATE study_user_attributes SET value_json = :value WHERE study_id = :id AND key = :key"
)
# Three more tables, of which Optuna would read everything, with every point and distribution.
TRIALS = text(  # without queued ones that have not begun, such as guesses
    "SELECT t.study_id, t.trial_id, t.number, t.state, v.value, v.value_type FROM trials t "
    "LEFT JOIN trial_values v ON v.trial_id = t.trial_id AND v.objective = 0 "
    "WHERE (t.state != 'WAITING' OR t.datetime_start IS NOT NULL) ORDER BY t.trial_id"
)
TOLD = text(
    "SELECT a.trial_id, a.key, a.value_json FROM trial_user_attributes a "
    "JOIN trials t ON t.trial_id = a.trial_id WHERE (t.state = 'COMPLETE' AND a.key IN :telling "
    "OR t.state IN ('PRUNED', 'FAIL') AND a.key IN :counting)"
).bindparams(*(bindparam(name, expanding=True) for name in ("telling", "counting")))
TRIALS_OF = text(f"{TRIALS.text.partition(' ORDER')[0]} AND t.study_id IN :ids ORDER BY t.trial_id")
TOLD_OF = text(f"{TOLD.text} AND t.study_id IN :ids")
STUDIES_OF = text("SELECT study_id, study_name FROM studies WHERE study_id IN :ids")
KEPT_OF = text("SELECT study_id, key, value_json FROM study_user_attributes WHERE study_id IN :ids")
TRIALS_OF, STUDIES_OF, KEPT_OF = (
    one.bindparams(bindparam("ids", expanding=True)) for one in (TRIALS_OF, STUDIES_OF, KEPT_OF)
)
TOLD_OF = TOLD_OF.bindparams(
    *(bindparam(name, expanding=True) for name in ("telling", "counting", "ids"))
)
INFINITE = {"INF_POS": math.inf, "INF_NEG": -math.inf}


@dataclass(slots=True)
class Ended:
    """The part of an ended trial that decides whether it counts (`tuner.study.trials.counts`).

    For a complete one, also the part that decides which are the arms (`tuner.study.arms.Trained`).
    """

    number: int
    values: list[float]
    user_attrs: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Overview:
    """How the trials of a study ended.

    A waiting trial was begun and interrupted; queued trials that have not begun are left out.
    """

    states: Counter[TrialState] = field(default_factory=Counter)
    ended: list[Ended] = field(default_factory=list)
    complete: list[Ended] = field(default_factory=list)

    @property
    def finished(self) -> int:
        """How many of the trials that were asked for have ended, in whatever state."""
        return sum(map(counts, self.ended))


@dataclass(slots=True)
class Part:
    """The part of a study that `Catalogue` reads."""

    study_name: str
    _study_id: int
    user_attrs: dict[str, Any] = field(default_factory=dict)
    system_attrs: dict[str, Any] = field(default_factory=dict)


class Catalogue:
    """The content of a store, read once; make a new one to read it again.

    Args:
        only: ids of the studies to read; None for all. Of the others, only what they store is
            known, by name, in `others`.

    Attributes:
        studies: tuner's own studies by name, each with what it stores besides its trials.
        evidence: for each name, the studies with the trainings after that study's search. A name
            that is not in `studies` belongs to evidence whose study is gone.
    """

    def __init__(
        self,
        storage: RDBStorage,
        only: Sequence[int] | None = None,
        others: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.storage, self._only, self._others = storage, only, dict(others or {})
        found = storage.get_all_studies() if only is None else _parts(storage, only)
        self._all = {one.study_name: one for one in found}
        self.studies: dict[str, Mapping[str, Any]] = {
            name: one.user_attrs
            for name, one in sorted(self._all.items())
            if FACTS in one.user_attrs and EVIDENCE not in one.user_attrs
        }
        self.evidence: dict[str, list[str]] = {}
        for name, one in self._all.items():
            if EVIDENCE in one.user_attrs:
                self.evidence.setdefault(str(one.user_attrs[EVIDENCE]), []).append(name)

    def load(self, name: str) -> optuna.Study:
        """Load one of tuner's studies.

        Raises:
            UsageError: there is no study of tuner's of that name.
        """
        self.check(name)
        return optuna.load_study(study_name=name, storage=self.storage)

    def check(self, name: str) -> None:
        """Refuse a name that none of tuner's studies has.

        Raises:
            UsageError: there is no study of that name.
        """
        if name not in self.studies:
            raise unknown_name("study", "studies", name, self.studies)

    def refuse_taken(self, name: str) -> None:
        """Refuse a name that is invalid for a study or already taken.

        Raises:
            UsageError: it is.
        """
        folder_name(name)
        if name in self._all or evidence_name(name) in self._all:
            raise UsageError(f"there is already a study {name!r}; choose another name")

    @property
    def attributes(self) -> dict[str, Mapping[str, Any]]:
        """The user attributes of each study of the store, by name; not only tuner's."""
        return self._others | {name: one.user_attrs for name, one in self._all.items()}

    def overview(self) -> dict[str, Overview]:
        """Return how the trials of tuner's studies ended, by name, with two queries."""
        found = {name: Overview() for name in self.studies}
        by_id = {row_of_study(self._all[name]): one for name, one in found.items()}
        ended: dict[int, Ended] = {}
        some = {} if self._only is None else {"ids": list(self._only)}
        keys = {"telling": TELLING, "counting": COUNTING}
        trials, told = (TRIALS, TOLD) if self._only is None else (TRIALS_OF, TOLD_OF)
        with self.storage.engine.connect() as connection:
            for study, trial, number, state, value, kind in connection.execute(trials, some):
                if study not in by_id:
                    continue
                by_id[study].states[TrialState[state]] += 1
                if TrialState[state].is_finished():
                    score = INFINITE.get(kind, value)
                    ended[trial] = Ended(number, [math.nan if score is None else score])
                    by_id[study].ended.append(ended[trial])
                if state == TrialState.COMPLETE.name:
                    by_id[study].complete.append(ended[trial])
            for trial, key, value in connection.execute(told, {**keys, **some}):
                if trial in ended:
                    ended[trial].user_attrs[key] = json.loads(value)
        return found

    def artifacts(self, name: str | None = None) -> dict[str, tuple[int, bool]]:
        """Return the ids of recorded artifacts: of a study and its trials, or of all studies.

        Returns:
            For each, the id of the study or trial that it belongs to, and whether that is a trial.
        """
        wanted = self._all if name is None else {n: self._all[n] for n in self.family(name)}
        found: dict[str, tuple[int, bool]] = {}
        for one in wanted.values():
            number = row_of_study(one)
            found |= dict.fromkeys(_ids(one.system_attrs), (number, False))
            for trial in self.storage.get_all_trials(number, deepcopy=False):
                found |= dict.fromkeys(_ids(trial.system_attrs), (row_of_trial(trial), True))
        return found

    def family(self, name: str) -> list[str]:
        """Return the names of the study and of the studies with its evidence."""
        return [*([name] if name in self._all else []), *self.evidence.get(name, [])]

    def counts_looks(self, name: str) -> bool:
        """Whether the evidence of a study records how often test sets were opened."""
        return any(OPENINGS in self._all[one].user_attrs for one in self.evidence.get(name, []))

    def delete(self, name: str) -> None:
        """Delete a study, after its evidence, so that it can be deleted again if that fails."""
        with self.storage.engine.begin() as connection:
            forget_rows(connection, name)
        for one in reversed(self.family(name)):
            optuna.delete_study(study_name=one, storage=self.storage)

    def rename(self, name: str, new: str, command: Callable[[str], str]) -> None:
        """Rename a study, its evidence and its record of both, in one transaction.

        Args:
            command: changes a command that the study remembers into one for the new name.
        """
        study = self._all[name]
        sessions = [
            {**one, "command": command(one["command"])} if one.get("command") else one
            for one in study.user_attrs.get(SESSIONS, [])
        ]
        with self.storage.engine.begin() as connection:

            def retell(number: int, key: str, value: object) -> None:
                words = {"id": number, "key": key, "value": json.dumps(value)}
                connection.execute(RETELL, words)

            connection.execute(RENAME, {"old": name, "new": new})
            rename_rows(connection, name, new)
            retell(row_of_study(study), SESSIONS, sessions)
            if PLACEBO in study.user_attrs and "study" in study.user_attrs[PLACEBO]:
                found = {**study.user_attrs[PLACEBO], "study": placebo_name(new)}
                retell(row_of_study(study), PLACEBO, found)
            for one in self.evidence.get(name, []):
                connection.execute(RENAME, {"old": one, "new": evidence_name(new)})
                retell(row_of_study(self._all[one]), EVIDENCE, new)


def _parts(storage: RDBStorage, ids: Sequence[int]) -> list[Any]:
    """Read some studies with two queries."""
    with storage.engine.connect() as connection:
        found = {
            number: Part(name, number)
            for number, name in connection.execute(STUDIES_OF, {"ids": list(ids)})
        }
        for number, key, value in connection.execute(KEPT_OF, {"ids": list(ids)}):
            if number in found:
                found[number].user_attrs[key] = json.loads(value)
    return list(found.values())


def _ids(attributes: Mapping[str, Any]) -> list[str]:
    """Return the ids of recorded artifacts."""
    return [one["artifact_id"] for one in on_record(attributes)]
