"""Compares trials of one or several studies: what differs, and which is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from scipy.stats import t as student

from tuner.case.metric import metric_of
from tuner.errors import StudyError, UsageError
from tuner.evidence.statistics.comparison import CONFIDENCE
from tuner.language import said
from tuner.runs.contrast import contrast, differing, inputs_that_differ, reasons_among
from tuner.serve.finding import catalogue_of, is_there
from tuner.serve.models.proof import Pair, paired
from tuner.serve.studies.browsing import points_of
from tuner.study.arms import arms_of
from tuner.study.schema import CONFIRMATION, FACTS, FOLD_SCORES, HYPERPARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import optuna
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

    from tuner.case.metric import Metric
    from tuner.study.catalogue import Catalogue
    from tuner.workplace import Workplace

FEWEST, MOST = 2, 8  # sides of a comparison
MARK = "#"  # between the name of a study and the number of a trial


@dataclass(frozen=True, slots=True)
class Score:
    """The scores of one configuration, one per fold or seed.

    Attributes:
        interval: of their mean, at 95 %, by Student's t; None with one score. It covers what
            differs between the scores: folds of the validation, or the luck of trainings on one
            test split.
    """

    mean: float
    n: int
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, scores: Sequence[float], *, share: bool = False) -> Score | None:
        """Return the summary; None if there are no scores, or one is not finite.

        Args:
            share: whether scores are shares between 0 and 1; then so is the interval.
        """
        if not scores or not all(map(math.isfinite, scores)):
            return None
        mean, n = fmean(scores), len(scores)
        if n == 1:
            return cls(mean, n, None)
        error = math.sqrt(sum((one - mean) ** 2 for one in scores) / (n - 1) / n)
        half = float(student.isf((1 - CONFIDENCE) / 2, n - 1)) * error
        low, high = mean - half, mean + half
        return cls(mean, n, (max(low, 0.0), min(high, 1.0)) if share else (low, high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the compared trials.

    Attributes:
        label: its name for people: the study, or STUDY#NUMBER.
        made: facts of its study.
        test: by metric; empty if it was not tested.
    """

    label: str
    study: str
    trial: int
    arm: str
    state: str
    metric: Metric
    made: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    validation: Score | None
    test: Mapping[str, Score | None]
    curve: Sequence[Sequence[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The comparison of several trials.

    Attributes:
        reasons: why scores cannot be compared; empty if they can.
        pairs: each side but the first, compared with the first.
    """

    sides: Sequence[Side]
    reasons: Sequence[str]
    inputs: Mapping[str, Sequence[Any]]
    hyperparameters: Mapping[str, Sequence[Any]]
    pairs: Sequence[Pair]

    @property
    def metrics(self) -> list[str]:
        """The metrics by which any of them was tested."""
        return list(dict.fromkeys(name for side in self.sides for name in side.test))

    @property
    def curves(self) -> dict[str, Sequence[Sequence[float | None]]]:
        """The curves that can share an axis: those with the first one's metric."""
        metric = self.sides[0].metric.name
        return {side.label: side.curve for side in self.sides if side.metric.name == metric}


def compare(storage: RDBStorage, labels: Sequence[str]) -> Comparison:
    """Compare the bests of studies, or named trials.

    Args:
        labels: names of studies, each alone or followed by the number of a trial: `digits#7`.

    Raises:
        UsageError: there are too few or too many, one is named twice, or one does not exist.
        StudyError: one has no complete trial.
    """
    wanted = list(dict.fromkeys(labels))
    _check_count(len(wanted))
    catalogue = _holding(storage, wanted)
    sides = [_side(catalogue, label) for label in wanted]
    told = [(one.study, one.trial) for one in sides]
    if len(set(told)) < len(told):
        raise UsageError(said("two of them are the same trial; choose different ones"))
    return Comparison(
        sides=sides,
        reasons=reasons_among([one.made for one in sides]),
        inputs=inputs_that_differ(*(one.made for one in sides)),
        hyperparameters=differing(*(one.hyperparameters for one in sides)),
        pairs=[paired(storage, told[0], other, len(sides) - 1) for other in told[1:]],
    )


def compare_studies(
    storage: RDBStorage, workplace: Workplace, names: Sequence[str]
) -> dict[str, Any]:
    """Compare the bests of studies, as plain values.

    Returns:
        The result of `contrast`, and as `pairs` the verdict of each other study against the first.

    Raises:
        UsageError: as `compare` raises it, and if a study is named twice.
        StudyError: one has no complete trial.
    """
    _check_count(len(set(names)))
    if len(set(names)) < len(names):
        raise UsageError(said("two of them are the same trial; choose different ones"))
    found = contrast(workplace, *names)
    told = [(name, one["trial"]) for name, one in zip(names, found["scores"], strict=True)]
    pairs = [paired(storage, told[0], other, len(told) - 1) for other in told[1:]]
    found["pairs"] = [
        {
            "study": name,
            "against": names[0],
            "verdict": pair.verdict if pair.gain else None,
            "gain": pair.in_words(),
        }
        for name, pair in zip(names[1:], pairs, strict=True)
    ]
    return found


def _check_count(count: int) -> None:
    if not FEWEST <= count <= MOST:
        raise UsageError(
            said(
                "got {count} to compare; choose {fewest} to {most}",
                count=count,
                fewest=FEWEST,
                most=MOST,
            )
        )


def _holding(storage: RDBStorage, labels: Sequence[str]) -> Catalogue:
    """Read the named studies; a name may itself contain the mark of a trial."""
    names = {label for label in labels if is_there(storage, label)}
    names |= {label.rpartition(MARK)[0] or label for label in labels if label not in names}
    return catalogue_of(storage, *names)


def _side(catalogue: Catalogue, label: str) -> Side:
    name, _, number = label.rpartition(MARK)
    if label in catalogue.studies or not (number.isascii() and number.isdigit()):
        study = catalogue.load(label)
        arms = arms_of(study)
        if "best" not in arms:
            raise StudyError(
                said("study {label!r} has no complete trial yet; compare it later", label=label)
            )
        trial = arms["best"]
    else:
        study = catalogue.load(name)
        arms = arms_of(study)
        trial = _trial(study, int(number))
    made = study.user_attrs[FACTS]
    held = [arm for arm, one in arms.items() if one.number == trial.number]
    facts = trial.user_attrs
    return Side(
        label=label,
        study=study.study_name,
        trial=trial.number,
        arm=", ".join(held),
        state=trial.state.name.lower(),
        metric=metric_of(made),
        made=made,
        hyperparameters=facts.get(HYPERPARAMETERS, trial.params),
        validation=Score.of(
            facts.get(FOLD_SCORES) or list(trial.values or []), share=metric_of(made).per_cent
        ),
        test=dict(_tested(study, trial.number)),
        curve=points_of(trial),
    )


def _trial(study: optuna.Study, number: int) -> FrozenTrial:
    trials = study.get_trials(deepcopy=False)
    if number >= len(trials):
        raise UsageError(
            said(
                "no trial {number} in study {study_name!r}; it has {count}, from 0 on",
                number=number,
                study_name=study.study_name,
                count=len(trials),
            )
        )
    return trials[number]


def _tested(study: optuna.Study, number: int) -> Iterator[tuple[str, Score | None]]:
    """Yield the test scores of the models of a trial, by metric."""
    of_study = metric_of(study.user_attrs[FACTS])
    for arm in (study.user_attrs.get(CONFIRMATION) or {"arms": {}})["arms"].values():
        if arm["trial"] == number and arm["scores"]:
            for metric in arm["scores"][0]:
                share = metric == of_study.name and of_study.per_cent
                yield metric, Score.of([one[metric] for one in arm["scores"]], share=share)
            return
