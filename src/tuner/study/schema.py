"""What is in the database besides Optuna's own: the attributes of studies and trials, on one page.

A study of tuner is an Optuna study with the attribute `FACTS`. Beside it stands one named
`STUDY/evidence`, with the attribute `EVIDENCE`, which holds the trainings after the search.
Studies of earlier versions lack what those versions did not write: it is `NotRequired` here.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

# Attributes of a study.
FACTS = "tuner"  # Facts: what the study was made with; it makes an Optuna study one of tuner's
CHANGES = "changes_accepted"  # list[AcceptedChange]: what was accepted since, oldest first
SESSIONS = "sessions"  # list[Session]: the runs of the study command
STOPPED = "stopped"  # why the search has ended by itself; None: it has not
OVER_LIMITS = "over_limits"  # of STOPPED: so many in a row were over limits that a person has set
BUDGET = "budget"  # the time budget that has ended the search; None: none has
ALLOWED = "allowed"  # Allowed: what a time budget has decided
CONFIRMATION = "confirmation"  # who won on fresh folds, and what the arms do on the test split
MISTAKES = "mistakes"  # what the best gets wrong on the test split
ABLATION = "ablation"  # what each change does
AUDIT = "audit"  # scores of pruned trials that were drawn by lot and trained to their end
PLACEBO = "placebo"  # what the same search finds on shuffled targets
PARTS = "parts"  # by name: what the baseline with a part of the changes does on the test split
IMPORTANCE = "importance"  # which hyperparameters mattered
REMARKS = "remarks"  # what is odd about the data: sentences, said before anything trains
TESTED_WEIGHTS = "tested_weights"  # of the models that met the test, by trial or part, a seed each
SEED_MATTERS = "seed_matters"  # what a training's seed changes: its "weights", "order" or "nothing"
NOTE = "note_version"  # of the note in the dashboard that tuner wrote last; a later one is not ours
OPENINGS = "test_openings"  # list[Opening]: when and why the test split was opened

PARENT = "parent"  # whose trials it began with: its name, its identity, how many were taken

# Attributes of the evidence study, each with the number of a trial behind it.
DIVERGED_FINALS = "diverged:"  # or of a part: its seeds that gave no model for the test
ROW_LOSSES = "row_losses:"  # of a loop: what models of that trial's configuration lose a test row

# What was concluded from trainings: empty again once a change has been accepted.
CONCLUSIONS = (CONFIRMATION, MISTAKES, ABLATION, AUDIT, PLACEBO, PARTS, TESTED_WEIGHTS)

# The attribute of a study that holds the trainings after another's search: that other's name.
EVIDENCE = "evidence_of"

TRIALS_BEFORE = "trials_before"  # of a session: how many had ended when it began
WITHIN = "within"  # of a session: the part that it is in, which it keeps if it is killed there

# Attributes of a trial of the search (SearchTrial) and of one of the evidence (EvidenceTrial).
ARM, HYPERPARAMETERS, SEED, CURVE = "arm", "hyperparameters", "seed", "curve"
BEST_EPOCH, FOLD_SCORES, FAILURE, DIVERGED = "best_epoch", "fold_scores", "failure", "diverged"
SECONDS, WORK, BEGUN, ENDED, ALONGSIDE = "seconds", "work", "begun", "ended", "alongside"
KEY, TRACEBACK = "key", "traceback"
SURROGATE = "surrogate"  # of a training after the search: its score by the metric's surrogate
KEEPS_LIMITS = 2  # the rule by which guesses keep limits; True, the first, gave up depth first
GUESS = "guess"  # the number, from 0 on, of a guess: what is tried before the search draws
TRIED = "tried"  # what a person asked for with --try: values by name
TAKEN = "taken_over"  # of a trial of another study: that study, its number there, that of its seed
LOST = "lost"  # of a loop: the machine failed, not the configuration; it takes no trial's place
AGAIN = "again_of"  # the number of the trial that was lost, of one that is in its place
PLACE, INFORMED = "place", "informed"  # of a loop: how many had ended before it ended, was asked
CONSTRAINTS = "constraints_told"  # of a loop: by name, what it broke by how much; above zero it did
SHARED_FILES = "shared_files"  # of a loop: files that it used where any other call would look
ANSWERED = "answered_alongside"  # of a loop: what those beside it had been told when it ended


# All of them: a loop's own attributes of the same name are stored under another.
OWN = frozenset(
    {
        *(ARM, HYPERPARAMETERS, SEED, CURVE, BEST_EPOCH, FOLD_SCORES, FAILURE, DIVERGED, SECONDS),
        *(WORK, BEGUN, ENDED, ALONGSIDE, KEY, TRACEBACK, GUESS, TRIED, TAKEN, LOST, AGAIN, PLACE),
        *(INFORMED, ANSWERED, CONSTRAINTS, SHARED_FILES),
    }
)


class StoredDistribution(TypedDict):
    """One hyperparameter's range, as Optuna writes it."""

    name: str
    attributes: dict[str, Any]


