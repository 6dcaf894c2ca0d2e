"""What the service answers, as types: its API document is made of them, and clients read them.

Times are seconds since 1970 where they are numbers, ISO 8601 where they are texts; both UTC.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

JobState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]


class Problem(TypedDict):
    """What went wrong (RFC 9457), in the words of the command line."""

    type: str
    title: str
    status: int
    detail: str


class Job(TypedDict):
    """A process that the service runs: a study, the retraining of an arm, a deletion, a clean-up.

    Those of a higher `priority` start first; `slots` is how many trainings it may run at once.
    """

    id: int
    kind: Literal["study", "retrain", "delete", "clean"]
    study: str
    case: str
    options: dict[str, Any]
    state: JobState
    wish: str
    who: str
    submitted: float
    started: float | None
    ended: float | None
    starts: int
    last_words: str
    priority: int
    slots: int | None


class StudyRow(TypedDict):
    """A study in the list.

    `total` is the number of finished trials it ends with; null: the service did not start it.
    `best` and `baseline` are scores on the `split`, "test" or "validation".
    """

    name: str
    case: str
    state: str
    trials: int
    total: int | None
    metric: str
    best: float | None
    baseline: float | None
    split: str
    verdict: str
    who: str
    when: str | None
    job: int | None
    tags: list[str]
    archived: bool


class Trial(TypedDict):
    """A trial; `curve` has pairs of a step and the score reported there."""

    number: int
    state: str
    arm: str | None
    score: float | None
    hyperparameters: dict[str, Any]
    seconds: float | None
    curve: list[list[float | None]]


class Metric(TypedDict):
    """What scores are; `per_cent`: they are shares, shown as per cent."""

    name: str
    title: str
    direction: Literal["maximize", "minimize"]
    per_cent: bool


class _StudyAlways(TypedDict):
    study: str
    job: Job | None
    log: str
    total: int | None
    finished: int
    states: dict[str, int]
    running: list[Trial]
    leaders: list[Trial]
    baseline: Trial | None
    diagnosis: str | None
    metric: Metric | None
    left: float | None
    parent: dict[str, Any] | None
    fixed: dict[str, Any]


class Study(_StudyAlways, total=False):
    """A study as it is now.

    `log` is what its process printed last, `left` the seconds that it still takes, `parent` the
    study whose trials it began with, and `fixed` what is not searched.
    """

    case: str


class Promotion(TypedDict):
    """A line of the ledger: from `at` on, `alias` of the case meant this bundle."""

    at: str
    case: str
    alias: str
    act: str
    study: str
    bundle: str
    weights: str
    proof: str
    reason: str
    who: str


class Model(TypedDict):
    """A bundle; `damage` says what is wrong with it, and is empty where nothing is."""

    study: str
    bundle: str
    case: str
    aliases: list[str]
    metrics: Any
    damage: str


class Proof(TypedDict):
    """Whether a gain over the current model, or else over the baseline, is proven."""

    proven: bool
    sentence: str


class ModelDetails(Model):
    """A bundle with its manifest."""

    proof: Proof
    manifest: dict[str, Any]


class Act(TypedDict):
    """A line of the audit log: who did what to what."""

    at: str
    who: str
    what: str
    on: str


class Pair(TypedDict):
    """The best of a study against that of another, by what both said of the same test rows.

    `gain` says by how much, with its interval. Where that is not known, `verdict` is null and
    `gain` says why.
    """

    study: str
    against: str
    verdict: str | None
    gain: str


class Comparison(TypedDict):
    """Several studies; `inputs` and `hyperparameters` map what differs to its values, one each.

    `pairs` has each study but the first, against the first.
    """

    studies: list[str]
    comparable: bool
    reasons: list[str]
    inputs: dict[str, list[Any]]
    hyperparameters: dict[str, list[Any]]
    scores: list[dict[str, Any]]
    sentences: list[str]
    pairs: list[Pair]


class Tags(TypedDict):
    """The tags of a study, sorted."""

    study: str
    tags: list[str]


class Archived(TypedDict):
    """Whether a study is out of the way."""

    study: str
    archived: bool


class Deletion(TypedDict):
    """What would go with a study: trials, trainings after the search, and `bytes` of files.

    `paths` are in the storage folder; `aliases` are those that would lose their model.
    """

    study: str
    trials: int
    trainings: int
    bytes: int
    paths: list[str]
    models: list[str]
    aliases: list[str]


class Waste(TypedDict):
    """Something that serves nothing any more, and why; it is removed by naming `what`."""

    what: str
    kind: str
    meaning: str
    bytes: int


class WasteFound(TypedDict):
    """What may go, the largest first; `bytes` and `found` count also what is not listed."""

    days: int
    bytes: int
    found: int
    waste: list[Waste]


class Upkeep(TypedDict):
    """Days between clean-ups (0: never), the age in days of what goes, MiB a study (0: any)."""

    every: int
    older_than: int
    budget: int


class Disk(TypedDict):
    """A disk, in bytes."""

    total: int
    free: int


class Machine(TypedDict):
    """Workers, and how many this service has in use; the queue in turn; bytes by what they are.

    `studies` are the largest: bytes of reports, models and weights.
    """

    workers: int
    taken: int
    running: list[Job]
    waiting: list[Job]
    disk: Disk
    usage: dict[str, int]
    studies: dict[str, int]


class Studies(TypedDict):
    """A part of the list of studies, newest first.

    `next` is the `cursor` with which the part after it is asked for; null: there is none.
    """

    studies: list[StudyRow]
    next: str | None


class Data(TypedDict):
    """Data for tables and pictures, by names such as `uploads/houses.csv`.

    `most_bytes` is how large a file may be that is sent.
    """

    data: list[str]
    most_bytes: int


class Sent(TypedDict):
    """What was sent, by its name among the data."""

    data: str


class Trials(TypedDict):
    """All trials of a study."""

    trials: list[Trial]


class Jobs(TypedDict):
    """A part of the jobs, newest first; `next` as in the list of studies."""

    jobs: list[Job]
    next: str | None


class Models(TypedDict):
    """All bundles."""

    models: list[Model]


class Predictions(TypedDict):
    """What a model says, one for each image or row."""

    predictions: list[dict[str, Any]]


class Ledger(TypedDict):
    """Promotions and roll-backs, newest first."""

    ledger: list[Promotion]


class Acts(TypedDict):
    """The audit log, newest first."""

    acts: list[Act]


class Hook(TypedDict):
    """Who is told when a study ends; `host` is mailto:ADDRESS, or leaves out a path: a secret."""

    id: int
    host: str
    who: str
    made: str


class NewHook(Hook):
    """A hook with the secret that its messages are signed with; it is shown this once."""

    secret: str


class Delivery(TypedDict):
    """A message to a hook; `answer` is what the other side said last, or why it was not reached."""

    id: int
    event: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    made: str
    ended: str | None
    answer: str


class Hooks(TypedDict):
    """All hooks."""

    hooks: list[Hook]


class Deliveries(TypedDict):
    """What was sent to a hook, newest first."""

    deliveries: list[Delivery]
