"""What the commands do, as functions for programs and notebooks.

None of them prints, changes the number of threads, seeds a generator of the caller's, or leaves a
signal, a warning or a logger other than it was.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tuner.case.reference import is_file, is_loop
from tuner.engines.compute import Compute
from tuner.report.facts import gather
from tuner.report.sections.verdict import verdict
from tuner.report.summary import summary
from tuner.report.writing import write_report
from tuner.runs.ablation import run_ablation
from tuner.runs.inventory import best_in, studies_of
from tuner.runs.retraining import retrain
from tuner.runs.settings import (
    DEFAULT_TRIALS,
    AblationSettings,
    RetrainingSettings,
    Stored,
    StudySettings,
    VerificationSettings,
)
from tuner.runs.study import run_study as run
from tuner.runs.unaffected import unaffected
from tuner.runs.verification import run_verification
from tuner.runs.watching import observer_here
from tuner.study.limits import Limits
from tuner.study.store import load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.metric import Direction
    from tuner.runs.inventory import Entry
    from tuner.runs.observer import Observer
    from tuner.runs.settings import Arm


class Study:
    """A study of tuner's: what it has found, and what can be done with it.

    In a notebook it shows itself: the verdict, the scores of the arms, the search and the curves.

    >>> study = open_study("tiny")
    >>> study.name, study.best["metric"]
    ('tiny', 'accuracy')

    Attributes:
        name: of the study.
        case: file of a case of one's own, which code is run from; None: the case ships with tuner.
        workplace: where it is kept.
    """

    def __init__(
        self, name: str, workplace: Workplace, case: str | None = None, workers: int | None = None
    ) -> None:
        self.name, self.workplace, self.case = name, workplace, case
        self._workers = workers
        with unaffected():
            load_study(workplace.url, name)  # that there is one

    def __repr__(self) -> str:
        """Say which study it is, and what it has found."""
        return f"<Study {self.name!r}: {self.verdict}>"

    @property
    def facts(self) -> dict[str, Any]:
        """All that is known of it, as report.json has it."""
        with unaffected():
            return gather(load_study(self.workplace.url, self.name), self.workplace)

    @property
    def verdict(self) -> str:
        """Whether the best is really better than the baseline, in a sentence."""
        facts = self.facts
        return verdict(facts) if "best" in facts["arms"] else "no trial is complete yet"

    @property
    def best(self) -> dict[str, Any]:
        """The best configuration with its scores, as `tuner best --json` has it.

        Raises:
            StudyError: no trial is complete.
        """
        return best_in(self.facts)

    def report(self, out: str | Path | None = None) -> Path:
        """Write the report again; return report.md, beside which are report.html and .json.

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
        out: str | Path | None = None,
    ) -> Path:
        """Train a model to keep; return its bundle's folder, which `tuner.load` takes.

        Args:
            arm: baseline, recipe or best.
            trial: number of a trial, in place of an arm.
            only: names of changes of the best, in place of an arm: the baseline with these.
            seed: of the training; None: the first of the confirmation.
            out: the bundle's folder; None: the study's own.

        Raises:
            TunerError: as `tuner retrain` ends.
        """
        settings = RetrainingSettings(
            stored=self._stored,
            arm=arm,
            trial=trial,
            only=tuple(only),
            seed=seed,
            out=None if out is None else Path(out),
        )
        with unaffected():
            return retrain(settings)

    def ablate(self, *, seeds: int = 5, budget: float | None = None) -> Path | None:
        """Measure which change bought the gain; return the report, or None where it was stopped.

        Args:
            seeds: rounds, each with a seed and a fold of its own.
            budget: seconds after which no training is started; None: no limit.

        Raises:
            TunerError: as `tuner ablate` ends.
        """
        with unaffected():
            return run_ablation(
                AblationSettings(
                    stored=self._stored, seeds=seeds, budget=budget, compute=self._compute
                ),
                observer_here(),
            )

    def verify(self, *, trial: int | None = None, sample: int | None = None) -> bool | None:
        """Train trials again; return whether all are the same, bit for bit; None: it was stopped.

        Args:
            trial: this one alone.
            sample: how many to draw, where no trial is named; None: all.

        Raises:
            TunerError: as `tuner verify` ends.
        """
        with unaffected():
            return run_verification(
                VerificationSettings(
                    stored=self._stored, trial=trial, sample=sample, compute=self._compute
                ),
                observer_here(),
            )

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


