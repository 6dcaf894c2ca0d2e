"""Was the search good enough, and would more trials help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.scored import metric_in
from tuner.report.sections.guesses import guesses_in_words, is_guess
from tuner.report.sections.loop import is_of_loop
from tuner.report.sections.placebo import placebo_in_words
from tuner.report.sections.pruning import pruning_cost
from tuner.report.wording import (
    code,
    count,
    difference,
    duration,
    means_and_stds,
    per_cent,
    sentence,
    setting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]

MOST_REASONS = 8


def enough_section(facts: Facts, plots: Sequence[str]) -> str:
    """Return the section: the answer, the checks, pictures, and how the search went in numbers."""
    captions = {
        "history.svg": "Optimisation history: validation of every trial, best so far, baseline",
        "learning_curves.svg": "Learning curves of the arms: validation and training by epoch",
    }
    pictures = [f"![{captions[name]}]({name})" for name in plots if name in captions]
    lines = [
        _trials(facts),
        _stopped(facts),
        _best(facts),
        _guesses(facts),
        _time(facts),
        _saving(facts),
        *_failures(facts),
        *_tries(facts),
        f"- Sampler: {facts['sampler']}",
        f"- Pruner: {facts['pruner']}",
        _seed(facts),
    ]
    parts = [
        "## Was the search good enough? Would more trials help?",
        more_trials(facts),
        _checks(facts),
        pruning_cost(facts),
        placebo_in_words(facts),
        *pictures,
        "\n".join(line for line in lines if line),
    ]
    return "\n\n".join(part for part in parts if part)


def more_trials(facts: Facts) -> str:
    """Say whether more trials of this search would help, and why."""
    found, metric = facts["outlook"], metric_in(facts)
    if found["more_trials"] == "no":
        return (
            f"**More trials cannot help**: the search space has "
            f"{count(found['configurations'], 'configuration')}, and the search has tried "
            f"{'it' if found['configurations'] == 1 else 'all of them'}."
        )
    if found["more_trials"] == "unknown":
        return (
            f"**It is too early to tell whether more trials would help**: there are only "
            f"{count(found['total'], 'finished trial')}. Run at least 20."
        )
    gain, noise = found["gain"], found["noise"]
    if not gain:
        brought = (
            f"The last {found['since_best']} of {found['total']} trials did not improve the best "
            "score of the search."
        )
    else:
        brought = (
            f"The last {found['last']} of {found['total']} trials improved the best score by "
            f"{difference(metric, gain)}"
        )
        if noise is not None:
            than = "less" if gain <= noise else "more"
            brought += f", {than} than the uncertainty of that score ({difference(metric, noise)})"
        brought += "."
        if found["more_trials"] == "hardly" and (noise is None or gain > noise):
            brought += f" But the last {found['since_best']} did not improve it."
    if found["more_trials"] == "hardly":
        return f"**100 more trials would probably not help.** {brought}"
    return (
        f"**More trials may help.** {brought} To continue, run the same command with a larger "
        "`--trials`."
    )


def _checks(facts: Facts) -> str:
    """Return a line a check, first those with something to do."""
    checks = [one for one in facts["health"] if one["name"] != "progress"]  # answered above
    checks.sort(key=lambda one: bool(one["good"]))
    return "\n".join(
        f"- {sentence(one['found'])}"
        if one["good"]
        else f"- **{sentence(one['found'])}** {sentence(one['advice'])}"
        for one in checks
    )


def _trials(facts: Facts) -> str:
    trials = facts["trials"]
    line = (
        f"- {count(trials['total'], 'trial')}: {trials['complete']} complete, "
        f"{trials['pruned']} pruned (ended early), {trials['failed']} failed"
    )
    if trials.get("passed_over"):
        line += f"; {trials['passed_over']} more not trained: their models are over a limit"
    if trials["unfinished"]:
        line += (
            f"; {trials['unfinished']} more not finished: the study was interrupted, or is running "
            "now"
        )
    return line


def _stopped(facts: Facts) -> str:
    stopped, budget = facts["stopped"], facts["budget"]
    if stopped and budget:
        return (
            f"- The number of trials came from a time budget of {duration(budget['seconds'])} "
            f"(`--budget`): `--trials {facts['trials']['total']}` makes the same study, bit for bit"
        )
    return f"- Stopped by `--trials auto` {stopped['reason']}" if stopped else ""


def _best(facts: Facts) -> str:
    if "best" not in facts["arms"]:
        return "- No trial is complete, so there is no best trial"
    number = facts["arms"]["best"]["trial"]
    same = [
        name
        for name in ("baseline", "recipe")
        if facts["arms"].get(name, {}).get("trial") == number
    ]
    if is_guess(facts, number):
        return f"- Best: trial {number}, which is a guess"
    return f"- Best: trial {number}" + (f", which is the {same[0]}" if same else "")


def _guesses(facts: Facts) -> str:
    told = guesses_in_words(facts) if "best" in facts["arms"] else ""
    return f"- {told}" if told else ""


def _time(facts: Facts) -> str:
    wall = facts["wall_seconds"]
    if wall["sessions"] == 0:
        return ""
    parts = []
    if wall["search"] is not None:
        parts.append(f"search {duration(wall['search'])}")
    if wall["confirmation"] is not None:
        parts.append(f"confirmation {duration(wall['confirmation'])}")
    if wall["audit"] is not None and facts["audit"]:
        parts.append(f"pruned trials trained to their end {duration(wall['audit'])}")
    parts.append(f"all trials together {duration(wall['all_trials'])}")
    line = f"- Time: {', '.join(parts)}, in {count(wall['sessions'], 'session')}"
    if wall["sessions_without_time"]:
        line += (
            f" ({wall['sessions_without_time']} of them interrupted, and not part of the search "
            "time)"
        )
    return line


def _saving(facts: Facts) -> str:
    done, whole = facts["work"]["done"], facts["work"]["without_pruning_at_most"]
    if not done or not whole or not facts["trials"]["pruned"] or is_of_loop(facts):
        return ""
    return (
        f"- Pruning saved up to {per_cent(1 - done / whole)} of the work of training every trial "
        "to its end"
    )


def _failures(facts: Facts) -> list[str]:
    failures = sorted(facts["trials"]["failures"], key=lambda one: -one["count"])
    lines = []
    for one in failures[:MOST_REASONS]:
        trials = ", ".join(map(str, one["trials"][:10])) + (", …" if one["count"] > 10 else "")
        noun = "trial" if one["count"] == 1 else "trials"
        lines.append(f"- Failed, {noun} {trials}: {code(one['reason'])}")
    if len(failures) > MOST_REASONS:
        lines.append(f"- {len(failures) - MOST_REASONS} more reasons are in report.json")
    return lines


def _tries(facts: Facts) -> list[str]:
    """Say what came of the configurations that a person asked for."""
    metric = metric_in(facts)
    lines = []
    for one in facts.get("tries") or []:
        typed = ",".join(f"{name}={value}" for name, value in one["values"].items())
        came_to = f"{one['state']} before its end"
        if one["state"] == "fail":
            came_to = "failed"
        elif one["state"] in {"waiting", "running"}:
            came_to = "not finished yet"
        elif one["score"] is not None:
            (score,) = means_and_stds(metric, [{"mean": one["score"], "std": None}])
            came_to = f"validation {metric.title} {score}"
        lines.append(f"- Your own configuration, trial {one['trial']} ({code(typed)}): {came_to}")
    return lines


def _seed(facts: Facts) -> str:
    fixed = ", ".join(f"{code(name)} = {setting(value)}" for name, value in facts["fixed"].items())
    return f"- Seed {facts['seed']}" + (f"; not searched: {fixed}" if fixed else "")
