"""A client for the service of tuner, from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack, cast

from typing_extensions import TypedDict

from tuner.client import answers
from tuner.client.transport import JSON, SECONDS, Transport
from tuner.client.uploading import upload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any

LOCAL = "http://127.0.0.1:8080"
REPORTS = {"md": "text/plain", "html": "text/html", "json": JSON}  # media types
AT_REST = frozenset({"paused", "done", "failed", "cancelled"})  # states of a job


class StudyOptions(TypedDict, total=False):
    """How a study is searched: the options of `tuner study`, each with the same default.

    With `settings_of`, the name of an earlier study, missing options are taken from that study.
    """

    settings_of: str
    name: str
    trials: int
    seeds: int
    seed: int
    timeout: int | None
    budget: int | None
    fix: Sequence[str]
    tries: Sequence[str]
    order: Literal["work", "arrival"]
    precision: Literal["float32", "bfloat16"] | None
    metric: str | None
    max_parameters: int | None
    max_latency_ms: float | None
    max_cost: float | None
    accept_changes: bool


class Client:
    """Talks to one service. The types of its answers are in `tuner.client.answers`.

    Every method raises ServiceError if the service refuses (with the message of the command line),
    cannot be reached, or is not a service of tuner.

    Args:
        url: address of the service.
        token: as printed by `tuner token create`; None: the service is open to this machine.
        timeout: seconds to wait for a byte.

    Raises:
        UsageError: the address or the token is not one.

    >>> from tuner.client import Client
    >>> client = Client("http://127.0.0.1:8080")
    >>> client.submit("housing", trials=20)["state"]  # doctest: +SKIP
    'queued'
    """

    def __init__(
        self, url: str = LOCAL, token: str | None = None, *, timeout: float = SECONDS
    ) -> None:
        self._to = Transport(url, token, timeout)

    def submit(
        self, case: str | None = None, *, key: str | None = None, **options: Unpack[StudyOptions]
    ) -> answers.Job:
        """Queue a study.

        Args:
            case: None for that of the study `settings_of`.
            key: any text; a second call with the same key makes no second study.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        body = {**({} if case is None else {"case": case}), **options}
        return self._to.post(answers.Job, "studies", body=body, headers=headers)

    def data(self) -> list[str]:
        """Return the names of the data for tables and pictures that the service has."""
        found = self._to.get(answers.Data, "data")
        return found["data"]

    def send(self, path: Path) -> str:
        """Upload a table (.csv, .parquet), or pictures in a ZIP file; return its name there.

        The name has a part of the file's SHA-256. So the same file is uploaded once, and another
        file of the same name is stored beside it.

        Raises:
            UsageError: the file cannot be read, or is larger than the service accepts.
        """
        return upload(self._to, path)

    def studies(
        self, words: str = "", state: str = "", tag: str = "", *, archived: bool = False
    ) -> list[answers.StudyRow]:
        """Return the studies, newest first.

        Args:
            words: that the name, case, verdict or submitter must contain.
            state: state that they must have; empty for any.
            tag: tag that they must have; empty for any.
            archived: whether to return archived studies instead of the others.
        """
        return list(self.each_study(words, state, tag, archived=archived))

    def each_study(
        self, words: str = "", state: str = "", tag: str = "", *, archived: bool = False
    ) -> Iterator[answers.StudyRow]:
        """Yield the studies that `studies` returns, and fetch them in parts when needed."""
        asked = {"q": words, "state": state, "tag": tag, "archived": str(archived).lower()}
        return cast("Iterator[answers.StudyRow]", self._to.rows(answers.Studies, "studies", asked))

    def study(self, name: str) -> answers.Study:
        """Return a study in its present state."""
        return self._to.get(answers.Study, "studies", name)

    def watch(self, name: str) -> Iterator[answers.Study]:
        """Yield a study now, and again each time it has changed, until its job stops.

        A broken connection is made again, and misses nothing that lasts.
        """
        for study in self._to.events(answers.Study, "studies", name, "events"):
            yield study
            if study["job"] and study["job"]["state"] in AT_REST:
                return

    def pause(self, name: str) -> answers.Job:
        """Pause a study; finished work is kept."""
        return self._steer(name, "pause")

    def resume(self, name: str) -> answers.Job:
        """Continue a study."""
        return self._steer(name, "resume")

    def cancel(self, name: str) -> answers.Job:
        """Cancel a study; finished work is kept."""
        return self._steer(name, "cancel")

    def extend(self, name: str, trials: int) -> answers.Job:
        """Change the number of finished trials with which a study ends."""
        return self._to.post(answers.Job, "studies", name, "total", body={"trials": trials})

    def add_try(self, name: str, values: str) -> answers.Job:
        """Train a configuration, NAME=VALUE,..., as the next trial."""
        return self._to.post(answers.Job, "studies", name, "tries", body={"try": values})

    def begin_child(
        self, name: str, child: str, fix: Sequence[str] = (), *, accept_changes: bool = False
    ) -> answers.Job:
        """Begin a new study with the finished trials of another that fit its search space.

        The other is cancelled if it is at work.

        Args:
            child: name of the new study.
            fix: NAME=VALUE of the hyperparameters that it does not search.
            accept_changes: take trials over although the code of the case has changed since.
        """
        body = {"name": child, "fix": list(fix), "accept_changes": accept_changes}
        return self._to.post(answers.Job, "studies", name, "children", body=body)

    def prioritise(self, name: str, priority: Literal["low", "normal", "high"]) -> answers.Job:
        """Set the priority of a study: a higher one starts first; only an admin can set high."""
        body = {"priority": priority}
        return self._to.post(answers.Job, "studies", name, "priority", body=body)

    def tag(self, name: str, *tags: str) -> list[str]:
        """Replace the tags of a study; return them sorted."""
        found = self._to.post(answers.Tags, "studies", name, "tags", body={"tags": tags})
        return found["tags"]

    def archive(self, name: str) -> None:
        """Archive a study: lists leave it out."""
        self._to.post(answers.Archived, "studies", name, "archive", body={})

    def unarchive(self, name: str) -> None:
        """Take a study out of the archive."""
        self._to.post(answers.Archived, "studies", name, "unarchive", body={})

    def plan_deletion(self, name: str) -> answers.Deletion:
        """Return what deleting a study would remove and free; delete nothing."""
        return self._to.get(answers.Deletion, "studies", name, "deletion")

    def delete(self, name: str) -> answers.Job:
        """Delete a study with everything that belongs to it."""
        return self._to.post(answers.Job, "studies", name, "deletion", body={})

    def machine(self) -> answers.Machine:
        """Return workers, queue and disk."""
        return self._to.get(answers.Machine, "machine")

    def waste(self, days: int = 0) -> answers.WasteFound:
        """Return what can be removed and has not changed for this many days; remove nothing."""
        return self._to.get(answers.WasteFound, "machine", "waste", days=str(days))

    def clean(self, days: int = 0, what: Sequence[str] | None = None) -> answers.Job:
        """Remove what can be removed, or only the parts of it that are named."""
        body = {"days": days, **({} if what is None else {"what": list(what)})}
        return self._to.post(answers.Job, "machine", "clean", body=body)

    def upkeep(self) -> answers.Upkeep:
        """Return when the service cleans up by itself, and how much a study may store."""
        return self._to.get(answers.Upkeep, "machine", "upkeep")

    def set_upkeep(self, *, every: int, older_than: int, budget: int) -> answers.Upkeep:
        """Set when the service cleans up by itself, and how much a study may keep.

        Args:
            every: days between clean-ups; 0: never.
            older_than: days that a file has to be unchanged before it is removed.
            budget: MiB that a study may keep; 0: any.
        """
        body = {"every": every, "older_than": older_than, "budget": budget}
        return self._to.post(answers.Upkeep, "machine", "upkeep", body=body)

    def retrain(
        self,
        name: str,
        arm: Literal["best", "baseline", "recipe"] = "best",
        *,
        models: int = 1,
        only: Sequence[str] = (),
    ) -> answers.Job:
        """Train an arm again and save the model.

        Args:
            models: number of networks in it, with different seeds; from 2 on it is an ensemble.
            only: changes of the best: the model is the baseline with these alone, and is compared
                with the baseline on the test rows.
        """
        body = {"arm": arm, "models": models} | ({"only": list(only)} if only else {})
        return self._to.post(answers.Job, "studies", name, "models", body=body)

    def ablate(self, name: str, *, seeds: int = 5, budget: int | None = None) -> answers.Job:
        """Measure which change made the difference; the report shows the result.

        Args:
            seeds: number of rounds, each with its own seed and fold.
            budget: seconds after which no new training starts; None: until all is measured.
        """
        body = {"seeds": seeds} | ({} if budget is None else {"budget": budget})
        return self._to.post(answers.Job, "studies", name, "ablation", body=body)

    def trials(self, name: str) -> list[answers.Trial]:
        """Return all trials of a study."""
        found = self._to.get(answers.Trials, "studies", name, "trials")
        return found["trials"]

    def trials_csv(self, name: str) -> str:
        """Return all trials of a study as a table."""
        return self._to.text_of("text/csv", "studies", name, "trials.csv")

    def report(self, name: str, kind: Literal["md", "html", "json"] = "md") -> str:
        """Return the report of a study that has ended."""
        return self._to.text_of(REPORTS[kind], "studies", name, "reports", f"report.{kind}")

    def compare(self, first: str, second: str, *more: str) -> answers.Comparison:
        """Return what differs between up to eight studies, and which are better than the first.

        Intervals are corrected for the number of comparisons made at once.
        """
        return self._to.get(answers.Comparison, "compare", study=[first, second, *more])

    def jobs(self) -> list[answers.Job]:
        """Return all jobs, newest first."""
        return list(self.each_job())

    def each_job(self) -> Iterator[answers.Job]:
        """Yield all jobs, newest first, and fetch them in parts when needed."""
        return cast("Iterator[answers.Job]", self._to.rows(answers.Jobs, "jobs", {}))

    def models(self) -> list[answers.Model]:
        """Return all models."""
        found = self._to.get(answers.Models, "models")
        return found["models"]

    def model(self, study: str, bundle: str) -> answers.ModelDetails:
        """Return a model with its manifest, and whether its gain is proven."""
        return self._to.get(answers.ModelDetails, "models", study, bundle)

    def download(self, study: str, bundle: str, path: Path) -> None:
        """Download a model as a ZIP file."""
        path.write_bytes(self._to.bytes_of("application/zip", "models", study, bundle, "download"))

    def predict(self, study: str, bundle: str, file: bytes) -> list[dict[str, Any]]:
        """Return a model's predictions for an image, or for the rows of a CSV."""
        found = self._to.post(answers.Predictions, "models", study, bundle, "predict", body=file)
        return found["predictions"]

    def promote(
        self,
        study: str,
        bundle: str,
        alias: Literal["current", "candidate"] = "current",
        reason: str | None = None,
    ) -> answers.Promotion:
        """Point an alias to a model; a reason is needed if its gain is not proven."""
        body = {"alias": alias, "reason": reason}
        return self._to.post(answers.Promotion, "models", study, bundle, "promote", body=body)

    def roll_back(self, case: str, reason: str) -> answers.Promotion:
        """Make the previous model of a case current again."""
        body = {"reason": reason}
        return self._to.post(answers.Promotion, "cases", case, "roll-back", body=body)

    def current(self, case: str, at: str | None = None) -> answers.Promotion:
        """Return which model of a case is current, or was at a date or a time (ISO 8601)."""
        when = {} if at is None else {"at": at}
        return self._to.get(answers.Promotion, "cases", case, "current", **when)

    def ledger(self, case: str | None = None) -> list[answers.Promotion]:
        """Return the ledger of promotions, newest first."""
        which = {} if case is None else {"case": case}
        found = self._to.get(answers.Ledger, "ledger", **which)
        return found["ledger"]

    def _steer(self, name: str, act: str) -> answers.Job:
        return self._to.post(answers.Job, "studies", name, act, body={})
