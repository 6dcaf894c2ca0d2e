"""The end of a study command: verdict, best hyperparameters, report, and the next command."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from tuner.case.reference import is_loop
from tuner.commands.options import seconds
from tuner.commands.tables import value_text
from tuner.evidence.statistics.comparison import FEWEST_TO_PROVE
from tuner.report.facts.steps import can_be_told
from tuner.report.scored import metric_in
from tuner.report.sections.changes import ablate_command
from tuner.report.sections.choice import retrain_command
from tuner.report.sections.part import confirmed_part, simpler_part
from tuner.report.sections.repeat import study_command
from tuner.report.sections.scores import folds_of_search, with_uncertainty
from tuner.report.sections.verdict import of_the_gain
from tuner.report.wording import count, difference, listed, means_and_stds
from tuner.study.typed_command import ACCEPT_CHANGES, TypedCommand

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console


def conclude(console: Console, report: Path, command: str) -> None:
    """Print the first screen of a report, and the next command.

    Args:
        console: where to print.
        report: path of report.md; report.json and report.html are in the same folder.
        command: the study command as typed, without secrets.
    """
    from rich.markdown import Markdown

    from tuner.report.document import first_screen

    shown = first_screen(report.read_text(encoding="utf-8"))
    facts = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    console.print()
    if console.is_terminal:
        console.print(Markdown(shown))
    else:
        console.print(shown, highlight=False, soft_wrap=True)
    lines = [best_line(facts), score_line(facts), f"Report: {report.with_suffix('.html')}"]
    next_one = next_command(facts, command)
    if next_one:
        lines.append(f"Next:   {next_one}")
    console.print("\n" + "\n".join(filter(None, lines)), soft_wrap=True, highlight=False)


def conclude_ablation(console: Console, report: Path) -> None:
    """Print the result of an ablation: the smallest change worth making, and the next command.

    Args:
        console: where to print.
        report: path of report.md; report.json and report.html are in the same folder.
    """
    facts = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    lines = [smallest_line(facts), f"Report: {report.with_suffix('.html')}"]
    next_one = after_ablation(facts)
    if next_one:
        lines.append(f"Next:   {next_one}")
    console.print("\n" + "\n".join(lines), soft_wrap=True, highlight=False)


def smallest_line(facts: Mapping[str, Any]) -> str:
    """Return which changes suffice, in a sentence, or why this is unknown."""
    found = facts["ablation"]
    smallest = found["smallest"]
    fresh = "fresh seeds" if is_loop(facts["reference"]) else "fresh folds"
    if not smallest:
        return (
            f"No change is worth making: on {fresh} the best is no better than the baseline."
            if found["complete"]
            else "The smallest change worth making is not known yet: the time budget ran out after "
            f"{len(found['path'])} of {count(len(found['changes']), 'change')}."
        )
    if not can_be_told(found):
        return (
            f"It is not clear which change mattered: on {fresh}, the gain of all changes "
            "together may be chance. Measure on more of them, with a larger --seeds."
        )
    changes = listed(
        [
            f"{name}={value_text(one['now'])} (was {value_text(one['was'])})"
            for name in smallest["changes"]
            for one in (found["changes"][name],)
        ]
    )
    gain, whole = smallest["gain"], found["whole"]["gain"]
    if gain is None or whole is None or not whole > 0:
        brings = f"the baseline diverged on {fresh}, so its share of the gain is not known"
    else:
        every = len(found["changes"])
        of_all = "" if every == 1 else f" of all {every} changes"
        brings = f"on {fresh} it brings {of_the_gain(found)}{of_all}"
    return f"The smallest change worth making: {changes}; {brings}."


def after_ablation(facts: Mapping[str, Any]) -> str:
    """Return the most useful command after an ablation, with a comment on its purpose."""
    found, pair = facts["ablation"], facts["comparison"]["best_vs_baseline"]
    if not found["complete"]:
        return f"{ablate_command(facts)}   # measure the rest"
    better = pair is not None and pair["verdict"] == "better"
    names = (found["smallest"] or {}).get("changes", [])
    if better and names and not can_be_told(found):
        return f"{ablate_command(facts, times=2)}   # tell the changes from chance"
    if simpler := simpler_part(facts):
        untested = confirmed_part(facts, simpler) is None and not is_loop(facts["reference"])
        why = "is it better on the test rows?" if untested else "save the model"
        return f"{retrain_command(facts, only=simpler)}   # {why}"
    return next_command(facts, study_command(facts))


def best_line(facts: Mapping[str, Any]) -> str:
    """Return how the best differs from the baseline; an empty string if it does not."""
    arms = facts["arms"]
    if "best" not in arms:
        return ""
    best = arms["best"]
    now = best["hyperparameters"]
    was = arms["baseline"]["hyperparameters"] if "baseline" in arms else {}
    changed = [
        f"{name}={value_text(value)}" + (f" (was {value_text(was[name])})" if name in was else "")
        for name, value in now.items()
        if was.get(name) != value
    ]
    return f"Best:   trial {best['trial']}: {', '.join(changed)}" if changed else ""


def score_line(facts: Mapping[str, Any]) -> str:
    """Return the best's score on fresh folds, and how optimistic its score in the search was.

    An empty string if it has no score on fresh folds.
    """
    best = facts["arms"].get("best")
    if not best or not best.get("fresh"):
        return ""
    metric = metric_in(facts)
    loop = is_loop(facts["reference"])
    of_search = with_uncertainty(facts, best["validation"])
    fresh, searched = means_and_stds(metric, [best["fresh"], of_search])
    folds = "" if loop else f" ({folds_of_search(facts)})"
    by = best["optimism"]
    how = (
        f"{difference(metric, by)} too optimistic or more" if by > 0 else "not better than on these"
    )
    return (
        f"Score:  {metric.title} {fresh} on fresh {'seeds' if loop else 'folds'}; in the search it "
        f"was {searched}{folds}, {how}"
    )


def next_command(facts: Mapping[str, Any], command: str) -> str:
    """Return the most useful next command, with a comment on its purpose; empty if none."""
    pair = facts["comparison"]["best_vs_baseline"]
    if not {"baseline", "best"} <= facts["arms"].keys():
        return ""
    if pair is None or pair["n"] < pair.get("fewest", FEWEST_TO_PROVE):
        return f"{_as_confirmed(command, facts['trials']['total'])}   # is it really better?"
    if pair["same_trial"] or pair["verdict"] != "better":
        if facts["outlook"]["more_trials"] in {"no", "limited"}:
            return ""
        return f"{_continued(facts, command)}   # continue the search"
    if not facts["ablation"]:
        return f"{ablate_command(facts)}   # which change made the difference?"
    return f"{retrain_command(facts)}   # save the model"


def _as_confirmed(command: str, trials: int) -> TypedCommand:
    """Return a command with a confirmation, and without what its last run has settled.

    Without `--try` it has the number of trials that `--try` implied.
    """
    typed = TypedCommand.read(command)
    settled = typed.without("--try", ACCEPT_CHANGES)
    if settled != typed and not settled.has("--trials", "--budget"):
        settled = settled.with_("--trials", trials)
    return settled.without("--seeds")


def _continued(facts: Mapping[str, Any], command: str) -> TypedCommand:
    """Return a command that searches twice as long."""
    typed = TypedCommand.read(command).without("--trials", "--try", ACCEPT_CHANGES)
    # If the trials ended the search, there is still no time for as many again in the budget.
    if ended_by := facts["budget"]:
        whole = ended_by["seconds"]
    else:
        budget = typed.value_of("--budget")
        whole = None if budget is None else seconds(budget)
        typed = typed.with_("--trials", 2 * facts["trials"]["total"])
    if whole is None:
        return typed
    return typed.without("--budget").with_("--budget", f"{math.ceil(2 * whole)}s")
