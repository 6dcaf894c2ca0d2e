"""The database's content besides Optuna's own: all attributes of studies and trials.

A study of tuner is an Optuna study with the attribute `FACTS`. A second one, named
`STUDY/evidence`, with the attribute `EVIDENCE`, holds the trainings after the search. Studies of
earlier versions lack attributes that were added later: these are `NotRequired` here.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

# Attributes of a study.
FACTS = "tuner"  # Facts: what the study was made with; it makes an Optuna study one of tuner's
CHANGES = "changes_accepted"  # list[AcceptedChange]: changes accepted since, oldest first
SESSIONS = "sessions"  # list[Session]: the runs of the study command
STOPPED = "stopped"  # why the search has ended by itself; None if it has not
OVER_LIMITS = "over_limits"  # of STOPPED: number of configurations in a row over a person's limits
BUDGET = "budget"  # the time budget that has ended the search; None if none has
ALLOWED = "allowed"  # Allowed: what a time budget has decided
CONFIRMATION = "confirmation"  # the winner on fresh folds, and the arms' results on the test split
MISTAKES = "mistakes"  # errors of the best on the test split
ABLATION = "ablation"  # the effect of each change
AUDIT = "audit"  # scores of randomly chosen pruned trials that were trained to their end
PLACEBO = "placebo"  # result of the same search on shuffled targets
PARTS = "parts"  # by name: test results of the baseline with some of the changes
IMPORTANCE = "importance"  # which hyperparameters mattered
REMARKS = "remarks"  # sentences about oddities of the data, shown before anything trains
TESTED_WEIGHTS = "tested_weights"  # of models scored on the test: by trial or part, then by seed
SEED_MATTERS = "seed_matters"  # what a training's seed changes: "weights", "order" or "nothing"
NOTE = "note_version"  # of the dashboard note that tuner wrote last; a later version is a person's
OPENINGS = "test_openings"  # list[Opening]: when and why the test split was opened

PARENT = "parent"  # the study whose trials it began with: its name, identity and how many

# Attributes of the evidence study, each followed by the number of a trial.
DIVERGED_FINALS = "diverged:"  # or by a part: seeds that gave no model for the test
ROW_LOSSES = "row_losses:"  # of a loop: loss on each test row of the models of that trial

# Conclusions from trainings; they are cleared when a change is accepted.
CONCLUSIONS = (CONFIRMATION, MISTAKES, ABLATION, AUDIT, PLACEBO, PARTS, TESTED_WEIGHTS)

# The attribute of a study with the trainings after another's search: the other's name.
EVIDENCE = "evidence_of"

TRIALS_BEFORE = "trials_before"  # of a session: how many trials had ended when it began
WITHIN = "within"  # of a session: its current part, still stored if it is killed there

# Attributes of a trial of the search (SearchTrial) and of one of the evidence (EvidenceTrial).
ARM, HYPERPARAMETERS, SEED, CURVE = "arm", "hyperparameters", "seed", "curve"
BEST_EPOCH, FOLD_SCORES, FAILURE, DIVERGED = "best_epoch", "fold_scores", "failure", "diverged"
SECONDS, WORK, BEGUN, ENDED, ALONGSIDE = "seconds", "work", "begun", "ended", "alongside"
KEY, TRACEBACK = "key", "traceback"
SURROGATE = "surrogate"  # of a training after the search: its score by the metric's surrogate
KEEPS_LIMITS = 2  # the rule by which guesses keep limits; the first, True, reduced depth first
GUESS = "guess"  # number, from 0, of a guess: a configuration tried before the search draws
TRIED = "tried"  # what a person asked for with --try: values by name
TAKEN = "taken_over"  # of a trial from another study: that study, its number, its seed's number
LOST = "lost"  # of a loop: the machine failed, not the configuration; the trial does not count
AGAIN = "again_of"  # of a trial that replaces a lost one: the number of the lost one
PLACE, INFORMED = "place", "informed"  # of a loop: trials ended before its end; before its ask
CONSTRAINTS = "constraints_told"  # of a loop: its constraints by name; positive: broken
SHARED_FILES = "shared_files"  # of a loop: files it used that any concurrent call would use too
ANSWERED = "answered_alongside"  # of a loop: answers that running trials had got when it ended


# All attributes of ours: a loop's own attributes with one of these names are renamed.
OWN = frozenset(
    {
        *(ARM, HYPERPARAMETERS, SEED, CURVE, BEST_EPOCH, FOLD_SCORES, FAILURE, DIVERGED, SECONDS),
        *(WORK, BEGUN, ENDED, ALONGSIDE, KEY, TRACEBACK, GUESS, TRIED, TAKEN, LOST, AGAIN, PLACE),
        *(INFORMED, ANSWERED, CONSTRAINTS, SHARED_FILES),
    }
)


class StoredDistribution(TypedDict):
    """The range of one hyperparameter, in Optuna's notation."""

    name: str
    attributes: dict[str, Any]


