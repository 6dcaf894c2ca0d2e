"""The baseline with only some of the best's changes: a small change that is worth making."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.errors import StudyError, UsageError, unknown_name
from tuner.evidence.changes import Change, Mixture
from tuner.evidence.confirmation import configuration_of
from tuner.study.arms import arms_of
from tuner.study.schema import ABLATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna

    from tuner.case.contract import Case
    from tuner.evidence.jobs import Configuration


@dataclass(frozen=True, slots=True)
class Partial:
    """The baseline with some changes of the best.

    Attributes:
        configuration: what they come to; what hangs on a change comes with it.
        changes: by name.
        is_best: whether nothing of the best is left out.
        measured: on how many fresh folds an ablation has trained exactly this; 0: on none.
    """

    configuration: Configuration
    changes: Mapping[str, Change]
    is_best: bool
    measured: int

    @property
    def label(self) -> str:
        """The name of its bundle."""
        return f"only-{'-'.join(self.changes)}"

    def manifest(self) -> dict[str, Any]:
        """Return what a bundle's manifest says of it, in place of what it says of a trial."""
        return {
            "trial": None,
            "epochs": self.configuration.epochs,
            "hyperparameters": self.configuration.hyperparameters,
            "only": {
                name: {"was": one.was, "now": one.now, "with_it": dict(one.follows)}
                for name, one in self.changes.items()
            },
            "confirmed": False,
            "evidence": self._evidence(),
            "metrics": {"validation": None, "test": None},
        }

    def _evidence(self) -> str:
        begin = "The baseline with only these changes of the best. "
        if self.is_best:
            begin = "The baseline with all changes of the best, trained as a mixture of both. "
        if self.measured:
            return (
                f"{begin}tuner ablate has trained it on {self.measured} fresh folds; no model "
                "of it has met the test split, so it is not confirmed."
            )
        return f"{begin}It has not been measured, and it is not confirmed."


def partial_of(study: optuna.Study, case: Case, names: Sequence[str]) -> Partial:
    """Return the baseline with only these changes of the best.

    Raises:
        StudyError: there is no baseline, or the best changes nothing.
        UsageError: one is not a change of the best.
    """
    arms = arms_of(study)
    if "baseline" not in arms or arms["baseline"].number == arms["best"].number:
        why = "its best is the baseline" if "baseline" in arms else "its baseline is missing"
        raise StudyError(
            f"study {study.study_name!r} has no changes to choose from: {why}; continue the search "
            "(a larger --trials)"
        )
    best = configuration_of(arms["best"])
    mixture = Mixture(case, configuration_of(arms["baseline"]), best)
    for name in names:
        _check(mixture, name)
    taken = frozenset(names)
    return Partial(
        configuration=mixture.configuration(taken),
        changes={name: mixture.changes[name] for name in mixture.changes if name in taken},
        is_best=taken == set(mixture.changes),
        measured=_measured(study, arms["best"].number, taken),
    )


def _check(mixture: Mixture, name: str) -> None:
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