def run_study(
    case: str | Path,
    *,
    trials: int | Literal["default"] | None = "default",
    name: str | None = None,
    seed: int = 0,
    seeds: int | None = None,
    metric: str | None = None,
    fix: Mapping[str, object] | None = None,
    tries: Sequence[Mapping[str, object]] = (),
    max_parameters: int | None = None,
    max_latency_ms: float | None = None,
    direction: Direction | None = None,
    baseline: Mapping[str, object] | None = None,
    recipe: Mapping[str, object] | None = None,
    timeout: float | None = None,
    budget: float | None = None,
    workers: int | None = None,
    data_dir: str | Path | None = None,
    home: str | Path | None = None,
    storage: str | None = None,
    accept_changes: bool = False,
    observer: Observer | None = None,
) -> Study:
    """Make a study, or continue it, as `tuner study` does; return it.

    >>> study = run_study("mine.py", trials=5, seeds=2, workers=1)
    >>> study
    <Study 'tiny': ...>

    Args:
        case: name of a case, path of a case file, or a loop: "train.py:objective".
        trials: finished trials that the study ends with; None: as many as are worth it; by default
            50, or only the `tries` where a study is continued with these.
        name: of the study; None: that of its data.
        seed: of the study.
        seeds: models an arm that meet the test in one look; None: 4, and 4 more where those prove
            nothing; 0: confirm nothing, keep the test split closed. A loop is called on 6 to 24
            fresh seeds where it is None, or on as many to four times as many.
        metric: that is searched for; None: that of the case.
        fix: hyperparameters that are not searched, with their values.
        tries: configurations to be trained next; what is not named is as in the baseline.
        max_parameters: of a model; a configuration over it is not trained.
        max_latency_ms: of a model for one row, measured here before its training.
        direction: of a loop's score, where its file does not say.
        baseline: what to beat, by name, for a loop whose file does not say; so is `recipe`.
        timeout: seconds after which the search ends; None: no limit.
        budget: seconds for all runs of the study together, confirmation included; the search stops
            asking for trials so that the rest fits, or at `trials`, whichever is first.
        workers: fits that run at once; None: one a core, or one a GPU.
        data_dir: folder with the raw data; None: that of the home folder.
        home: folder for all that studies make; None: "storage".
        storage: URL of the database; None: studies.db in that folder.
        accept_changes: continue a study with what has changed since it was begun.
        observer: is told what happens, and may ask the run to stop; None: in a notebook a line
            shows it, elsewhere nothing does.

    Raises:
        TunerError: as `tuner study` ends; the database then holds all that finished.
    """
    place = workplace(home, storage)
    settings = StudySettings(
        case=str(case),
        workplace=place,
        command="",
        trials=DEFAULT_TRIALS if trials == "default" else trials,
        trials_by_default=trials == "default" and budget is None,
        name=name,
        seed=seed,
        seeds=seeds,
        metric=metric,
        fix=_assigned(fix),
        direction=direction,
        baseline=_assigned(baseline),
        recipe=_assigned(recipe),
        tries=tuple(",".join(_assigned(one)) for one in tries),
        limits=Limits(parameters=max_parameters, latency_ms=max_latency_ms),
        timeout=timeout,
        budget=budget,
        data_dir=None if data_dir is None else Path(data_dir),
        accept_changes=accept_changes,
        compute=Compute(workers),
    )
    settings = replace(settings, command=command_of(settings, home, storage))
    with unaffected():
        ended = run(settings, observer or observer_here())
    file = str(case) if is_file(str(case)) or is_loop(str(case)) else None
    return Study(ended.study, place, file, workers)


def open_study(
    name: str,
    *,
    case: str | Path | None = None,
    home: str | Path | None = None,
    storage: str | None = None,
    workers: int | None = None,
) -> Study:
    """Return a study that is there.

    >>> open_study("tiny").verdict.startswith("No ")
    True

    Args:
        name: of the study.
        case: file of a case of one's own; needed to train, not to look.
        home: folder of the studies; None: "storage".
        storage: URL of the database; None: studies.db in that folder.
        workers: fits that run at once; None: one a core, or one a GPU.

    Raises:
        UsageError: there is no such study.
        StoreError: there is no such database.
    """
    return Study(name, workplace(home, storage), None if case is None else str(case), workers)


def list_studies(*, home: str | Path | None = None, storage: str | None = None) -> list[Entry]:
    """Return all studies by name: how many trials, the best score and the verdict of each.

    >>> [(study.name, study.trials) for study in list_studies()]
    [('tiny', 5)]

    Raises:
        StoreError: the database cannot be opened.
    """
    with unaffected():
        return studies_of(workplace(home, storage))


def workplace(home: str | Path | None, storage: str | None) -> Workplace:
    """Return the workplace of these studies."""
    return Workplace.at(None if home is None else Path(home), storage)


def _assigned(values: Mapping[str, object] | None) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in (values or {}).items())


def command_of(settings: StudySettings, home: str | Path | None, storage: str | None) -> str:
    """Return the command that makes the same study, for its record and its report."""
    default = {name: field.default for name, field in StudySettings.__dataclass_fields__.items()}
    words = ["tuner", "study", settings.case]
    for name in ("trials", "name", "seed", "seeds", "metric", "direction", "timeout", "data_dir"):
        value = getattr(settings, name)
        within_time = name == "trials" and settings.budget is not None  # --budget has another
        if value != default[name] or within_time:
            option = name.replace("_", "-")
            words += [f"--{option}", "auto" if value is None else str(value)]
    if settings.budget is not None:
        words += ["--budget", f"{math.ceil(settings.budget)}s"]
    several = {
        "--fix": settings.fix,
        "--try": settings.tries,
        "--baseline": settings.baseline,
        "--recipe": settings.recipe,
    }
    words += [word for name, ones in several.items() for one in ones for word in (name, one)]
    for name, limit in asdict(settings.limits).items():
        if limit is not None:
            words += [f"--max-{name.replace('_', '-')}", str(limit)]
    typed = {"--workers": settings.compute.workers, "--home": home, "--storage": storage}
    words += [word for name, value in typed.items() if value for word in (name, str(value))]
    return shlex.join([*words, *(["--accept-changes"] if settings.accept_changes else [])])
