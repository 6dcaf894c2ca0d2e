"""Chooses the arm to use, and gives the commands that train and save its model."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from tuner.case.reference import door_of, is_file, is_loop
from tuner.language import phrase
from tuner.naming import last_words
from tuner.report.sections.ensembles import ensemble_in_words, ensemble_to_use
from tuner.report.sections.loop import is_of_loop
from tuner.report.wording import code, shell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]

# Values of `reading` that `tuner.data.reading` stores; a report does not import that module.
READ_BY_CASE, READ_UNKNOWN = "case", "unknown"


def chosen_arm(facts: Facts) -> str | None:
    """Return the arm to use: one that is proven better, else the baseline, if it keeps all limits.

    Without a confirmation, it is the best of the search. None if no trial is complete, if every
    trained model is over a limit, or if the targets were shuffled.
    """
    arms, compared = facts["arms"], facts["comparison"]
    if "best" not in arms or facts.get("shuffled"):
        return None
    if compared["best_vs_baseline"] is None:
        return "best"
    for arm in ("best", "recipe"):
        pair = compared[f"{arm}_vs_baseline"]
        if pair and pair["verdict"] == "better" and not _is_barred(facts, arm):
            return arm
    return "best" if _is_barred(facts, "baseline") else "baseline"


def _is_barred(facts: Facts, arm: str) -> bool:
    """Whether an arm is over a limit of the study, or breaks a constraint of its loop."""
    limited = (facts.get("limits") or {}).get("arms", {})
    over: bool = limited.get(arm, {}).get("breaks", False)
    return over or arm in facts.get("broken_constraints", {})


def reason(facts: Facts) -> str:
    """Return which arm to use, and why."""
    arm = chosen_arm(facts)
    if facts.get("shuffled"):
        return phrase("Nothing: the models of a placebo have learned shuffled targets.")
    if arm is None and facts["arms"]:
        return phrase(
            "No model that was trained is within the limits of the study, so there is nothing to "
            "use."
        )
    if arm is None:
        return phrase("There is no complete trial yet, so there is nothing to use.")
    trial = facts["arms"][arm]["trial"]
    if facts["comparison"]["best_vs_baseline"] is None:
        return phrase(
            "Wait for the confirmation. Until then, trial {trial} is the best of the search; "
            "nothing has confirmed it.",
            trial=trial,
        )
    if arm == "baseline":
        best = facts["arms"]["best"]["trial"]
        if best == trial:
            return phrase(
                "Use the baseline (trial {trial}): nothing better was found.", trial=trial
            )
        return phrase(
            "Use the baseline (trial {trial}): no other arm is proven better.", trial=trial
        )
    if arm == "recipe" and facts["arms"]["best"]["trial"] != trial:
        return phrase(
            "Use the recipe (trial {trial}): it is proven better, and the best trial is not.",
            trial=trial,
        )
    if _is_barred(facts, "baseline"):
        return phrase(
            "Use trial {trial}: it is the best within the limits, and the baseline is over them.",
            trial=trial,
        )
    return phrase("Use trial {trial}: it is proven better than the baseline.", trial=trial)


def how_to_use(facts: Facts) -> str:
    """Return the commands that train the chosen arm again, and how to use its model."""
    arm = chosen_arm(facts)
    if arm is None:
        return ""
    retrain = shell(retrain_command(facts, arm))
    folder = code(facts.get("bundles", facts["home"] + "/bundles"))
    if is_of_loop(facts):
        told = phrase(
            "This calls the loop again and keeps the files that it writes into `tuner.folder()`, "
            "and the weights of the module that it returns, under {folder}.",
            folder=folder,
        )
        return f"{retrain}\n\n{told}"
    parts = [retrain, _told_of_use(facts, folder)]
    if ensemble := ensemble_to_use(facts, arm):
        command = retrain_command(facts, arm, models=ensemble["models"])
        parts += [ensemble_in_words(facts, ensemble), shell(command)]
    return "\n\n".join(parts)


def _told_of_use(facts: Facts, folder: str) -> str:
    """Return where the model of a case is saved, and how to use it."""
    if facts["data"].get("reading") == READ_UNKNOWN:
        return phrase(
            "This trains it on the development rows and saves the model in a folder under "
            "{folder}. To use it in Python: `tuner.load(FOLDER, case={case}).predict(rows)`. "
            "`tuner predict` needs a function `read` in the case, and it has none.",
            case=repr(facts["reference"]),
            folder=folder,
        )
    return phrase(
        "This trains it on the development rows and saves the model in a folder under {folder}. "
        "To use it: `tuner predict FOLDER FILE...`. Each FILE is {file}.",
        folder=folder,
        file=_file_in_words(facts),
    )


def _file_in_words(facts: Facts) -> str:
    """Return the kind of file that `tuner predict` accepts for this study."""
    data = facts["data"]
    if data.get("pixels") or door_of(facts["reference"]) == "images":
        return phrase("an image file")
    if data.get("table"):
        return phrase("a CSV or Parquet file with the columns of the one that was studied")
    if data.get("reading") == READ_BY_CASE:
        return phrase("a file that the case reads by its own `read`")
    return phrase("a CSV file whose header has the names of the model's columns")


def retrain_command(
    facts: Facts, arm: str = "best", only: Sequence[str] = (), models: int = 1
) -> str:
    """Return the command that trains an arm again, or the baseline with only some changes.

    Args:
        only: names of the changes to apply to the baseline; `arm` then has no effect.
        models: number of models to train.
    """
    option = "" if arm == "best" else f" --arm {arm}"
    if only:
        option = f" --only {shlex.quote(','.join(only))}"
    if models > 1:
        option += f" --models {models}"
    return f"tuner retrain{option_for_place(facts)}{option} {study_word(facts)}"


def option_for_place(facts: Facts) -> str:
    """Return the options for the storage and the case of a study, each with a space before it."""
    place = f" {facts['where']}" if facts["where"] else ""
    if is_file(facts["reference"]) or is_loop(facts["reference"]):
        place += f" --case {shlex.quote(facts['reference'])}"
    return place


def study_word(facts: Facts) -> str:
    """Return the study's name, quoted for the end of a command line."""
    return shlex.join(last_words(facts["study"]))