class StoredSource(TypedDict):
    """Hashes of the code of a case: `tuner.case.source.Source`."""

    file: str
    main: str
    modules: dict[str, str]


class StoredData(TypedDict):
    """The data of a study.

    `fingerprint` is of the rows, as every version had it; `identity` holds the split scheme and the
    names of the columns as well. `sizes` are rows, and the number of folds.
    """

    name: str
    source: str
    fingerprint: str
    stands_in_for: str | None
    classes: list[str]
    columns: list[str]
    pixels: dict[str, Any] | None
    sizes: dict[str, int]
    table: NotRequired[dict[str, Any]]
    identity: NotRequired[str]
    validation: NotRequired[dict[str, Any]]
    reading: NotRequired[str | None]
    inspection: NotRequired[list[list[str]]]
    findings: NotRequired[dict[str, Any] | None]
    target: NotRequired[dict[str, float] | None]


class Facts(TypedDict):
    """What a study was made with. `identity` is of this study alone, even after it was deleted.

    `version` is of the tuner that began it; `rules` are hashes of that tuner's training code;
    `asked_metric` is the one of --metric, where that was given. `folds_in_search` folds are trained
    of each configuration but baseline and recipe; `race` is a `tuner.study.design.RaceRules`. A
    study without them keeps the rules before: all folds, and a race of three. `guesses` are what
    was tried before the search, as values by name; a study that was made before there were any has
    none. `guesses_keep_limits` is the rule by which those that wait are made smaller where they are
    over a limit; with another than KEEPS_LIMITS they stay as they are. `shuffled`: it is a placebo.
    """

    version: str
    case: str
    reference: str
    task: str
    metric: str
    direction: str
    seed: int
    fixed: dict[str, Any]
    data: StoredData
    trivial: dict[str, float | None]
    space: dict[str, StoredDistribution]
    plan: dict[str, Any]
    order: NotRequired[str]
    sampler: NotRequired[str]
    pruner: NotRequired[str]
    folds_in_search: NotRequired[int]
    race: NotRequired[dict[str, Any]]
    identity: NotRequired[str]
    baseline: NotRequired[dict[str, Any]]
    recipe: NotRequired[dict[str, Any]]
    points_per_epoch: NotRequired[int]
    asked_metric: NotRequired[str | None]
    limits: NotRequired[dict[str, float | None] | None]
    guesses: NotRequired[list[dict[str, Any]]]
    guesses_keep_limits: NotRequired[int]
    source: NotRequired[StoredSource]
    rules: NotRequired[dict[str, str]]
    shuffled: NotRequired[bool]


class AcceptedChange(TypedDict):
    """A change with which the study was continued by --accept-changes; `when` is UTC, ISO 8601."""

    when: str
    what: str
    was: str
    now: str


class Allowed(TypedDict):
    """What a time budget has decided, so that the study fits into it.

    `cost` is what a trial may compute at most, as a multiple of the baseline, which takes
    `baseline_seconds`; `models` an arm meet the test in one look, 0: in two, as planned,
    None: not decided yet.
    """

    seconds: float
    cost: float
    baseline_seconds: float
    models: int | None


