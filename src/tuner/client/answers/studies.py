"""Answers about studies and their trials."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from tuner.client.answers.service import Job  # noqa: TC001  # pydantic reads the types


class StudyRow(TypedDict):
    """A study in the list.

    `total` is the number of finished trials it ends with; null if the service did not start it.
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


class Studies(TypedDict):
    """A part of the list of studies, newest first.

    `next` is the `cursor` for requesting the next part; null after the last one.
    """

    studies: list[StudyRow]
    next: str | None


class Trial(TypedDict):
    """A trial; `curve` has pairs of a step and the score reported there."""

    number: int
    state: str
    arm: str | None
    score: float | None
    hyperparameters: dict[str, Any]
    seconds: float | None
    curve: list[list[float | None]]


class Trials(TypedDict):
    """All trials of a study."""

    trials: list[Trial]


class Metric(TypedDict):
    """The metric of scores; `per_cent` is true for shares, which are shown as per cent."""

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
    """A study in its present state.

    `log` is the latest output of its process, `left` an estimate of the remaining seconds, `parent`
    the study whose trials it began with, and `fixed` the values that are not searched.
    """

    case: str


class Pair(TypedDict):
    """The best of a study compared with that of another, by predictions for the same test rows.

    `gain` is the difference, with its interval. If it is unknown, `verdict` is null and `gain`
    gives the reason.
    """

    study: str
    against: str
    verdict: str | None
    gain: str


class Comparison(TypedDict):
    """Several studies; `inputs` and `hyperparameters` map what differs to one value per study.

    `pairs` compares each other study with the first.
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
    """Whether a study is archived."""

    study: str
    archived: bool


class Deletion(TypedDict):
    """What would be deleted with a study: trials, trainings after the search, and `bytes` of files.

    `paths` are in the storage folder; `aliases` are those that would lose their model.
    """

    study: str
    trials: int
    trainings: int
    bytes: int
    paths: list[str]
    models: list[str]
    aliases: list[str]
