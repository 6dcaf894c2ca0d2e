"""Diagnoses what is wrong with a model, and which hyperparameters to try first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tuner.evidence.trials.signs import Curve, Signs, read_signs
from tuner.language import Message, said

if TYPE_CHECKING:
    from collections.abc import Collection

Label = Literal[
    "overfitting", "underfitting", "slow convergence", "unstable", "healthy", "too noisy to say"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The thresholds between labels; all but the first are shares.

    Attributes:
        standard_errors: by which two scores have to differ before the difference is believed.
        noise: standard error of the validation error above which small differences mean nothing.
        rise: mean rise of the training loss between points, relative to the trivial loss.
        blow_up: training loss, relative to the trivial loss.
        gap: validation error minus training error.
        slope: fall of the error over the last quarter of the training, relative to the error
            before.
        late: share of the whole fall of the training loss that happened in the last quarter.
        rising: share of the steps between points at which a steadily falling loss may rise.
        level: training error that is too high if no better trial is known.
        above_reference: excess of the training error over the best known validation error, relative
            to the latter.
    """

    standard_errors: float = 2.0
    noise: float = 0.08
    rise: float = 0.05
    blow_up: float = 3.0
    gap: float = 0.05
    slope: float = 0.1
    late: float = 0.12
    rising: float = 0.2
    level: float = 0.25
    above_reference: float = 0.25


THRESHOLDS = Thresholds()

# What to try first, the cheapest group first: training needs no change of the program, data a small
# one, and structure gives another model.
FIRST: dict[Label, dict[str, tuple[str, ...]]] = {
    "overfitting": {
        "training": ("weight_decay", "early_stopping", "label_smoothing"),
        "data": ("augmentation",),
        "structure": ("dropout", "batch_norm", "head", "width", "depth"),
    },
    "underfitting": {
        "training": ("learning_rate", "epochs", "weight_decay"),
        "data": ("augmentation",),
        "structure": ("width", "depth", "convolutions", "hidden", "dropout", "batch_norm"),
    },
    "slow convergence": {
        "training": ("learning_rate", "one_cycle", "epochs", "batch_size"),
        "structure": ("batch_norm",),
    },
    "unstable": {
        "training": ("learning_rate", "step_lr", "one_cycle", "batch_size"),
        "structure": ("batch_norm",),
    },
}
MEANING: dict[Label, Message] = {
    "overfitting": said(
        "the model does much better on the rows it was trained on than on new rows"
    ),
    "underfitting": said("the model does badly even on the rows it was trained on"),
    "slow convergence": said("the model was still improving when its training ended"),
    "unstable": said("the training loss jumps up and down, or grew without end"),
    "healthy": said("the learning curve shows no problem"),
    "too noisy to say": said(
        "there are too few validation rows to tell these differences from noise; add rows or folds"
    ),
}
WORD: dict[Label, Message] = {
    "overfitting": said("overfitting"),
    "underfitting": said("underfitting"),
    "slow convergence": said("slow convergence"),
    "unstable": said("unstable"),
    "healthy": said("healthy"),
    "too noisy to say": said("too noisy to say"),
}
GROUP = {"training": said("training"), "data": said("data"), "structure": said("structure")}
BEHIND = said(
    "even on the rows it was trained on, the model does worse than the best trial does on new rows"
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A diagnosis and its signs; a training that diverged before any point has no signs."""

    label: Label
    signs: Signs | None


def diagnose(curve: Curve, reference: float | None = None) -> Diagnosis:
    """Find out what is wrong with a training.

    Args:
        reference: the best validation metric of any trial known.

    Raises:
        ValueError: the curve has no point, and the training did not diverge.
    """
    if not curve.points:
        if curve.diverged:
            return Diagnosis("unstable", None)
        raise ValueError("a curve without points says nothing")
    signs = read_signs(curve, reference)
    return Diagnosis("unstable" if curve.diverged else _label(signs, THRESHOLDS), signs)


def _label(signs: Signs, limits: Thresholds) -> Label:
    believed = limits.standard_errors * signs.standard_error
    level = min(signs.training, signs.validation)  # dropout can make training the worse one
    if signs.peak > limits.blow_up or signs.rise > limits.rise:
        return "unstable"
    if signs.standard_error > limits.noise and signs.gap <= believed:
        return "too noisy to say"
    fits = level <= limits.level or signs.growth > signs.standard_error
    if signs.gap > max(limits.gap, believed) and fits:
        return "overfitting"
    at_reference = signs.reference is not None and signs.validation - signs.reference <= believed
    if at_reference:
        return "healthy"
    fast_yet = min(signs.slope, signs.training_slope) > limits.slope
    believable = signs.slope * signs.validation > signs.standard_error
    steady = signs.rising < limits.rising and min(signs.slope, signs.training_slope) > 0
    just_begun = steady and signs.late > limits.late and level > limits.level
    if (fast_yet and believable) or just_begun:
        return "slow convergence"
    if signs.reference is None:
        return "underfitting" if level > limits.level else "healthy"
    too_high = level > (1 + limits.above_reference) * signs.reference + believed
    return "underfitting" if too_high else "healthy"


def meaning(label: Label, *, against_best: bool) -> Message:
    """Return what a label means, for a training compared or not compared with the best trial."""
    return BEHIND if label == "underfitting" and against_best else MEANING[label]


def diagnosis_in_words(diagnosis: Diagnosis, hyperparameters: Collection[str]) -> Message:
    """Return what is wrong, how one can tell, and what to try first."""
    signs = diagnosis.signs
    against_best = signs is not None and signs.reference is not None
    told = said(
        "{label} ({meaning}).",
        label=WORD[diagnosis.label],
        meaning=meaning(diagnosis.label, against_best=against_best),
    )
    if signs is not None:
        told = said(
            "{before} Compared with always giving the same answer, its error is {training:.0f} % "
            "on training rows and {validation:.0f} % on validation rows (standard error "
            "{error:.1f} %).",
            before=told,
            training=100 * signs.training,
            validation=100 * signs.validation,
            error=100 * signs.standard_error,
        )
    groups = advice(diagnosis.label, hyperparameters)
    if groups:
        listed = [
            said("{group}: {names}", group=GROUP[group], names=", ".join(names))
            for group, names in groups.items()
        ]
        every = listed[0]
        for one in listed[1:]:
            every = said("{one}; {other}", one=every, other=one)
        told = said("{before} What to try, cheapest first: {groups}.", before=told, groups=every)
    if diagnosis.label == "underfitting" and not against_best:
        told = said(
            "{before} A sound model of noisy data looks the same: the report tells them apart, "
            "once the best trial is known.",
            before=told,
        )
    return told


def advice(label: Label, hyperparameters: Collection[str]) -> dict[str, list[str]]:
    """Return those of the given hyperparameters to try first, by group."""
    groups = {
        group: [name for name in names if name in hyperparameters]
        for group, names in FIRST.get(label, {}).items()
    }
    return {group: names for group, names in groups.items() if names}