class Session(TypedDict):
    """One run of the study command: what was typed, where, and how many seconds its parts took.

    `trials` were asked for; None: as many as are worth it, or as fit into a time budget.
    `trials_before` had ended when it began. `within` is the part that did not come to its end, by
    the name of its seconds.
    """

    command: str
    started: str
    trials: NotRequired[int | None]
    trials_before: NotRequired[int]
    workers: int
    data_dir: str | None
    machine: dict[str, Any]
    version: NotRequired[str]
    cluster: NotRequired[dict[str, Any]]
    cards: NotRequired[dict[str, Any]]
    not_repeatable: NotRequired[list[str]]
    search_seconds: NotRequired[float]
    confirmation_seconds: NotRequired[float]
    audit_seconds: NotRequired[float]
    within: NotRequired[str]


class Opening(TypedDict):
    """One opening of the test split; `when` is UTC, ISO 8601, `rows` the identity of its rows.

    Attributes:
        look: of a test of two looks, from the second one on.
        test: what tells that test from others of the study.
        again: whether it was interrupted after it was opened, so that this is no other test.
        seen: whether its scores were kept, before a change was accepted: the same test is then
            another one, as they may be why.
        of: in the record of studies that were deleted: which study opened it.
    """

    when: str
    reason: str
    rows: NotRequired[str]
    look: NotRequired[int]
    test: NotRequired[dict[str, Any]]
    again: NotRequired[bool]
    seen: NotRequired[bool]
    of: NotRequired[str]


class SearchTrial(TypedDict):
    """Attributes of a trial that tuner has trained. One that was added from outside has none.

    Attributes:
        arm: "baseline" or "recipe", of a trial that is one.
        guess: its number among the guesses, of a trial that is one.
        tried: what a person asked for with --try, of a trial that was: values by name.
        hyperparameters: all of them.
        seed: of its training.
        curve: a point each: step, epoch, training loss, training metric, validation score.
        best_epoch: at which the complete trial was at its best; so are `fold_scores`, of the folds
            that the search uses.
        failure: why it failed, in one line; `diverged`: by a number that is not finite.
        seconds: on the clock. work: floating-point operations, or report points.
        begun, ended: in virtual time.
        parameters, latency_ms: of its model, where the study has limits (`tuner.study.limits`);
            breaks: by which share it is over each of them.
        alongside: virtual time of those that ran when it ended, by their numbers.
        traceback: of the code that failed.
        taken_over: of a trial of another study: that study, its number there, that of its seed.
        lost, again_of, place, informed, answered_alongside: of a loop; see the names above.
    """

    arm: NotRequired[str]
    guess: NotRequired[int]
    tried: NotRequired[dict[str, Any]]
    hyperparameters: dict[str, Any]
    seed: int
    curve: NotRequired[list[list[float | None]]]
    best_epoch: NotRequired[float]
    fold_scores: NotRequired[list[float]]
    failure: NotRequired[str]
    diverged: NotRequired[bool]
    seconds: NotRequired[float]
    work: NotRequired[float]
    begun: NotRequired[float]
    ended: NotRequired[float]
    alongside: NotRequired[dict[str, float]]
    parameters: NotRequired[int]
    latency_ms: NotRequired[float]
    breaks: NotRequired[list[float]]
    traceback: NotRequired[str]
    taken_over: NotRequired[dict[str, Any]]
    lost: NotRequired[bool]
    again_of: NotRequired[int]
    place: NotRequired[int]
    informed: NotRequired[int]
    answered_alongside: NotRequired[dict[str, Any]]


class EvidenceTrial(TypedDict):
    """Attributes of a training after the search; its value is its score on the fold.

    `key` names what was trained, by what code, on what, for which study; `seconds` and `work` are
    its share of a job that trained several. A pruned trial that was trained to its end is
    `audited`: its number. It has no round, and `differs` says where its beginning was another.
    Of a call of a loop, `final` says whether it took part in the test, and `test` what its model
    did there.
    """

    key: str
    hyperparameters: dict[str, Any]
    epochs: int
    round: int | None
    split_seed: int | None
    fold: int | None
    seed: int
    seconds: float | None
    work: float
    failure: str | None
    surrogate: NotRequired[float]
    final: NotRequired[bool]
    test: NotRequired[dict[str, Any] | None]
    audited: NotRequired[int]
    differs: NotRequired[str | None]
