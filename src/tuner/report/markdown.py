"""report.md: the verdict first, then what it rests on."""

from __future__ import annotations

from typing import Any

from tuner.report.ablation import ablation_section
from tuner.report.confirmation import candidates_section, certainty_section
from tuner.report.diagnosis import diagnosis_section
from tuner.report.health import health_section
from tuner.report.importance import importance_section
from tuner.report.mistakes import mistakes_section
from tuner.report.provenance import commands_section, data_section, machine_section, study_command
from tuner.report.search import search_section
from tuner.report.verdict import is_unconfirmed, most_of_it, recipe_verdict, verdict
from tuner.report.wording import (
    BLANK,
    code,
    count,
    mean_and_std,
    setting,
    shell,
    table,
    title,
    with_confirmation,
)


def document(facts: dict[str, Any], plots: list[str]) -> str:
    """Return the text of report.md.

    Everything before the first second-level heading is what a person needs in a terminal.

    Args:
        plots: names of the picture files that lie beside it.
    """
    parts = [
        _warning(facts),
        f"# Study {code(facts['study'])}",
        " ".join(filter(None, (f"**{verdict(facts)}**", most_of_it(facts), recipe_verdict(facts)))),
        _how_to_confirm(facts),
        _arms(facts),
        certainty_section(facts),
        candidates_section(facts),
        diagnosis_section(facts),
        _differences(facts),
        ablation_section(facts, "ablation.svg" if "ablation.svg" in plots else None),
        importance_section(facts, "importance.svg" if "importance.svg" in plots else None),
        mistakes_section(facts, plots),
        search_section(facts, plots),
        health_section(facts),
        data_section(facts),
        machine_section(facts),
        commands_section(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _warning(facts: dict[str, Any]) -> str:
    missing = facts["data"]["stands_in_for"]
    if not missing:
        return ""
    name = facts["data"]["name"].upper()
    return (
        f"> **THIS IS NOT {missing.upper()}. The data of {code(missing)} could not be had, so this "
        f"is a study of a stand-in, {name}.**\n"
        f"> No figure below says anything about {code(missing)}. "
        f"The stand-in: {code(facts['data']['source'])}."
    )


def _how_to_confirm(facts: dict[str, Any]) -> str:
    if not is_unconfirmed(facts):
        return ""
    command = with_confirmation(facts["manifest"]["command"] or study_command(facts))
    return "This confirms it: it trains the arms again on fresh seeds and opens the test split." + (
        f"\n\n{shell(command)}"
    )


def _arms(facts: dict[str, Any]) -> str:
    arms, metric = facts["arms"], facts["metric"]["name"]
    if not arms:
        return ""
    folds = max(arm["validation"]["n"] for arm in arms.values())
    tested = {
        name: len(scores["values"]) for arm in arms.values() for name, scores in arm["test"].items()
    }
    rounds = max((arm["fresh"]["n"] for arm in arms.values() if arm["fresh"]), default=0)
    header = ["arm", "trial", "epochs", f"validation {title(metric)} ({count(folds, 'fold')})"]
    header += [f"fresh validation ({count(rounds, 'seed')})"] * bool(rounds)
    header += [f"test {title(name)} ({count(seeds, 'seed')})" for name, seeds in tested.items()]
    rows = [
        [
            f"**{name}**",
            str(arm["trial"]),
            _epochs(arm),
            mean_and_std(metric, arm["validation"]),
            *[mean_and_std(metric, arm["fresh"]) if arm["fresh"] else BLANK] * bool(rounds),
            *(mean_and_std(k, arm["test"][k]) if k in arm["test"] else BLANK for k in tested),
        ]
        for name, arm in arms.items()
    ]
    notes = [f"Mean ± standard deviation{_units(facts)}. Epochs: those kept, of those planned."]
    notes += [
        "Validation scores are means over a tenth of a training, up to the epochs kept; those of "
        "the search chose what to look at further, so **they are optimistic**."
    ]
    if rounds:
        notes += [
            "Fresh ones are of new trainings, on seeds and folds that the search did not use."
        ]
    if tested:
        notes += [
            f"Test scores are of models trained on {_rows_for_test(facts)}, on the same seeds for "
            "every arm."
        ]
    return table(header, rows) + "\n\n" + " ".join(notes)


def _rows_for_test(facts: dict[str, Any]) -> str:
    whole: int = facts["data"]["sizes"]["development"]
    some: int = facts["confirmation"]["trained_on"] or whole
    if some == whole:
        return f"all {whole:,} development rows"
    return f"{some:,} of {whole:,} development rows, those of the fresh validation"


def _epochs(arm: dict[str, Any]) -> str:
    planned = arm["hyperparameters"].get("epochs")
    return setting(arm["best_epoch"]) + (f" of {planned}" if planned else "")


def _units(facts: dict[str, Any]) -> str:
    return ", in standardised units of the target" if facts["task"] == "regression" else ""


def _differences(facts: dict[str, Any]) -> str:
    """Show what the arms set differently, and what they have in common."""
    arms = {name: arm["hyperparameters"] for name, arm in facts["arms"].items()}
    if not arms:
        return ""
    names = list(dict.fromkeys(name for values in arms.values() for name in values))
    values = {name: [setting(arm.get(name, BLANK)) for arm in arms.values()] for name in names}
    differing = [name for name in names if len(set(values[name])) > 1]
    equal = [f"{code(name)} {values[name][0]}" for name in names if name not in differing]
    parts = ["## What differs"]
    if differing:
        rows = [
            [code(name), *(_marked(value, values[name][0]) for value in values[name])]
            for name in differing
        ]
        parts.append(table(["hyperparameter", *arms], rows))
    else:
        parts.append("Nothing: the arms have the same hyperparameters.")
    if equal and differing:
        parts.append(f"The rest is equal: {', '.join(equal)}.")
    return "\n\n".join(parts)


def _marked(value: str, baseline: str) -> str:
    return value if value == baseline else f"**{value}**"