class StoredSource(TypedDict):
    """Hashes of the code of a case: `tuner.case.source.Source`."""

    file: str
    main: str
    modules: dict[str, str]


class StoredData(TypedDict):
    """The data of a study.

    `fingerprint` covers the rows, as in every version; `identity` also covers the split scheme and
    the names of the columns. `sizes` are numbers of rows, and the number of folds.
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
    """The settings that a study was made with. `identity` is unique, even if the study is deleted.

    `version` is the tuner version that began it; `rules` are hashes of that tuner's training code;
    `asked_metric` is that of --metric, if given. `folds_in_search` is the number of folds trained
    for each configuration except baseline and recipe; `race` is a `tuner.study.design.RaceRules`. A
    study without these two keeps the older rules: all folds, and a race of three. `guesses` are the
    configurations tried before the search, as values by name; a study from before guesses has none.
    `guesses_keep_limits` is the rule that makes waiting guesses smaller if they are over a limit;
    under any other rule than KEEPS_LIMITS they stay unchanged. `shuffled` marks a placebo.
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
    """A change accepted with --accept-changes to continue the study; `when` is UTC, ISO 8601."""

    when: str
    what: str
    was: str
    now: str


class Allowed(TypedDict):
    """Decisions that a time budget has made so that the study fits into it.

    `cost` is the most work of a trial, as a multiple of the baseline's, which takes
    `baseline_seconds`. `models` is the number of models per arm that are tested in one look; 0
    means two looks, as planned, and None means not decided yet.
    """

    seconds: float
    cost: float
    baseline_seconds: float
    models: int | None


class Session(TypedDict):
    """One run of the study command: its command line, machine, and the seconds of its parts.

    `trials` were asked for; None means as many as are worth it, or as fit into a time budget.
    `trials_before` had ended when it began. `within` is the part that was not completed, by the
    name of its seconds.
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
        look: number of the look, from the second one on, of a test in two looks.
        test: identifies the test among those of the study.
        again: whether it repeats an opening that was interrupted, so that it is not another test.
        seen: whether its scores were stored before a change was accepted. The same test then counts
            as another one, because the scores may have led to the change.
        of: in the record of deleted studies: the study that opened it.
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
    """Attributes of a trial that tuner has trained. A trial added from outside has none.

    Attributes:
        arm: "baseline" or "recipe", if it is one.
        guess: its number among the guesses, if it is one.
        tried: values by name that a person asked for with --try, if so.
        hyperparameters: all of them.
        seed: of its training.
        curve: a point each: step, epoch, training loss, training metric, validation score.
        best_epoch: epoch of the best score of a complete trial; `fold_scores` are its scores then,
            on the folds that the search uses.
        failure: why it failed, in one line; `diverged`: because a number was not finite.
        seconds: wall-clock time. work: floating-point operations, or report points.
        begun, ended: in virtual time.
        parameters, latency_ms: of its model, if the study has limits (`tuner.study.limits`);
            breaks: its excess over each limit, as a share of it.
        alongside: virtual times of the trials that ran when it ended, by number.
        traceback: of the code that failed.
        taken_over: of a trial from another study: that study, its number there, its seed's number.
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

    `key` identifies the configuration, the code, the data and the study; `seconds` and `work` are
    its share of a job that trained several. `audited` is the number of the pruned trial that it
    trained to its end; such a training has no round, and `differs` describes where its beginning
    differed from the trial's. For a call of a loop, `final` is whether it took part in the test,
    and `test` the result of its model there.
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
