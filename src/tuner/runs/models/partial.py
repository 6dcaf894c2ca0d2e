"""The baseline with only some of the best's changes: a small change that is worth making."""

from __future__ import annotations

import shutil
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.engines.inprocess import InProcessEngine
from tuner.errors import StudyError, UsageError, unknown_name
from tuner.evidence.ablation.changes import Change, LoopMixture, Mixture
from tuner.evidence.ablation.confirming_parts import confirm_part, name_of_part, why_not_confirmable
from tuner.evidence.ablation.parts import judge_part
from tuner.evidence.jobs import configuration_of
from tuner.naming import FOR_FOLDER, folder_name
from tuner.report.sections.part import part_in_words
from tuner.runs.holding import at_work
from tuner.runs.publishing import write_and_publish
from tuner.study.arms import arms_of, why_no_changes
from tuner.study.database.storage import is_read_only
from tuner.study.schema import ABLATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import optuna

    from tuner.case.contract import Case
    from tuner.evidence.jobs import Configuration
    from tuner.runs.settings import RetrainingSettings
    from tuner.study.configuration import StudyConfig


@dataclass(frozen=True, slots=True)
class Partial:
    """The baseline with some changes of the best.

    Attributes:
        configuration: to train; values that depend on a change are changed with it.
        changes: by name.
        is_best: whether it has all changes of the best.
        measured: number of fresh folds on which an ablation has trained exactly this; 0 for none.
    """

    configuration: Configuration
    changes: Mapping[str, Change]
    is_best: bool
    measured: int

    @property
    def label(self) -> str:
        """The name of its bundle."""
        return f"only-{'-'.join(self.changes)}"

    def manifest(self, confirmed: Confirmed) -> dict[str, Any]:
        """Return what a bundle's manifest says about it, instead of about a trial."""
        return {
            **self.facts(),
            "epochs": self.configuration.epochs,
            "hyperparameters": self.configuration.hyperparameters,
            "confirmed": confirmed.facts is not None,
            "comparison": confirmed.facts,
            "evidence": " ".join((self._evidence(), confirmed.words)),
        }

    def facts(self) -> dict[str, Any]:
        """Return what it is: no trial, but some changes."""
        return {
            "trial": None,
            "only": {
                name: {"was": one.was, "now": one.now, "with_it": dict(one.follows)}
                for name, one in self.changes.items()
            },
        }

    def _evidence(self) -> str:
        begin = "The baseline with only these changes of the best."
        if self.is_best:
            begin = "The baseline with all changes of the best, trained as a mixture of both."
        if self.measured:
            return f"{begin} tuner ablate has trained it on {self.measured} fresh folds."
        return begin


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The results of some of the changes on the test rows.

    Attributes:
        facts: its comparisons, from `judge_part`; None if it was not tested.
        words: the same in sentences, or why there are none.
        seeds: of the tested models.
        scores: of these models, all metrics.
    """

    facts: Mapping[str, Any] | None
    words: str
    seeds: Sequence[int] = ()
    scores: Sequence[Mapping[str, float]] = ()


def confirm_partial(
    study: optuna.Study,
    config: StudyConfig,
    partial: Partial,
    settings: RetrainingSettings,
    tell: Callable[[str], None],
) -> Confirmed:
    """Compare it with the baseline on the test rows, unless that is known, or impossible.

    Raises:
        StudyError: a training failed.
    """
    workplace = settings.stored.workplace
    why_not = why_not_confirmable(study)
    if partial.is_best:
        why_not = "--only names all changes of the best, and the report already compares the best"
    elif settings.seeds == 0:
        why_not = "--seeds 0 does not use the test split"
    elif why_not is None and is_read_only(workplace.url):
        why_not = "the database may only be read"
    if why_not:
        told = f"It is not confirmed: {why_not}."
        tell(told)
        return Confirmed(None, told)
    name = folder_name(study.study_name, FOR_FOLDER)
    whole = workplace.confirmation(name)
    folder = whole / "part"  # beside the weights of a confirmation that has another look to come
    with at_work(workplace, study.study_name), closing(InProcessEngine()) as engine:
        found = confirm_part(
            study,
            config,
            engine,
            partial.configuration,
            partial.changes,
            settings.seeds,
            folder,
            tell,
        )
        shutil.rmtree(folder, ignore_errors=True)  # their scores are stored
        with suppress(OSError):  # it does not exist, or has other weights
            whole.rmdir()
        write_and_publish(study, workplace, workplace.report(name), tell)
    facts = judge_part(study, name_of_part(partial.configuration), found)
    words = part_in_words(config.case.metric, facts)
    tell(words)
    return Confirmed(facts, words, found["seeds"], found["scores"])


def partial_of(study: optuna.Study, case: Case | None, names: Sequence[str]) -> Partial:
    """Return the baseline with only these changes of the best.

    Args:
        case: of the study; None: it is of a loop.

    Raises:
        StudyError: there is no baseline, or the best changes nothing.
        UsageError: one is not a change of the best.
    """
    arms = arms_of(study)
    if why := why_no_changes(arms):
        raise StudyError(
            f"study {study.study_name!r} has no changes to choose from: {why}; continue the search "
            "(a larger --trials)"
        )
    baseline, best = (configuration_of(arms[name]) for name in ("baseline", "best"))
    mixture = (
        Mixture(case, baseline, best)
        if case
        else LoopMixture(baseline, best, study.get_trials(deepcopy=False))
    )
    for name in names:
        _check(mixture, name)
    taken = frozenset(names)
    return Partial(
        configuration=mixture.configuration(taken),
        changes={name: mixture.changes[name] for name in mixture.changes if name in taken},
        is_best=taken == set(mixture.changes),
        measured=_measured(study, arms["best"].number, taken),
    )


def _check(mixture: Mixture | LoopMixture, name: str) -> None:
    if name in mixture.changes:
        return
    leaders = [other for other, one in mixture.changes.items() if name in one.follows]
    if leaders:
        raise UsageError(f"--only {name}: it comes with {leaders[0]}; name that")
    if name in mixture.baseline.hyperparameters:
        raise UsageError(
            f"--only {name}: the best does not change it; it changes {', '.join(mixture.changes)}"
        )
    raise unknown_name("change of the best", "changes", name, mixture.changes)


def _measured(study: optuna.Study, best: int, taken: frozenset[str]) -> int:
    """Return on how many fresh folds an ablation of this best has trained exactly these."""
    found: Mapping[str, Any] = study.user_attrs.get(ABLATION) or {}
    if not found or found["best"] != best:
        return 0
    path = [frozenset(found["path"][:length]) for length in range(len(found["path"]) + 1)]
    scores = dict(zip(path, found["path_scores"], strict=False))
    if found["smallest"]:
        scores[frozenset(found["smallest"])] = found["smallest_scores"]
    return len(scores.get(taken, []))
