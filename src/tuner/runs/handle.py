"""An existing study, as an object for programs and notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tuner.depot.contract import MOST_MODELS
from tuner.engines.compute import Compute
from tuner.report.facts import gather
from tuner.report.sections.verdict import verdict
from tuner.report.summary import summary
from tuner.report.writing import write_report
from tuner.runs.ablation import run_ablation
from tuner.runs.arguments import check_arm, check_seconds, check_several, check_whole
from tuner.runs.folder.inventory import best_in
from tuner.runs.models.retraining import retrain
from tuner.runs.settings import (
    AblationSettings,
    RetrainingSettings,
    Stored,
    VerificationSettings,
)
from tuner.runs.unaffected import unaffected
from tuner.runs.verification import run_verification
from tuner.runs.watching import observer_here
from tuner.seeds import LARGEST
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.runs.settings import Arm
    from tuner.workplace import Workplace

T = TypeVar("T")


class Study:
    """A study: what it has found, and what can be done with it.

    A notebook displays it with the verdict, the scores of the arms, the search and the curves.

    >>> import tuner
    >>> study = tuner.open_study("tiny")
    >>> study.name, study.best["metric"]
    ('tiny', 'accuracy')

    Attributes:
        name: of the study.
        case: file of your own case, whose code is run; None: the case ships with tuner.
        workplace: where it is stored.
    """

    def __init__(
        self, name: str, workplace: Workplace, case: str | None = None, workers: int | None = None
    ) -> None:
        self.name, self.workplace, self.case = name, workplace, case
        self._workers = workers
        with unaffected():
            load_study(workplace.url, name)  # raises an error if there is none

    def __repr__(self) -> str:
        """Return the study's name and its verdict."""
        return f"<Study {self.name!r}: {self.verdict}>"

    @property
    def facts(self) -> dict[str, Any]:
        """Everything known about it, as in report.json."""
        with unaffected():
            return gather(load_study(self.workplace.url, self.name), self.workplace)

    @property
    def verdict(self) -> str:
        """Whether the best is really better than the baseline, in a sentence."""
        facts = self.facts
        return verdict(facts) if facts["arms"] else "no trial is complete yet"

    @property
    def best(self) -> dict[str, Any]:
        """The best configuration with its scores, as `tuner best --json` prints it.

        Raises:
            StudyError: no trial is complete.
        """
        return best_in(self.facts)

    def report(self, out: str | Path | None = None) -> Path:
        """Write the report again; return the path of report.md (report.html and .json are beside).

        Args:
            out: folder; None: the study's own.

        Raises:
            UsageError: the folder cannot be written.
        """
        with unaffected():
            study = load_study(self.workplace.url, self.name)
            folder = self.workplace.report(self.name) if out is None else Path(out)
            return write_report(study, self.workplace, folder)

    def retrain(
        self,
        arm: Arm = "best",
        *,
        trial: int | None = None,
        only: Sequence[str] = (),
        seed: int | None = None,
        models: int = 1,
        out: str | Path | None = None,
    ) -> Path | str:
        """Train a model and save it; return the folder of its bundle, or its URL in S3.

        `tuner.load` takes either. Files that your own loop has written must be loaded by its code.

        Args:
            arm: baseline, recipe or best.
            trial: number of a trial, in place of an arm.
            only: changes of the best, by name, in place of an arm: the baseline with only these.
            seed: of the training; None: the first seed of the confirmation.
            models: how many to train, with different seeds; several are saved as one ensemble,
                whose answer is their mean.
            out: the bundle's folder; None: the study's own.

        Raises:
            TunerError: the same errors as `tuner retrain`.
        """
        check_arm(arm)
        check_whole("trial", trial, 0)
        check_several("only", only, "['epochs', 'learning_rate']")
        check_whole("seed", seed, 0, LARGEST)
        check_whole("models", models, 1, MOST_MODELS)
        settings = RetrainingSettings(
            stored=self._stored,
            arm=arm,
            trial=trial,
            only=tuple(only),
            seed=seed,
            models=models,
            out=None if out is None else Path(out),
        )
        with unaffected():
            return retrain(settings)

    def ablate(self, *, seeds: int = 5, budget: float | None = None) -> Path:
        """Measure which change made the difference; return the report.

        Args:
            seeds: rounds, each with its own seed and fold.
            budget: seconds after which no training is started; None: no limit.

        Raises:
            TunerError: the same errors as `tuner ablate`.
            KeyboardInterrupt: it was interrupted; the same call continues it.
        """
        check_whole("seeds", seeds, 1)
        check_seconds("budget", budget)
        settings = AblationSettings(
            stored=self._stored, seeds=seeds, budget=budget, compute=self._compute
        )
        with unaffected(), observer_here() as observer:
            return _unless_stopped(run_ablation(settings, observer))

    def verify(self, *, trial: int | None = None, sample: int | None = None) -> bool:
        """Train trials again; return whether all are the same, bit for bit.

        Args:
            trial: number of the only trial to check.
            sample: how many to draw, if no trial is named; None: all.

        Raises:
            TunerError: the same errors as `tuner verify`.
            KeyboardInterrupt: it was interrupted.
        """
        check_whole("trial", trial, 0)
        check_whole("sample", sample, 1)
        settings = VerificationSettings(
            stored=self._stored, trial=trial, sample=sample, compute=self._compute
        )
        with unaffected(), observer_here() as observer:
            return _unless_stopped(run_verification(settings, observer))

    @property
    def _stored(self) -> Stored:
        return Stored(study=self.name, workplace=self.workplace, case_file=self.case)

    @property
    def _compute(self) -> Compute:
        return Compute(self._workers)

    def _repr_html_(self) -> str:
        with unaffected():
            study = load_study(self.workplace.url, self.name)
            facts = gather(study, self.workplace)
            return summary(facts, study.get_trials(deepcopy=False))


def _unless_stopped(found: T | None) -> T:
    """Return what a run has found.

    Raises:
        KeyboardInterrupt: nothing: the cells that wait in a notebook must not run.
    """
    if found is None:
        raise KeyboardInterrupt
    return found
