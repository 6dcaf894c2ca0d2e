"""Section "What should I try next?": the advice of all other sections, the most useful first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.reference import door_of
from tuner.language import joined, phrase
from tuner.report.facts.steps import what_others_add
from tuner.report.recalling import recalled
from tuner.report.sections.changes import ablate_command
from tuner.report.sections.choice import retrain_command
from tuner.report.sections.loop import is_of_loop, where_the_space_is
from tuner.report.sections.part import confirmed_part, simpler_part
from tuner.report.sections.repeat import study_command
from tuner.report.sections.verdict import is_unconfirmed
from tuner.report.wording import code, in_a_row, label_word, listed, sentence, shell

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def next_section(facts: Facts) -> str:
    """Return the section: numbered steps, each with its command or the place to change."""
    steps = [] if facts.get("shuffled") else _steps(facts)
    if not steps:
        steps = [_nothing(facts)]
    numbered = "\n".join(f"{place}. {step}" for place, step in enumerate(steps, 1))
    heading = phrase("## What should I try next?")
    return f"{heading}\n\n{numbered}"


def _steps(facts: Facts) -> list[str]:
    return [
        *_finish(facts),
        *_wider_ranges(facts),
        *_measure(facts),
        *_drop(facts),
        *_surer(facts),
        *_search(facts),
        *_data(facts),
    ]


def _nothing(facts: Facts) -> str:
    if facts.get("shuffled"):
        return phrase(
            "Nothing here. The report of the original study says what this placebo shows."
        )
    return phrase("Nothing is left to fix in this search. Use the model, or try it on new data.")


def _finish(facts: Facts) -> list[str]:
    if not facts["arms"] or "baseline" not in facts["arms"]:
        return [_with_command(phrase("Continue the search."), study_command(facts))]
    if is_unconfirmed(facts):
        command = study_command(facts, confirm=True)
        return [_with_command(phrase("Confirm the result."), command)]
    return []


def _measure(facts: Facts) -> list[str]:
    pair, ablation = facts["comparison"]["best_vs_baseline"], facts["ablation"]
    if not pair or pair["same_trial"] or (ablation and ablation["complete"]):
        return []
    told = (
        phrase("Continue to measure which change made the difference.")
        if ablation
        else phrase("Measure which change made the difference.")
    )
    return [_with_command(told, ablate_command(facts))]


def _drop(facts: Facts) -> list[str]:
    names = simpler_part(facts)
    if not names:
        return []
    what = _simpler(
        listed([code(name) for name in names]),
        loop=is_of_loop(facts),
        proven=confirmed_part(facts, names) is not None,
        sure=what_others_add(facts["ablation"]) == "nothing",
    )
    return [_with_command(what, retrain_command(facts, only=names))]


def _simpler(kept: str, *, loop: bool, proven: bool, sure: bool) -> str:
    """Advise a part of the changes.

    Args:
        kept: the changes in it, in words.
        loop: whether the study is of a loop.
        proven: whether the part is proven better than the baseline.
        sure: whether the other changes are known to add nothing.
    """
    if proven and not loop:
        return phrase(
            "Simplify: keep only {kept}. That is proven better than the baseline. This command "
            "saves the model.",
            kept=kept,
        )
    if loop and sure:
        return phrase(
            "Simplify: keep only {kept}, and drop the other changes. This command calls the loop "
            "with these, and keeps what it writes.",
            kept=kept,
        )
    if loop:
        return phrase(
            "Try a simpler configuration, with only {kept}: whether the other changes add anything "
            "is not known. This command calls the loop with these, and keeps what it writes.",
            kept=kept,
        )
    if sure:
        return phrase(
            "Simplify: keep only {kept}, and drop the other changes. This command compares that "
            "with the baseline on the test rows, and saves the model.",
            kept=kept,
        )
    return phrase(
        "Try a simpler model, with only {kept}: whether the other changes add anything is not "
        "known. This command compares that with the baseline and the best on the test rows, and "
        "saves the model.",
        kept=kept,
    )


def _surer(facts: Facts) -> list[str]:
    pair = facts["comparison"]["best_vs_baseline"]
    if not pair or pair["same_trial"] or pair["verdict"] != "no proven gain":
        return []
    told = pair.get("certainty")
    if told:
        return [sentence(recalled(one)) for one in ([told] if isinstance(told, str) else told)]
    return [
        phrase("Make the comparison more certain: run the study command again with more `--seeds`.")
    ]


def _wider_ranges(facts: Facts) -> list[str]:
    return _advice(facts, "edges") + _advice(facts, "failed")


def _search(facts: Facts) -> list[str]:
    found = facts["outlook"]
    if found["more_trials"] == "limited":
        return [
            phrase(
                "Continue in a new study with another `--name`: set higher limits, or use "
                "`--fix` for what makes a model too large."
            )
        ]
    if found["more_trials"] == "no" and door_of(facts["reference"]):
        return [
            phrase(
                "Fix fewer hyperparameters (`--fix`), and start a new study with `--name`: every "
                "configuration has been tried."
            )
        ]
    if found["more_trials"] == "no":
        return [
            phrase(
                "Widen the search space in {place}, and start a new study with `--name`: every "
                "configuration has been tried.",
                place=where_the_space_is(facts),
            )
        ]
    if found["more_trials"] == "perhaps":
        return [phrase("Run more trials: repeat the study command with a larger `--trials`.")]
    if found["more_trials"] == "unknown" and facts["arms"]:
        return [
            phrase("Run at least 20 trials: repeat the study command with a larger `--trials`.")
        ]
    return _advice(facts, "progress") + _advice(facts, "duplicates")


def _data(facts: Facts) -> list[str]:
    steps = _advice(facts, "validation")
    best = facts["diagnosis"].get("best")
    if best and best["label"] == "overfitting":
        steps.append(
            phrase(
                "Collect more training rows, or use stronger regularisation: the best model still "
                "does much better on its training rows than on new ones."
            )
        )
    elif best and best["try_first"] and not door_of(facts["reference"]):
        names = [code(name) for group in best["try_first"].values() for name in group]
        steps.append(
            phrase(
                "The best model shows {label}; look at the ranges of {names}.",
                label=label_word(best["label"]),
                names=in_a_row(names),
            )
        )
    return steps


def _advice(facts: Facts, name: str) -> list[str]:
    return [
        joined(sentence(recalled(one["found"])), sentence(recalled(one["advice"])))
        for one in facts["health"]
        if one["name"] == name and not one["good"]
    ]


def _with_command(step: str, command: str) -> str:
    """Return a step, followed by its command as an indented block."""
    block = "\n".join(f"   {line}" for line in shell(command).splitlines())
    return f"{step}\n\n{block}"
