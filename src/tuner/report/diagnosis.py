"""What is wrong with the arms: a section of report.md, and its facts."""

from __future__ import annotations

from dataclasses import asdict
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tuner.evidence.diagnosis import advice, diagnose, meaning
from tuner.evidence.signs import curve_of
from tuner.report.wording import BLANK, code, number, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


def diagnoses(arms: Mapping[str, FrozenTrial], made: Mapping[str, Any]) -> dict[str, Any]:
    """Diagnose each arm, with the best validation score of the study for a reference.

    Args:
        made: what the study was made with.
    """
    reference = arms["best"].value if "best" in arms else None
    found = {}
    for name, trial in arms.items():
        curve = curve_of(trial, made)
        if curve is None:
            continue
        one = diagnose(curve, reference)
        hyperparameters = trial.user_attrs.get("hyperparameters", {})
        found[name] = {
            "label": one.label,
            "signs": one.signs and asdict(one.signs),
            "try_first": advice(one.label, hyperparameters),
        }
    return found


def diagnosis_section(facts: dict[str, Any]) -> str:
    """Return the section: a row an arm, and what to try first for the baseline."""
    found = facts["diagnosis"]
    if not found:
        return ""
    header = ["arm", "diagnosis", "training", "validation", "since best", "last quarter"]
    header.append("standard error")
    rows = [[name, one["label"], *_shares(one["signs"])] for name, one in found.items()]
    notes = [
        "Errors at the end of the search's training, as shares of the error of a predictor that "
        "looks at nothing; how much the validation error rose since its best; how much of it the "
        "last quarter of the training took away. All are held against the best trial, which the "
        "diagnosis given at once during the search did not know: where nothing else is wrong, what "
        "is as good as that counts as healthy."
    ]
    if first := found.get("baseline"):
        against_best = bool(first["signs"]) and first["signs"]["reference"] is not None
        notes.append(f"The baseline: {meaning(first['label'], against_best=against_best)}.")
        if first["try_first"]:
            groups = [
                f"{group} ({', '.join(map(code, names))})"
                for group, names in first["try_first"].items()
            ]
            notes.append(f"To try first, the cheapest first: {', '.join(groups)}.")
    if bought := _bought(facts["ablation"]):
        notes.append(
            f"What each group of changes bought here, by the mean of what they added on the way to "
            f"the best and what it loses without each: {bought}."
        )
    return f"## What is wrong?\n\n{table(header, rows, left=2)}\n\n{' '.join(notes)}"


def _bought(ablation: Mapping[str, Any] | None) -> str:
    """Say what share of the gain each group of changes has; empty where it is unknown.

    What a change adds on the path depends on which came before it, and what the best loses without
    it on all others being there; the mean of the two favours neither.
    """
    if not ablation or not ablation["complete"]:
        return ""
    groups: dict[str, float] = {}
    for step in ablation["path"]:
        lost = ablation["without"][step["change"]]["gain"]
        bought = fmean((step["gain"] or 0.0, lost or 0.0))
        groups[step["group"]] = groups.get(step["group"], 0.0) + bought
    whole = sum(groups.values())
    if not whole > 0:
        return ""
    return ", ".join(f"{group} {number(100 * one / whole, 0)} %" for group, one in groups.items())


def _shares(signs: Mapping[str, float] | None) -> list[str]:
    if signs is None:
        return [BLANK] * 5
    names = ("training", "validation", "growth", "slope", "standard_error")
    return [f"{number(100 * signs[name], 1)} %" for name in names]
