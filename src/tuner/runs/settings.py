"""The settings of a run, as plain values."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tuner.case.assignments import parse_pairs, split_pairs
from tuner.case.reference import door_of, is_loop, options_of, to_door
from tuner.engines.compute import Compute
from tuner.errors import UsageError
from tuner.own.loops.file import DIRECTIONS, read_loop
from tuner.own.options import from_root
from tuner.study.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.case.metric import Direction
    from tuner.own.loops.file import LoopFile
    from tuner.workplace import Workplace

DEFAULT_TRIALS = 50
MOST_TRIALS = 1000  # of a study with a time budget, if no number is given

Arm = Literal["baseline", "recipe", "best"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """A study to make or to continue.

    Attributes:
        case: name of a case, or path of a case file.
        command: repeats the study; for its record and its report.
        trials: number of finished trials at the end; None: as many as are worth it.
        trials_by_default: the number of trials was not given: a study that is continued with
            `tries` then ends with these, or with the number that an earlier run was asked for.
        name: of the study; None: that of its data.
        seed: of the study.
        seeds: models per arm that are scored on the test rows, in one look; None: 4, and 4 more if
            those prove nothing; 0: confirm nothing and do not use the test rows. A loop is called
            on this many fresh seeds, or on up to four times as many; None: on 6 to 24.
        timeout: seconds after which the search ends; None: no limit.
        budget: seconds that all runs of the study may take together, confirmation included; the
            search stops asking for trials so that the rest fits. None: no limit.
        order: in which results of parallel trials are taken.
        precision: of a new study; None: chosen by rule.
        data_dir: folder with the raw data; None: the workplace's own.
        fix: NAME=VALUE of hyperparameters that are not searched.
        accept_changes: continue a study although something has changed, and store a note of it.
        metric: what is searched for; None: the metric of the case. A loop reports its own score.
        limits: of what is trained.
        parent: study whose finished trials a new one begins with, as far as they fit; None: none.
        tries: configurations to train next, each NAME=VALUE,...; values that are not named are
            those of the baseline.
        direction: of a loop's score, if its file does not give it; `score` is the score's name.
        baseline: NAME=VALUE of values to beat, for a loop; the same for `recipe`.
    """

    case: str
    workplace: Workplace
    command: str
    trials: int | None = DEFAULT_TRIALS
    trials_by_default: bool = False
    name: str | None = None
    seed: int = 0
    seeds: int | None = None
    timeout: float | None = None
    budget: float | None = None
    order: Literal["work", "arrival"] = "work"
    precision: Literal["float32", "bfloat16"] | None = None
    data_dir: Path | None = None
    fix: tuple[str, ...] = ()
    accept_changes: bool = False
    tries: tuple[str, ...] = ()
    parent: str | None = None
    limits: Limits = field(default_factory=Limits)
    direction: Direction | None = None
    score: str | None = None
    metric: str | None = None
    baseline: tuple[str, ...] = ()
    recipe: tuple[str, ...] = ()
    compute: Compute = field(default_factory=Compute)

    @property
    def reference(self) -> str:
        """The reference to the case as a study and its models store it."""
        door = door_of(self.case)
        if door is None:
            return self.case
        given = importlib.import_module(f"tuner.own.{door}.given").Given
        return to_door(door, from_root(given, options_of(self.case)))

    @property
    def confirms(self) -> bool:
        """Whether there is a confirmation after the search."""
        return self.seeds != 0

    def check(self) -> None:
        """Refuse settings that would otherwise be ignored.

        Raises:
            UsageError: the settings do not fit each other, or this kind of study.
            CaseError: the file of a loop cannot be read.
        """
        self.compute.check()
        trials: object = self.trials  # a notebook does not check types
        if trials is not None and not (isinstance(trials, int) and trials > 0):
            raise UsageError(
                f"trials is {self.trials!r}; it takes a whole number from 1 on, or None for as "
                "many as are worth it"
            )
        if self.direction not in {None, *DIRECTIONS}:
            raise UsageError(f"direction is {self.direction!r}; it takes 'maximize' or 'minimize'")
        if is_loop(self.case):
            self._check_loop()
            return
        if self.score is not None:
            raise UsageError(
                "--score is for a training loop of your own (FILE.py:FUNCTION); the metric of case "
                f"{self.case!r} is chosen with --metric"
            )
        for option in ("direction", "baseline", "recipe"):
            if getattr(self, option):
                raise UsageError(
                    f"--{option} is for a training loop of your own (FILE.py:FUNCTION); case "
                    f"{self.case!r} already defines it"
                )

    def _check_loop(self) -> None:
        refuse_ray_for_loop(self.compute)
        for option, value, reason in (
            ("max-parameters", self.limits.parameters, "the model is made inside it"),
            ("max-latency-ms", self.limits.latency_ms, "the model is made inside it"),
            ("max-cost", self.limits.cost, "what it computes cannot be counted"),
            ("precision", self.precision, "it computes as its own code says"),
            ("data-dir", self.data_dir, "it reads its own data"),
        ):
            if value is not None:
                raise UsageError(
                    f"--{option} does not work with a training loop: {reason}; leave it out"
                )
        if self.metric is not None:
            raise UsageError(
                f"--metric {self.metric} does not work with a training loop: the score that it "
                "reports is searched for; leave it out, or use --score to say what that score is "
                "called"
            )
        direction_of(read_loop(self.case), self.direction)
        for name in ("baseline", "recipe", "fix"):
            parse_pairs(getattr(self, name), f"--{name}")
        for tried in self.tries:
            parse_pairs(split_pairs(tried), "--try")


def direction_of(loop: LoopFile, asked: Direction | None) -> Direction:
    """Return which way the score of a loop is better.

    Args:
        asked: by --direction, if it was.

    Raises:
        UsageError: it was not given.
    """
    direction = asked or loop.direction
    if direction is None:
        raise UsageError(
            f"which way is the score of {loop.path}:{loop.function} better? Add --direction "
            'maximize or --direction minimize, or write DIRECTION = "maximize" into '
            f"{loop.path.name}"
        )
    return direction


def refuse_ray_for_loop(compute: Compute) -> None:
    """Refuse a Ray cluster for calls of a loop.

    Raises:
        UsageError: it was asked for.
    """
    if compute.engine == "ray":
        raise UsageError("--engine ray cannot run a loop yet; leave it out to run it here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An existing study, and where its case and data are now.

    Attributes:
        study: its name.
        case_file: of a user's own case; None: the case ships with tuner.
        data_dir: folder with the raw data, if the study's cache is gone.
    """

    study: str
    workplace: Workplace
    case_file: str | None = None
    data_dir: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationSettings:
    """An ablation to measure.

    Attributes:
        seeds: rounds, each with its own seed and fold.
        budget: seconds after which no training is started; None: no limit.
        out: folder of the report; None: the workplace's.
    """

    stored: Stored
    seeds: int = 5
    budget: float | None = None
    out: Path | None = None
    compute: Compute = field(default_factory=Compute)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceboSettings:
    """Settings for repeating a study's search on shuffled targets.

    Attributes:
        command: as typed, for the record.
        trials: finished trials that it ends with; None for as many as the study has.
    """

    stored: Stored
    command: str
    trials: int | None = None
    compute: Compute = field(default_factory=Compute)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSettings:
    """Trials to train again.

    Attributes:
        trial: number of the only trial to check.
        sample: how many to draw, if no trial is named; None: all.
    """

    stored: Stored
    trial: int | None = None
    sample: int | None = None
    compute: Compute = field(default_factory=Compute)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingSettings:
    """A model to train again and keep.

    Attributes:
        arm: baseline, recipe or best.
        trial: number of a trial, in place of an arm.
        only: changes of the best, by name, in place of an arm: the baseline with only these.
        seeds: fresh seeds on which `only` is confirmed; None: as many as the study's confirmation
            has; 0: it is not confirmed, and the test rows are not used.
        seed: of the training; None: the first seed of the confirmation.
        models: how many to train, with different seeds; several are saved as one ensemble. The
            seeds are those of the confirmation, then further ones. With `seed`, only one model.
        out: the bundle's folder; None: the workplace's.
    """

    stored: Stored
    arm: Arm = "best"
    trial: int | None = None
    only: tuple[str, ...] = ()
    seeds: int | None = None
    seed: int | None = None
    models: int = 1
    out: Path | None = None
